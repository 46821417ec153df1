// A frame of pad_value around a map.
#pragma once

#include "window.hpp"

namespace bnn {
namespace {

void pad(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  const Layer& layer = *plan.layer;
  const int32_t count = 2 * pairs(layer.in_c);
  pixels(plan, in[0], images, out, count, [&](const int16_t* map, int32_t y, int32_t x, auto* to) {
    const int32_t row = y - layer.pad_top, column = x - layer.pad_left;
    const bool inside = row >= 0 && row < layer.in_h && column >= 0 && column < layer.in_w;
    for (int32_t c = 0; c < count; ++c) {
      const int16_t around = c < layer.in_c ? static_cast<int16_t>(layer.pad_value) : 0;
      to[c] = inside ? map[(row * layer.in_w + column) * count + c] : around;
    }
  });
}

}  // namespace
}  // namespace bnn
