// The sum of each window; padding adds 0.
#pragma once

#include "window.hpp"

namespace bnn {
namespace {

void sum_pool(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  const Layer& layer = *plan.layer;
  const int32_t count = 2 * pairs(layer.in_c);
  pixels(plan, in[0], images, out, count, [&](const int16_t* map, int32_t y, int32_t x, auto* to) {
    for (int32_t c = 0; c < count; ++c) {
      int32_t sum = 0;
      rows_of_window(layer, y, x, [&](int32_t pixel, int32_t) { sum += map[pixel * count + c]; });
      to[c] = static_cast<int16_t>(sum);
    }
  });
}

}  // namespace
}  // namespace bnn
