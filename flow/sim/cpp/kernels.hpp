// The layers, written once for all instruction sets.
//
// A variant gives a struct S with
//   kPixels, kGroups      outputs computed together: pixels times groups of 8 (or 16) channels
//   Counts, Sums          differing bits of 8 channels, int64; dot products of 16 channels, int32
//   bits<P, G>(x, step, steps, w, stride, Counts[P][G])    counts of P windows, G groups
//   codes<P>(x, step, steps, w, Sums[P])                   dot products of P windows, one group
//   at_most(Counts, const int64_t[8])      one bit a channel
//   at_least(Sums, const int32_t[16])      one bit a channel
//   store(Counts, int64_t[8]), store(Sums, int32_t[16])
// Weights stay in the innermost cache while all images of the job pass.
#pragma once

#include <cstring>

#include "plan.hpp"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "channel 0 is the lowest bit of a byte");

namespace bnn {
namespace {  // each variant has its own code: nothing here may be shared by the linker

// Walks the outputs of one region over all images of a job.
struct Walk {
  const Region& region;
  const Plan& plan;
  int32_t per_step;  // elements of the input a step of `in` counts: 1 word, or a pair
  int64_t image = 0;
  int32_t pixel = 0;

  template <class T>
  void next(const T* in, const T*& window, int64_t& position) {
    window = in + image * plan.in_stride + static_cast<int64_t>(region.in[pixel]) * per_step;
    position = image * (plan.layer->out_h * plan.layer->out_w) + region.out[pixel];
    if (++pixel == region.pixels) {
      pixel = 0;
      ++image;
    }
  }
};

// Turns the dot products of channels c .. c + Count - 1 of one pixel into codes.
template <int Count>
void quantise(const Plan& plan, const int32_t (&dots)[Count], int32_t c, int16_t* out) {
  const Layer& layer = *plan.layer;
  const int32_t* threshold = plan.thresholds + c;
  int32_t reached[Count] = {};
  for (int32_t s = 0; s < layer.steps; ++s, threshold += 16 * groups16(layer.out_c)) {
    for (int k = 0; k < Count; ++k) reached[k] += dots[k] >= threshold[k];
  }
  for (int k = 0; k < Count && c + k < layer.out_c; ++k) {
    out[c + k] = static_cast<int16_t>(layer.low + layer.rise * reached[k]);
  }
}

bool gives_bits(const Plan& plan) { return !plan.layer->scores && !plan.layer->codes_out; }

template <class S>
struct Kernels {
  template <int P, int G>
  static void bits_tile(Walk& walk, const uint64_t* in, int32_t group, uint8_t* out,
                        int16_t* codes, int32_t* scores) {
    const Plan& plan = walk.plan;
    const Region& region = walk.region;
    const uint64_t* window[P];
    int64_t position[P];
    for (int p = 0; p < P; ++p) walk.next(in, window[p], position[p]);
    typename S::Counts counts[P][G];
    const auto* weights = static_cast<const uint64_t*>(plan.weights) + group * plan.group_stride;
    S::template bits<P, G>(window, region.step, region.steps, weights, plan.group_stride, counts);
    if (plan.layer->scores) {
      for (int p = 0; p < P; ++p) {
        for (int g = 0; g < G; ++g) {
          int64_t differing[8];
          S::store(counts[p][g], differing);
          for (int32_t k = 0, c = 8 * (group + g); k < 8 && c < plan.layer->out_c; ++k, ++c) {
            const int64_t dot = region.base[c] - 2 * differing[k];
            scores[position[p] * plan.layer->out_c + c] = static_cast<int32_t>(dot);
          }
        }
      }
      return;
    }
    if (plan.layer->codes_out) {
      for (int p = 0; p < P; ++p) {
        for (int g = 0; g < G; ++g) {
          const int32_t first = 8 * (group + g);
          int64_t differing[8];
          int32_t dots[8];
          S::store(counts[p][g], differing);
          for (int k = 0; k < 8; ++k) {
            dots[k] = static_cast<int32_t>(region.base[first + k] - 2 * differing[k]);
          }
          quantise(plan, dots, first, codes + position[p] * 2 * pairs(plan.layer->out_c));
        }
      }
      return;
    }
    const int64_t row = 8 * words(plan.layer->out_c);
    for (int p = 0; p < P; ++p) {
      for (int g = 0; g < G; ++g) {
        out[position[p] * row + group + g] =
            S::at_most(counts[p][g], region.limit + 8 * (group + g));
      }
    }
  }

  template <int G>
  static void bits_groups(const Plan& plan, const uint64_t* in, int64_t images, int32_t group,
                          uint8_t* out, int16_t* codes, int32_t* scores) {
    for (int32_t r = 0; r < plan.regions; ++r) {
      Walk walk{plan.region[r], plan, 1};
      int64_t left = images * plan.region[r].pixels;
      for (; left >= S::kPixels; left -= S::kPixels) {
        bits_tile<S::kPixels, G>(walk, in, group, out, codes, scores);
      }
      if (S::kPixels > 2 && left >= 2) {
        bits_tile<2, G>(walk, in, group, out, codes, scores);
        left -= 2;
      }
      for (; left > 0; --left) bits_tile<1, G>(walk, in, group, out, codes, scores);
    }
  }

  static void conv_bits(const Plan& plan, const uint64_t* in, int64_t images, uint64_t* out,
                        int16_t* codes, int32_t* scores) {
    auto* bytes = reinterpret_cast<uint8_t*>(out);
    if (plan.groups % 8 != 0 && gives_bits(plan)) {  // no channel writes the last bytes
      std::memset(out, 0, sizeof(uint64_t) * images * plan.out_stride);
    }
    int32_t group = 0;
    for (; group + S::kGroups <= plan.groups; group += S::kGroups) {
      bits_groups<S::kGroups>(plan, in, images, group, bytes, codes, scores);
    }
    for (; group < plan.groups; ++group) {
      bits_groups<1>(plan, in, images, group, bytes, codes, scores);
    }
  }

  template <int P>
  static void codes_tile(Walk& walk, const int16_t* in, int32_t group, uint8_t* out,
                         int16_t* codes, int32_t* scores) {
    const Plan& plan = walk.plan;
    const int16_t* window[P];
    int64_t position[P];
    for (int p = 0; p < P; ++p) walk.next(in, window[p], position[p]);
    typename S::Sums sums[P];
    const auto* weights = static_cast<const int16_t*>(plan.weights) + group * plan.group_stride;
    S::template codes<P>(window, walk.region.step, walk.region.steps, weights, sums);
    for (int p = 0; p < P; ++p) {
      if (plan.layer->scores) {
        int32_t dots[16];
        S::store(sums[p], dots);
        for (int32_t k = 0, c = 16 * group; k < 16 && c < plan.layer->out_c; ++k, ++c) {
          scores[position[p] * plan.layer->out_c + c] = dots[k];
        }
      } else if (plan.layer->codes_out) {
        int32_t dots[16];
        S::store(sums[p], dots);
        quantise(plan, dots, 16 * group, codes + position[p] * 2 * pairs(plan.layer->out_c));
      } else {
        const uint16_t passed = S::at_least(sums[p], plan.thresholds + 16 * group);
        const int64_t row = 8 * words(plan.layer->out_c);
        std::memcpy(out + position[p] * row + 2 * group, &passed, sizeof passed);
      }
    }
  }

  static void conv_codes(const Plan& plan, const int16_t* in, int64_t images, uint64_t* out,
                         int16_t* codes, int32_t* scores) {
    auto* bytes = reinterpret_cast<uint8_t*>(out);
    if (plan.groups % 4 != 0 && gives_bits(plan)) {
      std::memset(out, 0, sizeof(uint64_t) * images * plan.out_stride);
    }
    for (int32_t group = 0; group < plan.groups; ++group) {
      for (int32_t r = 0; r < plan.regions; ++r) {
        Walk walk{plan.region[r], plan, 2};
        int64_t left = images * plan.region[r].pixels;
        for (; left >= 4; left -= 4) codes_tile<4>(walk, in, group, bytes, codes, scores);
        for (; left > 0; --left) codes_tile<1>(walk, in, group, bytes, codes, scores);
      }
    }
  }

  static void input_codes(const Plan& plan, const uint8_t* in, int64_t images, int16_t* out) {
    const int32_t channels = plan.layer->in_c, padded = 2 * pairs(channels);
    const int64_t pixels = images * plan.layer->in_h * plan.layer->in_w;
    for (int64_t p = 0; p < pixels; ++p) {
      for (int32_t c = 0; c < channels; ++c) out[c] = plan.table[in[c]];
      if (padded != channels) out[channels] = 0;
      in += channels;
      out += padded;
    }
  }

  static void input_bits(const Plan& plan, const uint8_t* in, int64_t images, uint64_t* out) {
    const int32_t channels = plan.layer->in_c, count = words(channels);
    const int64_t pixels = images * plan.layer->in_h * plan.layer->in_w;
    for (int64_t p = 0; p < pixels; ++p) {
      for (int32_t w = 0; w < count; ++w) out[w] = 0;
      for (int32_t c = 0; c < channels; ++c) {
        out[c / 64] |= static_cast<uint64_t>(plan.table[in[c]] > 0) << (c % 64);
      }
      in += channels;
      out += count;
    }
  }

  static void pool(const Plan& plan, const uint64_t* in, int64_t images, uint64_t* out) {
    const Layer& layer = *plan.layer;
    const int32_t count = words(layer.in_c);
    for (int64_t image = 0; image < images; ++image, in += plan.in_stride) {
      for (int32_t y = 0; y < layer.out_h; ++y) {
        for (int32_t x = 0; x < layer.out_w; ++x, out += count) {
          for (int32_t w = 0; w < count; ++w) {
            uint64_t any = 0;
            for (int32_t ky = 0; ky < layer.kernel_h; ++ky) {
              for (int32_t kx = 0; kx < layer.kernel_w; ++kx) {
                const int32_t row = y * layer.stride_h + ky, column = x * layer.stride_w + kx;
                any |= in[(row * layer.in_w + column) * count + w];
              }
            }
            out[w] = any;
          }
        }
      }
    }
  }

  static void pool_codes(const Plan& plan, const int16_t* in, int64_t images, int16_t* out) {
    const Layer& layer = *plan.layer;
    const int32_t count = 2 * pairs(layer.in_c);
    for (int64_t image = 0; image < images; ++image, in += plan.in_stride) {
      for (int32_t y = 0; y < layer.out_h; ++y) {
        for (int32_t x = 0; x < layer.out_w; ++x, out += count) {
          for (int32_t c = 0; c < count; ++c) {
            int16_t most = INT16_MIN;
            for (int32_t ky = 0; ky < layer.kernel_h; ++ky) {
              for (int32_t kx = 0; kx < layer.kernel_w; ++kx) {
                const int32_t row = y * layer.stride_h + ky, column = x * layer.stride_w + kx;
                const int16_t value = in[(row * layer.in_w + column) * count + c];
                most = value > most ? value : most;
              }
            }
            out[c] = most;
          }
        }
      }
    }
  }

  static void run(const Network& network, const Job& job) {
    const Layer& first = *network.plan[0].layer;
    const int64_t image = static_cast<int64_t>(first.in_h) * first.in_w * first.in_c;
    const uint8_t* pixels = job.pixels + job.first * image;
    int32_t* scores = job.scores + job.first * network.classes;
    const uint64_t* in = nullptr;
    const int16_t* codes_in = nullptr;
    for (int32_t k = 0; k < network.layers; ++k) {
      const Plan& plan = network.plan[k];
      uint64_t* out = job.bits[k % 2];
      int16_t* codes = job.codes[k % 2];
      switch (plan.layer->kind) {
        case Kind::kInputCodes: input_codes(plan, pixels, job.count, codes); break;
        case Kind::kInputBits: input_bits(plan, pixels, job.count, out); break;
        case Kind::kConvCodes: conv_codes(plan, codes_in, job.count, out, codes, scores); break;
        case Kind::kConvBits: conv_bits(plan, in, job.count, out, codes, scores); break;
        case Kind::kPool: pool(plan, in, job.count, out); break;
        case Kind::kPoolCodes: pool_codes(plan, codes_in, job.count, codes); break;
      }
      if (job.taps != nullptr && job.taps[k] != nullptr && !plan.layer->scores) {
        const bool numbers = plan.layer->codes_out;
        const size_t bytes = (numbers ? sizeof(int16_t) : sizeof(uint64_t)) * plan.out_stride;
        std::memcpy(static_cast<char*>(job.taps[k]) + bytes * job.first,
                    numbers ? static_cast<const void*>(codes) : out, bytes * job.count);
      }
      in = out;
      codes_in = codes;
    }
  }
};

}  // namespace
}  // namespace bnn
