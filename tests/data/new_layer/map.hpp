// The magnitude of every code.
#pragma once

#include "plan.hpp"

namespace bnn {
namespace {

void absolute(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  for (int64_t k = 0; k < images * plan.out_stride; ++k) {
    out[k] = static_cast<int16_t>(in[0][k] < 0 ? -in[0][k] : in[0][k]);
  }
}

}  // namespace
}  // namespace bnn
