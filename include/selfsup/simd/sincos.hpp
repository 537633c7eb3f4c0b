// Sine and cosine of the same angle.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

template <class T>
struct SinCos {
  Batch<T> sin;
  Batch<T> cos;
};

/// Float and double, any finite angle in radians: within 0.9 epsilon of the true number, 1.5
/// epsilon relative to it. NaN for an infinite angle. Fast up to about 60; lanes beyond are taken
/// one by one.
template <class T>
inline SinCos<T> sincos(const Batch<T>& angle) {
  const auto both = xsimd::sincos(angle);
  return {both.first, both.second};
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
