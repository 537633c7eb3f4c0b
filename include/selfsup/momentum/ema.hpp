// The moving average that makes BYOL's target network from the online one (arXiv:2006.07733).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/clamp.hpp"
#include "selfsup/simd/in_double.hpp"

#include <algorithm>
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

// Moves n entries towards the online ones, in double for either type. Each ends between the two;
// rounding alone would leave that range: both ends of 0.7·x + 0.3·x, or one that is far smaller
// than the other.
template <class T>
void step_towards(const T* online, double rate, T* target, std::size_t n) {
  if (rate == 0) {
    std::copy_n(online, n, target);
    return;
  }
  using Doubles = simd::Batch<double>;
  const Doubles kept(rate), taken(1 - rate);
  // Not from + (1 − rate)·(to − from): that difference overflows, or is NaN at two infinities.
  const auto mean = [&](const Doubles& from, const Doubles& to)
                        SELFSUP_INLINE { return simd::fma(kept, from, taken * to); };
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const auto from = simd::load(target + i, part), to = simd::load(online + i, part);
    const auto low = simd::at_most(to, from), high = simd::at_least(to, from);
    const auto inside = simd::at_most(high, simd::at_least(low, simd::in_double(mean, from, to)));
    simd::store(target + i, inside, part);
  });
}

// The same for `count` entries of row r from column `first` on, of any strides.
template <class T>
void step_towards(ConstView<T> online, double rate, MutView<T> target, std::size_t r,
                  std::size_t first, std::size_t count) {
  if (target.contiguous_rows() && online.contiguous_rows())
    return step_towards(online.row(r) + first, rate, target.row(r) + first, count);
  constexpr std::size_t most = 512;
  T from[most], to[most];
  for (const std::size_t end = first + count; first < end; first += most) {
    const std::size_t n = std::min(most, end - first);
    for (std::size_t i = 0; i < n; ++i) {
      from[i] = target(r, first + i);
      to[i] = online(r, first + i);
    }
    step_towards(to, rate, from, n);
    for (std::size_t i = 0; i < n; ++i) target(r, first + i) = from[i];
  }
}

// Calls f(r, first, count) for the pieces that the rows of a matrix are cut into.
template <class F>
void for_pieces(std::size_t rows, std::size_t cols, F&& f) {
  const Chunks pieces{cols, 16384};
  parallel_for(rows * pieces.count(), std::min(cols, pieces.size), [&](std::size_t item) {
    const std::size_t piece = item % pieces.count();
    f(item / pieces.count(), pieces.first(piece), pieces.length(piece));
  });
}

// Whether the rows follow one another without a gap.
template <class T>
bool is_one_piece(ConstView<T> view) {
  return view.contiguous_rows() &&
         (view.rows() == 1 || view.row_stride() == static_cast<std::ptrdiff_t>(view.cols()));
}

}  // namespace detail

/// The rate of step k of K: τ_k = 1 − (1 − τ₀)(cos(πk/K) + 1)/2, from exactly `base_rate` τ₀ (the
/// paper's 0.996) at step 0 to exactly 1 at step K. It never falls, to the last bit.
inline double ema_rate(double base_rate, std::size_t step, std::size_t total_steps) {
  require_up_to_one("ema_rate: base_rate", base_rate);
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
  require_up_to_one("ema_update: rate", rate);
  if (target.rows() != online.rows() || target.cols() != online.cols()) {
    throw ShapeError("ema_update: online is " + shape_text(online) + ", target is " +
                     shape_text(target));
  }
  if (rate == 1 || target.empty()) return;
  Buffer<T> copy;
  if (detail::entangled<T>(target, online)) {
    T* const entries = copy.grow(online.rows(), online.cols());
    detail::for_pieces(online.rows(), online.cols(),
                       [&, online](std::size_t r, std::size_t first, std::size_t count) {
                         T* const to = entries + r * online.cols();
                         for (std::size_t c = first; c < first + count; ++c) to[c] = online(r, c);
                       });
    online = {entries, online.rows(), online.cols()};
  }
  // Entries that lie side by side are taken side by side: a column is one row.
  if (target.cols() == 1 || (!target.contiguous_rows() && target.transposed().contiguous_rows())) {
    target = target.transposed();
    online = online.transposed();
  }
  if (detail::is_one_piece<T>(target) && detail::is_one_piece(online)) {
    target = {target.data(), 1, target.rows() * target.cols()};
    online = {online.data(), 1, online.rows() * online.cols()};
  }
  detail::for_pieces(target.rows(), target.cols(),
                     [&](std::size_t r, std::size_t first, std::size_t count) {
                       detail::step_towards(online, rate, target, r, first, count);
                     });
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
