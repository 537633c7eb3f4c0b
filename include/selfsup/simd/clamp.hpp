// Batches kept within bounds. Unlike max and min they say what becomes of NaN.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

/// low where x < low, x elsewhere: also where either is NaN.
template <class T>
SELFSUP_INLINE inline Batch<T> at_least(const Batch<T>& low, const Batch<T>& x) {
  // One instruction on x86, whose maximum is its second operand unless the first is larger.
#if defined(SELFSUP_ISA_AVX512)
  if constexpr (sizeof(T) == sizeof(float)) return _mm512_max_ps(low, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm512_max_pd(low, x);
#elif defined(SELFSUP_ISA_AVX2)
  if constexpr (sizeof(T) == sizeof(float)) return _mm256_max_ps(low, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm256_max_pd(low, x);
#elif defined(SELFSUP_ISA_SSE2)
  if constexpr (sizeof(T) == sizeof(float)) return _mm_max_ps(low, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm_max_pd(low, x);
#else
  return select(x < low, low, x);
#endif
}

/// high where x > high, x elsewhere: also where either is NaN.
template <class T>
SELFSUP_INLINE inline Batch<T> at_most(const Batch<T>& high, const Batch<T>& x) {
#if defined(SELFSUP_ISA_AVX512)
  if constexpr (sizeof(T) == sizeof(float)) return _mm512_min_ps(high, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm512_min_pd(high, x);
#elif defined(SELFSUP_ISA_AVX2)
  if constexpr (sizeof(T) == sizeof(float)) return _mm256_min_ps(high, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm256_min_pd(high, x);
#elif defined(SELFSUP_ISA_SSE2)
  if constexpr (sizeof(T) == sizeof(float)) return _mm_min_ps(high, x);
  if constexpr (sizeof(T) == sizeof(double)) return _mm_min_pd(high, x);
#else
  return select(x > high, high, x);
#endif
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
