// How a step goes over the windows of a map.
#pragma once

#include "plan.hpp"

namespace bnn {
namespace {  // each variant has its own code: nothing here may be shared by the linker

// Calls act(first pixel of the window's row, pixels of it) for the part of a window in the map.
template <class Act>
void rows_of_window(const Layer& layer, int32_t y, int32_t x, Act act) {
  for (int32_t ky = 0; ky < layer.kernel_h; ++ky) {
    const int32_t row = y * layer.stride_h - layer.pad_top + ky * layer.dilation_h;
    if (row < 0 || row >= layer.in_h) continue;
    for (int32_t kx = 0; kx < layer.kernel_w; ++kx) {
      const int32_t column = x * layer.stride_w - layer.pad_left + kx * layer.dilation_w;
      if (column < 0 || column >= layer.in_w) continue;
      act(row * layer.in_w + column, ky * layer.kernel_w + kx);
    }
  }
}

// Calls act(image's first input, y, x, output) for every pixel of the output map.
template <class In, class Out, class Act>
void pixels(const Plan& plan, const In* in, int64_t images, Out* out, int32_t per_pixel,
                   Act act) {
  const Layer& layer = *plan.layer;
  for (int64_t image = 0; image < images; ++image, in += plan.in_stride) {
    for (int32_t y = 0; y < layer.out_h; ++y) {
      for (int32_t x = 0; x < layer.out_w; ++x, out += per_pixel) act(in, y, x, out);
    }
  }
}

}  // namespace
}  // namespace bnn
