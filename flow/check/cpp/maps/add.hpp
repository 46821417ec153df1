// Two branches, each times its own factor: constants[0] and constants[1].
#pragma once

#include "plan.hpp"

namespace bnn {
namespace {

void add(const Plan& plan, const int16_t* const* in, int64_t images, int16_t* out) {
  for (int64_t k = 0; k < images * plan.out_stride; ++k) {
    const int32_t sum = plan.constants[0] * in[0][k] + plan.constants[1] * in[1][k];
    out[k] = static_cast<int16_t>(sum);
  }
}

}  // namespace
}  // namespace bnn
