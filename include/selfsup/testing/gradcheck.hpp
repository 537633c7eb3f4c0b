// A gradient check for your own tests: does backward return the derivative of value?
//
//     const auto report = selfsup::gradcheck(loss, {z_a, z_b});
//     EXPECT_TRUE(report) << report;                         // GoogleTest
//     CHECK_THAT(report, selfsup::HasRightGradients());      // Catch2, selfsup/testing/catch.hpp
//
// A float loss is built again in double from its options. Each derivative comes from central
// differences at shrinking steps, extrapolated to step 0, so no step has to be tuned. A point where
// that limit does not exist (a hinge, a row below a norm floor, a value that jumps) is reported as
// a kink, a value or a gradient that differs between two calls as not repeatable, a value that is
// not finite or whose rounding hides the derivatives by that name; none of them ever passes: no
// finite difference can judge a gradient there.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/testing/gradcheck_point.hpp"
#include "selfsup/testing/gradcheck_report.hpp"
#include "selfsup/testing/ridders.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct GradcheckOptions {
  /// First step, relative to the root mean square of the row that moves; at most 2⁹ times smaller
  /// ones follow. Lower it when a large offset hides the scale on which the loss varies.
  double step = 0.02;
  /// 0 checks entry by entry. Any other number checks that many random directions of each argument:
  /// cheap for large arguments, but an error in one entry is diluted.
  std::size_t directions = 0;
  /// Seed of the directions; the same seed gives the same directions everywhere.
  std::uint64_t seed = 1;
  /// Names for the report, such as {"z_a", "z_b"}; without them arguments are numbered from 0.
  std::vector<std::string> names = {};
};

/// The largest relative error that passes, by the types that value returns and gradient holds. In
/// double, differences are right to about 1e-10. A gradient in float has the error that the losses
/// here promise; of a value in float, differences keep three digits.
template <class Value, class Entry>
constexpr double gradcheck_tolerance() {
  if (std::is_same_v<Value, float>) return 1e-3;
  return std::is_same_v<Entry, float> ? 1e-5 : 1e-7;
}

namespace detail {

// Which arguments a loss object has a gradient for. A loss with the option stop_gradient takes its
// predictions first, then as many targets; the stopped half counts as constant.
template <class Loss>
auto has_gradient(const Loss& loss, std::size_t argument, std::size_t count, int)
    -> decltype(loss.options().stop_gradient, bool()) {
  using Stop = std::decay_t<decltype(loss.options().stop_gradient)>;
  const Stop stop = loss.options().stop_gradient;
  const bool predicts = argument < count / 2;
  return stop == Stop::none || (stop == Stop::target) == predicts;
}
// A query, its key, which the option detach_key makes a constant, and negatives, which always are.
template <class Loss>
auto has_gradient(const Loss& loss, std::size_t argument, std::size_t, int)
    -> decltype(loss.options().detach_key, bool()) {
  return argument == 0 || (argument == 1 && !loss.options().detach_key);
}
template <class Loss>
bool has_gradient(const Loss&, std::size_t, std::size_t, long) {
  return true;
}

// Puts a loss with random choices back at its first step, where forward may go on to the next.
template <class Loss>
auto restart(Loss& loss, int) -> decltype(void(loss.set_step(0))) {
  loss.set_step(0);
}
template <class Loss>
void restart(Loss&, long) {}

// call(views[0], …, views[Count − 1]), for functions that take that many.
template <std::size_t... I, class Call, class Views>
bool spread(std::index_sequence<I...>, const Call& call, const Views& views) {
  if constexpr (std::is_invocable_v<Call, decltype(views[I])...>) {
    if (views.size() != sizeof...(I)) return false;
    call(views[I]...);
    return true;
  }
  return false;
}
template <class Call, class Views>
void spread(const Call& call, const Views& views) {
  const bool called = spread(std::make_index_sequence<1>(), call, views) ||
                      spread(std::make_index_sequence<2>(), call, views) ||
                      spread(std::make_index_sequence<3>(), call, views) ||
                      spread(std::make_index_sequence<4>(), call, views);
  if (!called) {
    throw ShapeError("gradcheck: the loss takes no " + std::to_string(views.size()) + " arguments");
  }
}

// The largest number of views up to `count`, 4 at most, that the call takes.
template <class View, std::size_t... I, class Call>
constexpr bool takes(std::index_sequence<I...>, const Call&) {
  return std::is_invocable_v<Call, std::enable_if_t<I + 1 != 0, View>...>;
}
template <class View, class Call>
std::size_t most_taken(const Call& call, std::size_t count) {
  const bool taken[] = {takes<View>(std::make_index_sequence<1>(), call),
                        takes<View>(std::make_index_sequence<2>(), call),
                        takes<View>(std::make_index_sequence<3>(), call),
                        takes<View>(std::make_index_sequence<4>(), call)};
  count = std::min<std::size_t>(count, 4);
  while (count > 0 && !taken[count - 1]) --count;
  return count;
}

}  // namespace detail

/// Compares any two callables at the given arguments, which are copied.
/// value(views) takes a std::vector<ConstView<double>> and returns a number; gradient(views)
/// returns a std::vector<std::vector<double>>, or of float: for each argument its gradient,
/// row-major, or an empty one for an argument that counts as constant.
template <class Value, class Gradient>
GradcheckReport gradcheck(const Value& value, const Gradient& gradient,
                          const std::vector<ConstView<double>>& arguments,
                          const GradcheckOptions& options = {}) {
  using Number = std::decay_t<decltype(value(arguments))>;
  using Entry = typename std::decay_t<decltype(gradient(arguments))>::value_type::value_type;
  constexpr double epsilon = std::numeric_limits<
      std::conditional_t<std::is_same_v<Number, float>, float, double>>::epsilon();
  detail::GradcheckPoint point(arguments);
  const auto value_here = [&] { return static_cast<double>(value(std::as_const(point.views))); };
  GradcheckReport report;
  report.tolerance = gradcheck_tolerance<Number, Entry>();
  report.by_directions = options.directions > 0;
  report.names = options.names;
  report.value = value_here();
  if (!is_finite(report.value)) return report;
  const std::vector<std::vector<Entry>> analytic = gradient(std::as_const(point.views));
  const detail::GradientSize size = detail::size_of(analytic, point);
  report.repeatable = detail::same(report.value, value_here()) &&
                      detail::same(analytic, gradient(std::as_const(point.views)));
  if (!report.repeatable) return report;
  // Beside a gradient of zeros only the value is left; differences see so much of it.
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const double seen = std::max<double>(1e-6, 500 * epsilon / report.tolerance);
  std::mt19937_64 random(options.seed);
  for (std::size_t k = 0; k < analytic.size(); ++k) {
    auto& numbers = point.numbers[k];
    const std::vector<double> start = numbers;
    const std::size_t cols = arguments[k].cols();
    const std::size_t entries = analytic[k].size();
    const std::size_t trials = entries == 0           ? 0
                               : report.by_directions ? options.directions
                                                      : entries;
    for (std::size_t trial = 0; trial < trials; ++trial) {
      std::vector<double> move(entries);
      double unit = 1;
      double scale = size.norm;
      double least_weight = 1;
      if (report.by_directions) {
        move = detail::direction(entries, random);
        for (std::size_t i = 0; i < entries; ++i) move[i] *= point.unit(k, i);
        least_weight = 0.5;
      } else {
        unit = move[trial] = point.unit(k, trial);
        scale = size.largest * unit;
      }
      const auto value_along = [&](double t) {
        for (std::size_t i = 0; i < entries; ++i) numbers[i] = start[i] + t * move[i];
        return value_here();
      };
      if (size.largest == 0) {
        scale = seen * std::max({std::abs(report.value), std::abs(value_along(options.step)),
                                 std::abs(value_along(-options.step))});
      }
      const double expected =
          std::inner_product(move.begin(), move.end(), analytic[k].begin(), 0.0);
      const auto found = detail::differentiate(value_along, options.step, 1e-10 * scale, epsilon);
      numbers = start;
      const auto relative = [&](double difference) {
        return difference == 0 ? 0 : is_finite(scale) ? difference / scale : nan;
      };
      const std::size_t row = report.by_directions ? trial : trial / cols;
      report.add({k, row, trial % cols, expected / unit, found.value / unit},
                 relative(std::abs(expected - found.value)), found.kink,
                 relative(found.rounding / least_weight), found.rounding / unit);
    }
  }
  return report;
}

/// Compares forward and backward of a loss object with differences of its `value`, in double: a
/// float loss is built again from its options. The arguments are those of forward, (N, D) each;
/// `constants` follow them in forward and value, such as labels. The first arguments have a
/// gradient, as many as backward takes.
template <template <class> class Loss, class T, class... Constants>
GradcheckReport gradcheck(const Loss<T>& loss, const std::vector<ConstView<T>>& arguments,
                          const GradcheckOptions& options = {}, const Constants&... constants) {
  using Views = std::vector<ConstView<double>>;
  Loss<double> twin(loss.options());
  const auto value = [&](const Views& at) {
    double result = 0;
    detail::restart(twin, 0);
    detail::spread(
        [&](auto... view) -> decltype(void(twin.value(view..., constants...))) {
          result = twin.value(view..., constants...);
        },
        at);
    return result;
  };
  const auto backward = [&](auto... view) -> decltype(void(twin.backward(view...))) {
    twin.backward(view...);
  };
  const auto gradient = [&](const Views& at) {
    std::vector<std::vector<double>> result(at.size());
    std::vector<MutView<double>> outputs;
    const std::size_t most = detail::most_taken<MutView<double>>(backward, at.size());
    for (std::size_t k = 0; k < most; ++k) {
      if (!detail::has_gradient(loss, k, at.size(), 0)) continue;
      result[k].resize(at[k].rows() * at[k].cols(), std::numeric_limits<double>::quiet_NaN());
      outputs.emplace_back(result[k].data(), at[k].rows(), at[k].cols());
    }
    detail::restart(twin, 0);
    detail::spread(
        [&](auto... view) -> decltype(void(twin.forward(view..., constants...))) {
          twin.forward(view..., constants...);
        },
        at);
    detail::spread(backward, outputs);
    return result;
  };
  return gradcheck(value, gradient, detail::GradcheckPoint(arguments).views, options);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
