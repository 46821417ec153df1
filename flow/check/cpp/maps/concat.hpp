// The channels of one branch behind those of another.
#pragma once

#include "plan.hpp"

namespace bnn {
namespace {

void concat(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  const Layer& layer = *plan.layer;
  const int32_t first = layer.in_c, second = layer.out_c - first;
  const int32_t step = 2 * pairs(layer.out_c);
  const int64_t count = images * layer.out_h * layer.out_w;
  const int16_t *a = in[0], *b = in[1];
  for (int64_t pixel = 0; pixel < count; ++pixel, out += step) {
    for (int32_t c = 0; c < first; ++c) out[c] = a[c];
    for (int32_t c = 0; c < second; ++c) out[first + c] = b[c];
    if (step != layer.out_c) out[layer.out_c] = 0;
    a += 2 * pairs(first);
    b += 2 * pairs(second);
  }
}

}  // namespace
}  // namespace bnn
