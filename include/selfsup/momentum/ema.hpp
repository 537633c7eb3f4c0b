// The moving average that makes BYOL's target network from the online one (arXiv:2006.07733).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/view.hpp"

#include <cmath>
#include <cstddef>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// Written so that NaN is refused too.
inline void check_rate(const char* where, const char* name, double rate) {
  if (!(rate >= 0 && rate <= 1)) {
    throw OptionError(std::string(where) + ": " + name + " is " + std::to_string(rate) +
                      ", from 0 to 1 expected");
  }
}

}  // namespace detail

/// The rate of step k of K: τ_k = 1 − (1 − τ₀)(cos(πk/K) + 1)/2, from `base_rate` τ₀ (the paper's
/// 0.996) at step 0 to exactly 1 at step K.
inline double ema_rate(double base_rate, std::size_t step, std::size_t total_steps) {
  detail::check_rate("ema_rate", "base_rate", base_rate);
  if (step > total_steps || total_steps == 0) {
    throw OptionError("ema_rate: step is " + std::to_string(step) + ", total_steps is " +
                      std::to_string(total_steps));
  }
  constexpr double pi = static_cast<double>(3.14159265358979323846L);
  const double done = static_cast<double>(step) / static_cast<double>(total_steps);
  return 1 - (1 - base_rate) * (std::cos(pi * done) + 1) / 2;
}

/// Adds (1 − rate)·(online − target) to `target`; both have the same shape, parameters of one
/// layer. A target that equals the online value stays as it is to the last bit, and so does any
/// target at rate 1.
template <class T>
void ema_update(MutView<T> target, ConstView<T> online, double rate) {
  detail::check_rate("ema_update", "rate", rate);
  if (target.rows() != online.rows() || target.cols() != online.cols()) {
    throw ShapeError("ema_update: online is " + shape_text(online) + ", target is " +
                     shape_text(target));
  }
  if (rate == 1) return;  // infinite online values would otherwise turn into NaN
  const T weight = static_cast<T>(1 - rate);
  for (std::size_t r = 0; r < target.rows(); ++r) {
    for (std::size_t c = 0; c < target.cols(); ++c) {
      target(r, c) += weight * (online(r, c) - target(r, c));
    }
  }
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
