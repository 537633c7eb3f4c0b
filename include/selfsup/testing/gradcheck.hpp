// A gradient check for your own tests: does backward return the derivative of value?
//
//     const auto report = selfsup::gradcheck(loss, {z_a, z_b});
//     INFO(report);  // Catch2 prints the worst entry when the next line fails
//     CHECK(report.passes(1e-7));
//
// All arithmetic is double: a float loss is built again in double from its options. Each derivative
// comes from central differences at shrinking steps, extrapolated to step 0 (Ridders, Advances in
// Engineering Software 4, 1982), so no step has to be tuned. A point where that limit does not
// exist (a hinge, a row below a norm floor, a value that jumps) is reported as a kink and never
// passes: no finite difference can judge a gradient there, so move the point.
#pragma once

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/view.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <ostream>
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

/// What a gradient check found.
struct GradcheckReport {
  /// One derivative by both ways. In a check by directions `row` is the number of the direction.
  struct Entry {
    std::size_t argument = 0;
    std::size_t row = 0;
    std::size_t column = 0;
    double analytic = 0;
    double numeric = 0;
  };

  /// Largest |analytic − numeric|, relative to the largest analytic entry of all arguments (by
  /// directions: to the norm of the gradient).
  double error = 0;
  Entry worst;
  std::size_t checked = 0;
  /// Derivatives that do not exist, and the first of them.
  std::size_t kinks = 0;
  Entry first_kink;
  bool by_directions = false;
  std::vector<std::string> names;

  bool passes(double tolerance) const { return checked > 0 && kinks == 0 && error <= tolerance; }

  void add(const Entry& entry, double relative_error, bool kink) {
    ++checked;
    if (kink) {
      if (++kinks == 1) first_kink = entry;
    } else if (checked == kinks + 1 || !(relative_error <= error)) {  // a NaN stays the worst
      if (!std::isnan(error)) error = relative_error;
      worst = entry;
    }
  }

  friend std::ostream& operator<<(std::ostream& out, const GradcheckReport& report) {
    out << "gradcheck: " << report.checked << " derivatives, worst relative error " << report.error;
    if (report.checked > report.kinks) {
      out << " at ";
      report.print(out, report.worst);
    }
    if (report.kinks > 0) {
      out << "; " << report.kinks << " cannot be judged, since the differences do not settle "
          << "(a hinge, a norm floor or a jump is within reach; move the point), the first at ";
      report.print(out, report.first_kink);
    }
    return out;
  }

 private:
  void print(std::ostream& out, const Entry& entry) const {
    const auto precision = out.precision(10);
    if (entry.argument < names.size()) {
      out << names[entry.argument];
    } else {
      out << "argument " << entry.argument;
    }
    if (by_directions) {
      out << ", direction " << entry.row;
    } else {
      out << ", row " << entry.row << ", column " << entry.column;
    }
    out << ": analytic " << entry.analytic << ", numeric " << entry.numeric;
    out.precision(precision);
  }
};

namespace detail {

// The derivative of a function of one number at 0.
struct Derivative {
  double value = 0;
  bool kink = false;
};

// Ridders' table. Row i holds the central difference at step h = first_step/2^i and its
// extrapolations; the entry that differs least from its neighbours wins. `resolution` is the error
// below which no better answer is sought.
// The central difference of |x| at 0 settles perfectly, on a wrong answer. So the jump of the
// slope, (f(h) − 2f(0) + f(−h))/h, is watched too: it falls with h where f is smooth, and only
// there.
template <class Function>
Derivative differentiate(const Function& f, double first_step, double resolution) {
  constexpr std::size_t levels = 10;
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  const double centre = f(0.0);
  double table[levels][levels] = {};
  double uncertainty = std::numeric_limits<double>::infinity();
  double largest_jump = 0;
  double jump = 0;
  double rounding = 0;
  Derivative best;
  double h = first_step;
  for (std::size_t i = 0; i < levels; ++i, h /= 2) {
    const double right = f(h);
    const double left = f(-h);
    table[i][0] = (right - left) / (2 * h);
    largest_jump = std::max(largest_jump, std::abs(jump));
    jump = (right - 2 * centre + left) / h;
    rounding = 16 * epsilon * (std::abs(centre) + std::abs(right) + std::abs(left)) / h;
    double power = 1;
    for (std::size_t j = 1; j <= i; ++j) {
      power *= 4;
      table[i][j] = (power * table[i][j - 1] - table[i - 1][j - 1]) / (power - 1);
      const double difference = std::max(std::abs(table[i][j] - table[i][j - 1]),
                                         std::abs(table[i][j] - table[i - 1][j - 1]));
      if (difference < uncertainty) {
        uncertainty = difference;
        best.value = table[i][j];
      }
    }
    if (i >= 3 && uncertainty <= resolution) break;
  }
  const bool settles = uncertainty <= 1e4 * resolution + rounding;
  const bool bends =
      std::abs(jump) > 0.5 * largest_jump && std::abs(jump) > 1e4 * resolution + rounding;
  best.kink = !settles || bends;
  return best;
}

// The arguments as row-major numbers that can be moved, and the views of them that callables
// receive.
struct GradcheckPoint {
  template <class T>
  explicit GradcheckPoint(const std::vector<ConstView<T>>& arguments) {
    for (const auto& argument : arguments) {
      numbers.emplace_back();
      for (std::size_t r = 0; r < argument.rows(); ++r) {
        for (std::size_t c = 0; c < argument.cols(); ++c) {
          numbers.back().push_back(static_cast<double>(argument(r, c)));
        }
      }
      views.emplace_back(numbers.back().data(), argument.rows(), argument.cols());
    }
  }
  GradcheckPoint(const GradcheckPoint&) = delete;
  GradcheckPoint& operator=(const GradcheckPoint&) = delete;

  // How far the row of an entry moves at step 1: its root mean square; that of the whole argument
  // for a row of zeros, 1 for an argument of zeros.
  double unit(std::size_t argument, std::size_t entry) const {
    const auto root_mean_square = [](const double* data, std::size_t count) {
      const double square = std::inner_product(data, data + count, data, 0.0);
      return std::sqrt(square / static_cast<double>(count));
    };
    const auto& all = numbers[argument];
    const std::size_t cols = views[argument].cols();
    double unit = root_mean_square(all.data() + entry / cols * cols, cols);
    if (!(unit > 0)) unit = root_mean_square(all.data(), all.size());
    return unit > 0 ? unit : 1;
  }

  std::vector<std::vector<double>> numbers;
  std::vector<ConstView<double>> views;
};

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

}  // namespace detail

/// Compares any two callables at the given arguments, which are copied.
/// value(views) takes a std::vector<ConstView<double>> and returns a number; gradient(views)
/// returns a std::vector<std::vector<double>>: for each argument its gradient, row-major, or an
/// empty one for an argument that counts as constant.
template <class Value, class Gradient>
GradcheckReport gradcheck(const Value& value, const Gradient& gradient,
                          const std::vector<ConstView<double>>& arguments,
                          const GradcheckOptions& options = {}) {
  detail::GradcheckPoint point(arguments);
  const std::vector<std::vector<double>> analytic = gradient(std::as_const(point.views));
  if (analytic.size() != arguments.size()) {
    throw ShapeError("gradcheck: " + std::to_string(analytic.size()) + " gradients for " +
                     std::to_string(arguments.size()) + " arguments");
  }
  double largest = 0;
  double square = 0;
  for (std::size_t k = 0; k < analytic.size(); ++k) {
    const std::size_t entries = analytic[k].size();
    if (entries != 0 && entries != point.numbers[k].size()) {
      throw ShapeError("gradcheck: gradient " + std::to_string(k) + " has " +
                       std::to_string(entries) + " entries, its argument has " +
                       std::to_string(point.numbers[k].size()));
    }
    for (std::size_t i = 0; i < entries; ++i) {
      largest = std::max(largest, std::abs(analytic[k][i]));
      square += std::pow(analytic[k][i] * point.unit(k, i), 2);
    }
  }
  // A derivative smaller than this, beside the value, is out of the reach of differences.
  const double floor = 1e-6 * std::abs(static_cast<double>(value(std::as_const(point.views))));

  GradcheckReport report;
  report.by_directions = options.directions > 0;
  report.names = options.names;
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
      double scale = std::sqrt(square);
      if (report.by_directions) {
        for (std::size_t i = 0; i < entries; ++i) {
          move[i] = random() >> 63 != 0 ? point.unit(k, i) : -point.unit(k, i);
        }
      } else {
        unit = move[trial] = point.unit(k, trial);
        scale = largest * unit;
      }
      scale = std::max(scale, floor);
      const double expected =
          std::inner_product(move.begin(), move.end(), analytic[k].begin(), 0.0);
      const auto found = detail::differentiate(
          [&](double t) {
            for (std::size_t i = 0; i < entries; ++i) numbers[i] = start[i] + t * move[i];
            return static_cast<double>(value(std::as_const(point.views)));
          },
          options.step, 1e-10 * scale);
      numbers = start;
      const std::size_t row = report.by_directions ? trial : trial / cols;
      const double difference = std::abs(expected - found.value);
      report.add({k, row, trial % cols, expected / unit, found.value / unit},
                 difference == 0 ? 0 : difference / scale, found.kink);
    }
  }
  return report;
}

/// Compares forward and backward of a loss object with differences of its `value`, in double: a
/// float loss is built again from its options. The arguments are those of forward.
template <template <class> class Loss, class T>
GradcheckReport gradcheck(const Loss<T>& loss, const std::vector<ConstView<T>>& arguments,
                          const GradcheckOptions& options = {}) {
  using Views = std::vector<ConstView<double>>;
  Loss<double> twin(loss.options());
  const auto value = [&](const Views& at) {
    double result = 0;
    detail::spread(
        [&](auto... view) -> decltype(void(twin.value(view...))) { result = twin.value(view...); },
        at);
    return result;
  };
  const auto gradient = [&](const Views& at) {
    std::vector<std::vector<double>> result(at.size());
    std::vector<MutView<double>> outputs;
    for (std::size_t k = 0; k < at.size(); ++k) {
      if (!detail::has_gradient(loss, k, at.size(), 0)) continue;
      result[k].resize(at[k].rows() * at[k].cols(), std::numeric_limits<double>::quiet_NaN());
      outputs.emplace_back(result[k].data(), at[k].rows(), at[k].cols());
    }
    detail::spread(
        [&](auto... view) -> decltype(void(twin.forward(view...))) { twin.forward(view...); }, at);
    detail::spread(
        [&](auto... view) -> decltype(void(twin.backward(view...))) { twin.backward(view...); },
        outputs);
    return result;
  };
  return gradcheck(value, gradient, detail::GradcheckPoint(arguments).views, options);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup
