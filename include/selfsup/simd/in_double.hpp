// Arithmetic on entries of either type in double.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {
namespace detail {

// The lanes of low, then those of high, each rounded to float.
SELFSUP_INLINE inline Batch<float> rounded_to_float(const Batch<double>& low,
                                                    const Batch<double>& high) {
#if defined(SELFSUP_ISA_NEON64)
  return vcvt_high_f32_f64(vcvt_f32_f64(low), high);
#elif defined(SELFSUP_ISA_AVX512)
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
#elif defined(SELFSUP_ISA_AVX2)
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high),
                              1);
#else
  return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
#endif
}

}  // namespace detail

/// f(x…) of batches of double, lane by lane, rounded once to the type of x.
template <class F, class... Batches>
SELFSUP_INLINE inline Batch<double> in_double(F&& f, const Batch<double>& x,
                                              const Batches&... more) {
  return f(x, more...);
}
template <class F, class... Batches>
SELFSUP_INLINE inline Batch<float> in_double(F&& f, const Batch<float>& x, const Batches&... more) {
  return detail::rounded_to_float(f(detail::low_half(x), detail::low_half(more)...),
                                  f(detail::high_half(x), detail::high_half(more)...));
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
