// The moving average that makes BYOL's target network from the online one (arXiv:2006.07733).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/view.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// The first and the last byte's address of what a view spans, which is not empty.
template <class T>
std::pair<std::uintptr_t, std::uintptr_t> span_of(ConstView<T> view) {
  auto first = reinterpret_cast<std::uintptr_t>(view.data());
  auto last = first + sizeof(T) - 1;
  const auto widen = [&](std::ptrdiff_t stride, std::size_t count) {
    const std::uintptr_t magnitude = stride < 0
                                         ? std::uintptr_t{0} - static_cast<std::uintptr_t>(stride)
                                         : static_cast<std::uintptr_t>(stride);
    const std::uintptr_t reach = magnitude * (count - 1) * sizeof(T);
    if (stride < 0) {
      first -= reach;
    } else {
      last += reach;
    }
  };
  widen(view.row_stride(), view.rows());
  widen(view.col_stride(), view.cols());
  return {first, last};
}

// Whether writing the one may change what the other reads later: they overlap and are not the same.
template <class T>
bool entangled(ConstView<T> a, ConstView<T> b) {
  const bool same_rows = a.rows() == 1 || a.row_stride() == b.row_stride();
  const bool same_cols = a.cols() == 1 || a.col_stride() == b.col_stride();
  if (a.data() == b.data() && same_rows && same_cols) return false;
  const auto [a_first, a_last] = span_of(a);
  const auto [b_first, b_last] = span_of(b);
  return a_first <= b_last && b_first <= a_last;
}

// sin²(π·part/(2·whole)) for 2·part ≤ whole. The sine of neighbouring parts differs by more than it
// is rounded, and no rounding after it turns an order round.
inline double squared_sine(std::size_t part, std::size_t whole) {
  constexpr double half_pi = static_cast<double>(1.57079632679489661923L);
  const double sine = std::sin(half_pi * (static_cast<double>(part) / static_cast<double>(whole)));
  return sine * sine;
}

// A number from the one to the other, in double for either type. Rounding would leave that range:
// both ends of 0.7·x + 0.3·x, or one that is far smaller than the other.
template <class T>
T between(T target, T online, double rate) {
  const auto from = static_cast<double>(target), to = static_cast<double>(online);
  // Not from + (1 − rate)·(to − from): that difference overflows, or is NaN at two infinities.
  const double mean = rate * from + (1 - rate) * to;
  const double low = to < from ? to : from;
  const double high = to < from ? from : to;
  // NaN is neither.
  const double raised = mean < low ? low : mean;
  return static_cast<T>(raised > high ? high : raised);
}

}  // namespace detail

/// The rate of step k of K: τ_k = 1 − (1 − τ₀)(cos(πk/K) + 1)/2, from exactly `base_rate` τ₀ (the
/// paper's 0.996) at step 0 to exactly 1 at step K. It never falls, to the last bit.
inline double ema_rate(double base_rate, std::size_t step, std::size_t total_steps) {
  require_fraction("ema_rate: base_rate", base_rate);
  if (step > total_steps || total_steps == 0) {
    throw OptionError("ema_rate: step is " + std::to_string(step) + ", total_steps is " +
                      std::to_string(total_steps));
  }
  // (1 − cos πx)/2 = sin²(πx/2) = 1 − sin²(π(1 − x)/2)
  const std::size_t left = total_steps - step;
  const double way = step <= left ? detail::squared_sine(step, total_steps)
                                  : 1 - detail::squared_sine(left, total_steps);
  return base_rate + (1 - base_rate) * way;
}

/// Writes rate·target + (1 − rate)·online to `target`; both have the same shape, parameters of one
/// layer, and may overlap. What was finite stays so, and lies between the two; rate 0 copies every
/// bit; a target that equals the online value stays as it is to the last bit, and so does any
/// target at rate 1.
template <class T>
void ema_update(MutView<T> target, ConstView<T> online, double rate) {
  require_fraction("ema_update: rate", rate);
  if (target.rows() != online.rows() || target.cols() != online.cols()) {
    throw ShapeError("ema_update: online is " + shape_text(online) + ", target is " +
                     shape_text(target));
  }
  if (rate == 1 || target.empty()) return;
  Buffer<T> copy;
  if (detail::entangled<T>(target, online)) {
    T* entry = copy.grow(online.rows() * online.cols());
    for (std::size_t r = 0; r < online.rows(); ++r) {
      for (std::size_t c = 0; c < online.cols(); ++c) *entry++ = online(r, c);
    }
    online = {copy.data(), online.rows(), online.cols()};
  }
  for (std::size_t r = 0; r < target.rows(); ++r) {
    for (std::size_t c = 0; c < target.cols(); ++c) {
      target(r, c) = rate == 0 ? online(r, c) : detail::between(target(r, c), online(r, c), rate);
    }
  }
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
