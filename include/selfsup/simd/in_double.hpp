// Arithmetic on entries of either type in double.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cstddef>

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

inline AllLanes low_half(AllLanes part) { return part; }
inline AllLanes high_half(AllLanes part) { return part; }
inline FirstLanes low_half(FirstLanes part) { return {std::min(part.count, lanes<double>)}; }
inline FirstLanes high_half(FirstLanes part) { return {part.count - low_half(part).count}; }

}  // namespace detail

/// Calls f(i, half, x…) for the lanes of batches that `part` names, as batches of double: one each,
/// or two, the second of them from lane i on.
template <class Part, class F, class... Batches>
SELFSUP_INLINE inline void for_doubles(Part part, F&& f, const Batch<double>& x,
                                       const Batches&... more) {
  f(std::size_t{0}, part, x, more...);
}
template <class Part, class F, class... Batches>
SELFSUP_INLINE inline void for_doubles(Part part, F&& f, const Batch<float>& x,
                                       const Batches&... more) {
  f(std::size_t{0}, detail::low_half(part), detail::low_half(x), detail::low_half(more)...);
  f(lanes<double>, detail::high_half(part), detail::high_half(x), detail::high_half(more)...);
}

/// Adds weight·from to to, both of n entries.
template <class T>
inline void axpy_in_double(double weight, const T* from, double* to, std::size_t n) {
  const Batch<double> factor(weight);
  for_batches<T>(0, n, [&](std::size_t i, auto part) {
    for_doubles(
        part,
        [&](std::size_t j, auto half, const Batch<double>& x) SELFSUP_INLINE {
          double* const sum = to + i + j;
          store(sum, fma(factor, x, load(sum, half)), half);
        },
        load(from + i, part));
  });
}

/// Σ x_i·f(i, half, y_i) over n entries: f gets the entries of y that `half` names, from entry i
/// on, as doubles.
template <class T, class F>
inline double dot_in_double(const T* x, const T* y, std::size_t n, F&& f) {
  Batch<double> low(0.0), high(0.0);  // two sums hide some of the latency of an addition
  for_batches<T>(0, n, [&](std::size_t i, auto part) {
    for_doubles(
        part,
        [&](std::size_t j, auto half, const Batch<double>& x_j, const Batch<double>& y_j)
            SELFSUP_INLINE {
              Batch<double>& sum = j == 0 ? low : high;
              sum = fma(x_j, f(i + j, half, y_j), sum);
            },
        load(x + i, part), load(y + i, part));
  });
  return detail::sum_of_lanes(low + high);
}

/// Σ x_i·y_i over n entries.
template <class T>
inline double dot_in_double(const T* x, const T* y, std::size_t n) {
  return dot_in_double(
      x, y, n, [](std::size_t, auto, const Batch<double>& y_i) SELFSUP_INLINE { return y_i; });
}

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
