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

#include "maps.inc"  // generated: every file of maps/
#include "plan.hpp"
#include "window.hpp"

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
    const auto* mask = static_cast<const uint64_t*>(plan.mask);
    pixels(plan, in, images, out, count, [&](const uint64_t* map, int32_t y, int32_t x, auto* to) {
      for (int32_t w = 0; w < count; ++w) {
        uint64_t any = 0;  // an AND is an OR of what is turned around
        rows_of_window(layer, y, x, [&](int32_t pixel, int32_t) {
          any |= map[pixel * count + w] ^ mask[w];
        });
        to[w] = any ^ mask[w];
      }
    });
  }

  // Computes sum(map, y, x, channel) for every output and compares it with the thresholds.
  template <class Sum>
  static void quantised(const Plan& plan, const int16_t* in, int64_t images, uint64_t* out,
                        Sum sum) {
    const Layer& layer = *plan.layer;
    const int32_t row = 16 * groups16(layer.out_c);
    auto* codes = reinterpret_cast<int16_t*>(out);
    pixels(plan, in, images, out, 0, [&](const int16_t* map, int32_t y, int32_t x, auto*) {
      uint64_t word = 0;
      for (int32_t c = 0; c < layer.out_c; ++c) {
        const int32_t value = sum(map, y, x, c);
        int32_t reached = 0;
        for (int32_t s = 0; s < layer.steps; ++s) reached += value >= plan.thresholds[s * row + c];
        if (layer.codes_out) {
          *codes++ = static_cast<int16_t>(layer.low + layer.rise * reached);
          continue;
        }
        word |= static_cast<uint64_t>(reached) << (c % 64);
        if (c % 64 == 63 || c + 1 == layer.out_c) {
          *out++ = word;
          word = 0;
        }
      }
      if (layer.codes_out && layer.out_c % 2 != 0) *codes++ = 0;
    });
  }

  static void depthwise(const Plan& plan, const int16_t* in, int64_t images, uint64_t* out) {
    const Layer& layer = *plan.layer;
    const int32_t count = 2 * pairs(layer.in_c);
    const auto* weights = static_cast<const int16_t*>(plan.weights);
    quantised(plan, in, images, out, [&](const int16_t* map, int32_t y, int32_t x, int32_t c) {
      int32_t sum = 0;
      rows_of_window(layer, y, x, [&](int32_t pixel, int32_t tap) {
        sum += map[pixel * count + c] * weights[tap * layer.out_c + c];
      });
      return sum;
    });
  }

  static void threshold(const Plan& plan, const int16_t* in, int64_t images, uint64_t* out) {
    const Layer& layer = *plan.layer;
    const int32_t count = 2 * pairs(layer.in_c);
    const auto* mask = static_cast<const int16_t*>(plan.mask);
    quantised(plan, in, images, out, [&](const int16_t* map, int32_t y, int32_t x, int32_t c) {
      const int32_t value = map[(y * layer.in_w + x) * count + c];
      return mask[c] != 0 ? -value : value;
    });
  }

  static void hand_out(const Plan& plan, const int16_t* in, int64_t images, int32_t* scores) {
    const Layer& layer = *plan.layer;
    const int32_t count = 2 * pairs(layer.in_c);
    for (int64_t pixel = 0; pixel < images * layer.in_h * layer.in_w; ++pixel, in += count) {
      for (int32_t c = 0; c < layer.in_c; ++c) *scores++ = in[c];
    }
  }

  static void run(const Network& network, const Job& job) {
    const Layer& first = *network.plan[0].layer;
    const int64_t image = static_cast<int64_t>(first.in_h) * first.in_w * first.in_c;
    const uint8_t* pixels = job.pixels + job.first * image;
    int32_t* scores = job.scores + job.first * network.classes;
    const auto slot_of = [&](int32_t layer) {
      const int32_t slot = layer < 0 ? -1 : network.plan[layer].layer->slot;
      return slot < 0 ? nullptr : job.slots[slot];
    };
    for (int32_t k = 0; k < network.layers; ++k) {
      const Plan& plan = network.plan[k];
      const Layer& layer = *plan.layer;
      uint64_t* out = slot_of(k);
      auto* codes = reinterpret_cast<int16_t*>(out);
      const uint64_t* in = slot_of(layer.source);
      const auto* a = reinterpret_cast<const int16_t*>(in);
      const auto* b = reinterpret_cast<const int16_t*>(slot_of(layer.source2));
      const int16_t* const maps[] = {a, b};
      switch (layer.kind) {
        case Kind::kInputCodes: input_codes(plan, pixels, job.count, codes); break;
        case Kind::kInputBits: input_bits(plan, pixels, job.count, out); break;
        case Kind::kConvCodes: conv_codes(plan, a, job.count, out, codes, scores); break;
        case Kind::kConvBits: conv_bits(plan, in, job.count, out, codes, scores); break;
        case Kind::kPool: pool(plan, in, job.count, out); break;
        case Kind::kDepthwise: depthwise(plan, a, job.count, out); break;
        case Kind::kThreshold: threshold(plan, a, job.count, out); break;
        case Kind::kMap: kMaps[layer.map](plan, maps, job.count, codes); break;
        case Kind::kScores: hand_out(plan, a, job.count, scores); break;
      }
      if (job.taps != nullptr && job.taps[k] != nullptr && out != nullptr) {
        const size_t bytes = (gives_codes(layer) ? sizeof(int16_t) : sizeof(uint64_t)) *
                             static_cast<size_t>(plan.out_stride);
        std::memcpy(static_cast<char*>(job.taps[k]) + bytes * job.first, out, bytes * job.count);
      }
    }
  }
};

}  // namespace
}  // namespace bnn
