// The logistic function and its integral, from one exponential and one division.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

template <class T>
struct Sigmoid {
  Batch<T> sigmoid;   ///< σ(x) = 1/(1 + e^−x)
  Batch<T> softplus;  ///< log(1 + e^x), whose derivative is σ(x)
};

/// For every x: within 4 epsilon of the value while e^−|x| is a normal number. σ(−infinity) and
/// softplus(−infinity) are 0.
template <class T>
inline Sigmoid<T> sigmoid(const Batch<T>& x) {
  // log(1 + e) = 2 atanh(u) = 2u·Σ_k u^2k/(2k+1) with u = e/(2 + e) <= 1/3: the terms left out are
  // below a quarter of an epsilon.
  constexpr std::size_t terms = sizeof(T) == 4 ? 7 : 16;
  const Batch<T> zero(T(0)), one(T(1)), two(T(2));
  const Batch<T> e = exp(-abs(x));
  const Batch<T> inverse = one / ((one + e) * (two + e));
  const Batch<T> near_one = (two + e) * inverse;  // 1/(1 + e)
  const Batch<T> u = e * ((one + e) * inverse);
  const Batch<T> square = u * u;
  Batch<T> series(T(1) / T(2 * terms - 1));
  for (std::size_t k = terms - 1; k-- > 0;)
    series = fma(series, square, Batch<T>(T(1) / static_cast<T>(2 * k + 1)));
  return {select(x < zero, e * near_one, near_one), fma(two * u, series, max(x, zero))};
}

/// The same of one number.
inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
inline double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
