// AVX2: bits are counted by looking up nibbles, in bytes that are summed before they overflow.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.hpp"

namespace bnn {
namespace {

struct Avx2 {
  static constexpr int kPixels = 4, kGroups = 1;
  struct Counts {
    __m256i half[2];
  };
  using Sums = Counts;

  static inline __m256i byte_counts(__m256i value) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i lower = _mm256_and_si256(value, low);
    const __m256i upper = _mm256_and_si256(_mm256_srli_epi32(value, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, lower), _mm256_shuffle_epi8(table, upper));
  }

  template <int P, int G>
  static inline void bits(const uint64_t* const (&x)[P], const Step* step, int32_t steps,
                          const uint64_t* w, ptrdiff_t stride, Counts (&counts)[P][G]) {
    constexpr int32_t kChunk = 31;  // each step adds at most 8 to a byte
    const __m256i zero = _mm256_setzero_si256();
    for (int g = 0; g < G; ++g) {
      __m256i sum[P][2];
      for (int p = 0; p < P; ++p) sum[p][0] = sum[p][1] = zero;
      for (int32_t start = 0; start < steps; start += kChunk) {
        const int32_t stop = steps - start < kChunk ? steps : start + kChunk;
        __m256i bytes[P][2];
        for (int p = 0; p < P; ++p) bytes[p][0] = bytes[p][1] = zero;
        for (int32_t s = start; s < stop; ++s) {
          const auto* at = reinterpret_cast<const __m256i*>(w + g * stride + step[s].w);
          for (int h = 0; h < 2; ++h) {
            const __m256i weights = _mm256_load_si256(at + h);
            for (int p = 0; p < P; ++p) {
              const __m256i value = _mm256_set1_epi64x(static_cast<long long>(x[p][step[s].x]));
              bytes[p][h] =
                  _mm256_add_epi8(bytes[p][h], byte_counts(_mm256_xor_si256(value, weights)));
            }
          }
        }
        for (int p = 0; p < P; ++p) {
          for (int h = 0; h < 2; ++h) {
            sum[p][h] = _mm256_add_epi64(sum[p][h], _mm256_sad_epu8(bytes[p][h], zero));
          }
        }
      }
      for (int p = 0; p < P; ++p) {
        counts[p][g].half[0] = sum[p][0];
        counts[p][g].half[1] = sum[p][1];
      }
    }
  }

  template <int P>
  static inline void codes(const int16_t* const (&x)[P], const Step* step, int32_t steps,
                           const int16_t* w, Sums (&sums)[P]) {
    for (int p = 0; p < P; ++p) sums[p].half[0] = sums[p].half[1] = _mm256_setzero_si256();
    for (int32_t s = 0; s < steps; ++s) {
      const auto* at = reinterpret_cast<const __m256i*>(w + step[s].w);
      const __m256i weights[2] = {_mm256_load_si256(at), _mm256_load_si256(at + 1)};
      for (int p = 0; p < P; ++p) {
        int32_t pair;
        std::memcpy(&pair, x[p] + 2 * static_cast<ptrdiff_t>(step[s].x), sizeof pair);
        for (int h = 0; h < 2; ++h) {
          const __m256i product = _mm256_madd_epi16(_mm256_set1_epi32(pair), weights[h]);
          sums[p].half[h] = _mm256_add_epi32(sums[p].half[h], product);
        }
      }
    }
  }

  static inline uint8_t at_most(const Counts& counts, const int64_t* limit) {
    unsigned above = 0;
    for (int h = 0; h < 2; ++h) {
      const __m256i bound = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(limit) + h);
      const __m256i greater = _mm256_cmpgt_epi64(counts.half[h], bound);
      above |= static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(greater))) << (4 * h);
    }
    return static_cast<uint8_t>(~above);
  }
  static inline uint16_t at_least(const Sums& sums, const int32_t* threshold) {
    unsigned below = 0;
    for (int h = 0; h < 2; ++h) {
      const __m256i bound = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(threshold) + h);
      const __m256i less = _mm256_cmpgt_epi32(bound, sums.half[h]);
      below |= static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(less))) << (8 * h);
    }
    return static_cast<uint16_t>(~below);
  }
  static inline void store(const Counts& values, void* to) {
    for (int h = 0; h < 2; ++h) _mm256_storeu_si256(static_cast<__m256i*>(to) + h, values.half[h]);
  }
};

double popcount_bits(int64_t rounds) {
  __m256i values[8];
  for (int k = 0; k < 8; ++k) values[k] = _mm256_set1_epi64x(k + rounds);
  for (int64_t r = 0; r < rounds; ++r) {
    for (int k = 0; k < 8; ++k) {
      values[k] = Avx2::byte_counts(values[k]);
      __asm__ volatile("" : "+x"(values[k]));
    }
  }
  return 256.0 * 8 * static_cast<double>(rounds);
}

}  // namespace

const Variant kAvx2 = {"avx2", Kernels<Avx2>::run, popcount_bits};

}  // namespace bnn
#endif
