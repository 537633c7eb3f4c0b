// A logistic regression of every pair of rows: what a pair costs in SigLIP.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/kernels/pairs/entrywise.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/sigmoid.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// With the logit x = t·s + b a pair costs softplus(x), its slope is σ(x) by x; one that belongs
/// together costs softplus(−x), its slope is −σ(−x), which is never computed as σ(x) − 1.
template <class T>
struct SigmoidEntry {
  T scale, bias;

  static constexpr T left_out = -std::numeric_limits<T>::infinity();

  template <class Part>
  Cost<simd::Batch<T>> operator()(const simd::Batch<T>& s, std::size_t, std::size_t, Part) const {
    const auto of = simd::sigmoid<T>(simd::fma(s, simd::Batch<T>(scale), simd::Batch<T>(bias)));
    return {of.softplus, of.sigmoid};
  }

  Cost<double> positive(double s) const {
    const double x = static_cast<double>(scale) * s + static_cast<double>(bias);
    return {simd::softplus(-x), -simd::sigmoid(-x)};
  }
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
