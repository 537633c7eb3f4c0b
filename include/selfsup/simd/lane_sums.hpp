// Lanes added in double.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {
namespace detail {

#if defined(SELFSUP_ISA_NEON64)

SELFSUP_INLINE inline Batch<double> low_half(const Batch<float>& x) {
  return vcvt_f64_f32(vget_low_f32(x));
}
SELFSUP_INLINE inline Batch<double> high_half(const Batch<float>& x) {
  return vcvt_high_f64_f32(x);
}
SELFSUP_INLINE inline double sum_of_lanes(const Batch<double>& x) { return vaddvq_f64(x); }

#else

SELFSUP_INLINE inline double sum_of_lanes(__m128d x) { return x[0] + x[1]; }
#if defined(SELFSUP_ISA_AVX2) || defined(SELFSUP_ISA_AVX512)
SELFSUP_INLINE inline double sum_of_lanes(__m256d x) {
  return sum_of_lanes(_mm256_castpd256_pd128(x) + _mm256_extractf128_pd(x, 1));
}
#endif

#if defined(SELFSUP_ISA_AVX512)
SELFSUP_INLINE inline Batch<double> low_half(const Batch<float>& x) {
  return _mm512_cvtps_pd(_mm512_castps512_ps256(x));
}
SELFSUP_INLINE inline Batch<double> high_half(const Batch<float>& x) {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}
SELFSUP_INLINE inline double sum_of_lanes(__m512d x) {
  return sum_of_lanes(_mm512_castpd512_pd256(x) + _mm512_extractf64x4_pd(x, 1));
}
#elif defined(SELFSUP_ISA_AVX2)
SELFSUP_INLINE inline Batch<double> low_half(const Batch<float>& x) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}
SELFSUP_INLINE inline Batch<double> high_half(const Batch<float>& x) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}
#else
SELFSUP_INLINE inline Batch<double> low_half(const Batch<float>& x) { return _mm_cvtps_pd(x); }
SELFSUP_INLINE inline Batch<double> high_half(const Batch<float>& x) {
  return _mm_cvtps_pd(_mm_movehl_ps(x, x));
}
#endif
#endif

}  // namespace detail

/// A sum in double for each lane of a batch, or of two that are half as many; in registers.
template <class T>
class LaneSums {
 public:
  SELFSUP_INLINE void add(const Batch<double>& x) { low_ = low_ + x; }
  SELFSUP_INLINE void add(const Batch<float>& x) {
    low_ = low_ + detail::low_half(x);
    high_ = high_ + detail::high_half(x);
  }
  /// The sum of all lanes, added in pairs.
  SELFSUP_INLINE double total() const {
    if constexpr (sizeof(T) == sizeof(double)) return detail::sum_of_lanes(low_);
    return detail::sum_of_lanes(low_ + high_);
  }

 private:
  Batch<double> low_ = Batch<double>(0.0);
  Batch<double> high_ = Batch<double>(0.0);  // of float only
};

/// Adds each lane to an entry of its own.
template <class T>
inline void add_lanes(const Batch<T>& x, double (&sums)[lanes<T>]) {
  alignas(64) T entries[lanes<T>];
  x.store_aligned(entries);
  for (std::size_t i = 0; i < lanes<T>; ++i) sums[i] += static_cast<double>(entries[i]);
}

/// The sum of all lanes, added in double.
template <class T>
SELFSUP_INLINE inline double sum(const Batch<T>& x) {
  LaneSums<T> sums;
  sums.add(x);
  return sums.total();
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
