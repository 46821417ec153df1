// AVX-512 with VPOPCNTDQ and VNNI (Ice Lake, Zen 4 and later): 8 channels a register.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.hpp"

namespace bnn {
namespace {

struct Avx512 {
  static constexpr int kPixels = 4, kGroups = 4;
  using Counts = __m512i;
  using Sums = __m512i;

  template <int P, int G>
  static inline void bits(const uint64_t* const (&x)[P], const Step* step, int32_t steps,
                          const uint64_t* w, ptrdiff_t stride, Counts (&counts)[P][G]) {
    __m512i sum[P][G];
    for (int p = 0; p < P; ++p) {
      for (int g = 0; g < G; ++g) sum[p][g] = _mm512_setzero_si512();
    }
    for (int32_t s = 0; s < steps; ++s) {
      __m512i weights[G];
      for (int g = 0; g < G; ++g) weights[g] = _mm512_load_si512(w + g * stride + step[s].w);
      for (int p = 0; p < P; ++p) {
        const __m512i value = _mm512_set1_epi64(static_cast<long long>(x[p][step[s].x]));
        for (int g = 0; g < G; ++g) {
          const __m512i differing = _mm512_xor_si512(value, weights[g]);
          sum[p][g] = _mm512_add_epi64(sum[p][g], _mm512_popcnt_epi64(differing));
        }
      }
    }
    for (int p = 0; p < P; ++p) {
      for (int g = 0; g < G; ++g) counts[p][g] = sum[p][g];
    }
  }

  template <int P>
  static inline void codes(const int16_t* const (&x)[P], const Step* step, int32_t steps,
                           const int16_t* w, Sums (&sums)[P]) {
    __m512i sum[P];
    for (int p = 0; p < P; ++p) sum[p] = _mm512_setzero_si512();
    for (int32_t s = 0; s < steps; ++s) {
      const __m512i weights = _mm512_load_si512(w + step[s].w);
      for (int p = 0; p < P; ++p) {
        int32_t pair;
        std::memcpy(&pair, x[p] + 2 * static_cast<ptrdiff_t>(step[s].x), sizeof pair);
        sum[p] = _mm512_dpwssd_epi32(sum[p], _mm512_set1_epi32(pair), weights);
      }
    }
    for (int p = 0; p < P; ++p) sums[p] = sum[p];
  }

  static inline uint8_t at_most(Counts counts, const int64_t* limit) {
    return _mm512_cmple_epi64_mask(counts, _mm512_loadu_si512(limit));
  }
  static inline uint16_t at_least(Sums sums, const int32_t* threshold) {
    return _mm512_cmpge_epi32_mask(sums, _mm512_loadu_si512(threshold));
  }
  static inline void store(__m512i values, void* to) { _mm512_storeu_si512(to, values); }
};

double popcount_bits(int64_t rounds) {
  __m512i values[16];
  for (int k = 0; k < 16; ++k) values[k] = _mm512_set1_epi64(k + rounds);
  for (int64_t r = 0; r < rounds; ++r) {
    for (int k = 0; k < 16; ++k) {
      values[k] = _mm512_popcnt_epi64(values[k]);
      __asm__ volatile("" : "+v"(values[k]));
    }
  }
  return 512.0 * 16 * static_cast<double>(rounds);
}

}  // namespace

const Variant kAvx512 = {"avx512", Kernels<Avx512>::run, popcount_bits};

}  // namespace bnn
#endif
