// The greatest value of each window; the smallest in the channels where constants[channel] is 1.
#pragma once

#include "window.hpp"

namespace bnn {
namespace {

void max_pool(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  const Layer& layer = *plan.layer;
  const int32_t count = 2 * pairs(layer.in_c);
  pixels(plan, in[0], images, out, count, [&](const int16_t* map, int32_t y, int32_t x, auto* to) {
    for (int32_t c = 0; c < layer.in_c; ++c) {
      const int32_t sign = plan.constants[c] != 0 ? -1 : 1;
      int32_t most = INT32_MIN;
      rows_of_window(layer, y, x, [&](int32_t pixel, int32_t) {
        const int32_t value = sign * map[pixel * count + c];
        most = value > most ? value : most;
      });
      to[c] = static_cast<int16_t>(sign * most);
    }
    if (count != layer.in_c) to[layer.in_c] = 0;
  });
}

}  // namespace
}  // namespace bnn
