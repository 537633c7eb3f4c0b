// Where a gradient check stands, and the ways it goes from there.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/view.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

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
      units.push_back(units_of(numbers.back(), argument.cols()));
    }
  }
  GradcheckPoint(const GradcheckPoint&) = delete;
  GradcheckPoint& operator=(const GradcheckPoint&) = delete;

  // How far the row of an entry moves at step 1.
  double unit(std::size_t argument, std::size_t entry) const {
    return units[argument][entry / views[argument].cols()];
  }

  std::vector<std::vector<double>> numbers;
  std::vector<ConstView<double>> views;
  std::vector<std::vector<double>> units;  // by row

 private:
  static double root_mean_square(const double* data, std::size_t count) {
    double largest = 0, sum = 0;
    for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(data[i]));
    if (!(largest > 0)) return 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double share = data[i] / largest;  // the square of 1e200 is infinite
      sum += share * share;
    }
    return largest * std::sqrt(sum / static_cast<double>(count));
  }
  // The root mean square of each row; that of the whole argument for a row of zeros, 1 for an
  // argument of zeros.
  static std::vector<double> units_of(const std::vector<double>& all, std::size_t cols) {
    const double whole = root_mean_square(all.data(), all.size());
    std::vector<double> units;
    for (std::size_t first = 0; first < all.size(); first += cols) {
      const double own = root_mean_square(all.data() + first, cols);
      units.push_back(own > 0 ? own : whole > 0 ? whole : 1);
    }
    return units;
  }
};

// A sign and a magnitude from 0.5 to 1.5 for each entry: equal steps in a random order. No two
// entries weigh the same, so two that are exchanged show in every direction.
inline std::vector<double> direction(std::size_t entries, std::mt19937_64& random) {
  std::vector<double> factors(entries);
  for (std::size_t i = 0; i < entries; ++i) {
    // The standard's shuffle differs from library to library.
    const std::size_t other = static_cast<std::size_t>(random() % (i + 1));
    factors[i] = factors[other];
    factors[other] = 0.5 + (static_cast<double>(i) + 0.5) / static_cast<double>(entries);
  }
  for (double& factor : factors) factor = random() >> 63 != 0 ? factor : -factor;
  return factors;
}

// The same bits; NaN is the same as NaN.
inline bool same(double x, double y) { return x == y || (is_nan(x) && is_nan(y)); }

template <class Entry>
bool same(const std::vector<std::vector<Entry>>& x, const std::vector<std::vector<Entry>>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& a, const auto& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Entry m, Entry n) {
      return same(static_cast<double>(m), static_cast<double>(n));
    });
  });
}

// What the errors of a gradient are relative to.
struct GradientSize {
  double largest = 0;  // entry
  double norm = 0;     // of the entries times their units
};

// Throws a ShapeError unless there is one gradient for each argument, of its size or empty.
template <class Entry>
GradientSize size_of(const std::vector<std::vector<Entry>>& gradients,
                     const GradcheckPoint& point) {
  if (gradients.size() != point.numbers.size()) {
    throw ShapeError("gradcheck: " + std::to_string(gradients.size()) + " gradients for " +
                     std::to_string(point.numbers.size()) + " arguments");
  }
  GradientSize size;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    const std::size_t entries = gradients[k].size();
    if (entries != 0 && entries != point.numbers[k].size()) {
      throw ShapeError("gradcheck: gradient " + std::to_string(k) + " has " +
                       std::to_string(entries) + " entries, its argument has " +
                       std::to_string(point.numbers[k].size()));
    }
    for (std::size_t i = 0; i < entries; ++i) {
      const double entry = std::abs(static_cast<double>(gradients[k][i]));
      size.largest = std::max(size.largest, entry);
      size.norm = std::hypot(size.norm, entry * point.unit(k, i));  // squares may overflow
    }
  }
  return size;
}

}  // namespace detail
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
