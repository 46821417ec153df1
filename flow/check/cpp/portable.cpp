// Plain C++: bits are counted in parallel inside 64-bit words, bytes are summed by multiplication.
#include "kernels.hpp"

namespace bnn {
namespace {

struct Portable {
  static constexpr int kPixels = 1, kGroups = 1;
  struct Counts {
    int64_t value[8];
  };
  struct Sums {
    int32_t value[16];
  };

  static inline uint64_t byte_counts(uint64_t v) {
    v -= (v >> 1) & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
    return (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  }
  static inline int64_t byte_sum(uint64_t bytes) {  // up to 8 * 255: pairs first
    const uint64_t even = bytes & 0x00ff00ff00ff00ffu, odd = (bytes >> 8) & 0x00ff00ff00ff00ffu;
    return static_cast<int64_t>(((even + odd) * 0x0001000100010001u) >> 48);
  }

  template <int P, int G>
  static inline void bits(const uint64_t* const (&x)[P], const Step* step, int32_t steps,
                          const uint64_t* w, ptrdiff_t stride, Counts (&counts)[P][G]) {
    constexpr int32_t kChunk = 31;  // each step adds at most 8 to a byte
    for (int p = 0; p < P; ++p) {
      for (int g = 0; g < G; ++g) {
        for (int k = 0; k < 8; ++k) counts[p][g].value[k] = 0;
        for (int32_t start = 0; start < steps; start += kChunk) {
          const int32_t stop = steps - start < kChunk ? steps : start + kChunk;
          uint64_t bytes[8] = {};
          for (int32_t s = start; s < stop; ++s) {
            const uint64_t value = x[p][step[s].x];
            const uint64_t* weights = w + g * stride + step[s].w;
            for (int k = 0; k < 8; ++k) bytes[k] += byte_counts(value ^ weights[k]);
          }
          for (int k = 0; k < 8; ++k) counts[p][g].value[k] += byte_sum(bytes[k]);
        }
      }
    }
  }

  template <int P>
  static inline void codes(const int16_t* const (&x)[P], const Step* step, int32_t steps,
                           const int16_t* w, Sums (&sums)[P]) {
    for (int p = 0; p < P; ++p) {
      for (int k = 0; k < 16; ++k) sums[p].value[k] = 0;
      for (int32_t s = 0; s < steps; ++s) {
        const int16_t* pair = x[p] + 2 * static_cast<ptrdiff_t>(step[s].x);
        const int16_t* weights = w + step[s].w;
        for (int k = 0; k < 16; ++k) {
          sums[p].value[k] += pair[0] * weights[2 * k] + pair[1] * weights[2 * k + 1];
        }
      }
    }
  }

  static inline uint8_t at_most(const Counts& counts, const int64_t* limit) {
    unsigned passed = 0;
    for (int k = 0; k < 8; ++k) passed |= static_cast<unsigned>(counts.value[k] <= limit[k]) << k;
    return static_cast<uint8_t>(passed);
  }
  static inline uint16_t at_least(const Sums& sums, const int32_t* threshold) {
    unsigned passed = 0;
    for (int k = 0; k < 16; ++k) {
      passed |= static_cast<unsigned>(sums.value[k] >= threshold[k]) << k;
    }
    return static_cast<uint16_t>(passed);
  }
  static inline void store(const Counts& counts, int64_t* to) {
    std::memcpy(to, counts.value, sizeof counts.value);
  }
  static inline void store(const Sums& sums, int32_t* to) {
    std::memcpy(to, sums.value, sizeof sums.value);
  }
};

double popcount_bits(int64_t rounds) {
  uint64_t values[8];
  for (int k = 0; k < 8; ++k) values[k] = static_cast<uint64_t>(k + rounds);
  for (int64_t r = 0; r < rounds; ++r) {
    for (int k = 0; k < 8; ++k) {
      values[k] = Portable::byte_counts(values[k]);
      __asm__ volatile("" : "+r"(values[k]));
    }
  }
  return 64.0 * 8 * static_cast<double>(rounds);
}

}  // namespace

const Variant kPortable = {"portable", Kernels<Portable>::run, popcount_bits};

}  // namespace bnn
