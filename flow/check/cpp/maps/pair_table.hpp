// A table of the codes of two branches. Constants: both lowest codes, both distances between
// codes, the entries of a row, then the table.
#pragma once

#include "plan.hpp"

namespace bnn {
namespace {

void pair_table(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  const int32_t* const constants = plan.constants;
  const int32_t columns = constants[4];
  const Layer& layer = *plan.layer;
  const int32_t step = 2 * pairs(layer.out_c);
  for (int64_t pixel = 0; pixel < images * layer.out_h * layer.out_w; ++pixel) {
    for (int32_t c = 0; c < step; ++c) {
      const int64_t k = pixel * step + c;
      if (c == layer.out_c) {  // fills the pair up
        out[k] = 0;
        continue;
      }
      const int32_t row = (in[0][k] - constants[0]) / constants[2];
      const int32_t column = (in[1][k] - constants[1]) / constants[3];
      out[k] = static_cast<int16_t>(constants[5 + row * columns + column]);
    }
  }
}

}  // namespace
}  // namespace bnn
