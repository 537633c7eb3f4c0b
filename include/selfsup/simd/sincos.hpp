// Sine and cosine of the same angle.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/simd/batch.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

template <class T>
struct SinCos {
  Batch<T> sin;
  Batch<T> cos;
};

namespace detail {

// Within π/4 of 0, by the polynomials of Cephes (Moshier 1992): sin x = x + x³·S(x²), cos x =
// 1 − x²/2 + x⁴·C(x²).
template <class T>
SELFSUP_INLINE inline SinCos<T> small_sincos(const Batch<T>& x) {
  const Batch<T> square = x * x;
  const auto polynomial = [&square](auto... coefficients) SELFSUP_INLINE {
    Batch<T> sum(T(0));
    ((sum = fma(sum, square, Batch<T>(static_cast<T>(coefficients)))), ...);
    return sum;
  };
  Batch<T> s, c;  // coefficients are long: double also under -fsingle-precision-constant
  if constexpr (sizeof(T) == sizeof(float)) {
    s = polynomial(-1.9515295891e-4L, 8.3321608736e-3L, -1.6666654611e-1L);
    c = polynomial(2.443315711809948e-5L, -1.388731625493765e-3L, 4.166664568298827e-2L);
  } else {
    s = polynomial(1.58962301576546568060e-10L, -2.50507477628578072866e-8L,
                   2.75573136213857245213e-6L, -1.98412698295895385996e-4L,
                   8.33333333332211858878e-3L, -1.66666666666666307295e-1L);
    c = polynomial(-1.13585365213876817300e-11L, 2.08757008419747316778e-9L,
                   -2.75573141792967388112e-7L, 2.48015872888517045348e-5L,
                   -1.38888888888730564116e-3L, 4.16666666666665929218e-2L);
  }
  const Batch<T> upper = fma(square, Batch<T>(T(-0.5)), Batch<T>(T(1)));
  return {fma(s * square, x, x), fma(c * square, square, upper)};
}

}  // namespace detail

/// Float and double, any finite angle in radians: within 0.9 epsilon of the true number, 1.5
/// epsilon relative to it. NaN for an infinite angle. Fastest where all lanes are within π/4 of 0,
/// fast up to about 60; lanes beyond are taken one by one.
template <class T>
inline SinCos<T> sincos(const Batch<T>& angle) {
  if (!any_not_less(abs(angle), Batch<T>(T(0.785)))) return detail::small_sincos(angle);
  const auto both = xsimd::sincos(angle);
  return {both.first, both.second};
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
