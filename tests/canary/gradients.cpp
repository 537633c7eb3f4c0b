// By how much does anything change? Values and gradients on fixed inputs are written to the file
// CANARY_WRITE, or compared with those of CANARY_COMPARE. These inputs are not those of the tests.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"

#include "selfsup/core/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

// Numbers that are judged beside their largest, and what rounding alone may change them by.
struct Group {
  double rounding;
  std::vector<double> numbers;
  std::string where = {};
};

// A gradient, each row times the length of its argument's row where rows count by direction: then a
// row that is very long or very short is judged like the others.
template <class T>
std::vector<double> scale_free(const LossCase& item, const Matrix<double>& input,
                               selfsup::ConstView<T> gradient) {
  std::vector<double> numbers;
  for (std::size_t r = 0; r < input.rows(); ++r) {
    double square = 0;
    for (std::size_t c = 0; c < input.cols(); ++c) square += input(r, c) * input(r, c);
    const double length = item.normalizes && square > 0 ? std::sqrt(square) : 1;
    for (std::size_t c = 0; c < input.cols(); ++c)
      numbers.push_back(length * static_cast<double>(gradient(r, c)));
  }
  return numbers;
}

// Random views with what a training run may bring: a row of zeros, rows of any length, rows alike.
std::vector<Matrix<double>> inputs_of(const LossCase& item, std::size_t rows, std::size_t cols,
                                      int kind) {
  auto inputs = tests::inputs_of(item, rows, cols, 77 + static_cast<std::uint64_t>(kind));
  for (auto& input : inputs) {
    for (std::size_t c = 0; c < cols; ++c) {
      if (kind == 1) input(rows / 2, c) = 0;
      if (kind == 2) input(rows - 1, c) *= 1e19;
      // In one view alone, and nearly where there is no other: equal terms of opposite sign leave
      // rounding only.
      const double near = inputs.size() > 1 ? 1 : 1 + 0.01 * static_cast<double>(c % 3);
      if (kind == 3 && &input == &inputs[0]) input(0, c) = near * input(rows - 1, c);
      if (kind == 4) input(rows / 2, c) *= 1e-15;
    }
  }
  return tests::cast<double>(tests::cast<float>(inputs));
}

template <class T>
std::vector<Group> measure(const LossCase& item, const std::vector<Matrix<double>>& exact) {
  std::vector<Group> groups;
  // In double 1e-6, in float the promise of the library.
  const double rounding = sizeof(T) == sizeof(double)
                              ? 1e-6
                              : tests::tolerance::float_entry *
                                    tests::tolerance::sharpness(item.temperature) *
                                    item.template amplification<float>(exact);
  const auto inputs = tests::cast<T>(exact);
  std::vector<std::size_t> arguments;  // that have a gradient
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (item.has_gradient[k]) arguments.push_back(k);
  }
  for (const bool keeps : {true, false}) {
    if (!keeps && exact[0].rows() > 100) continue;
    Group values{rounding, {}};
    std::vector<Group> gradients;
    try {
      const auto loss = keeps ? item.make<T>() : item.make<T>(std::size_t{0});
      const auto found = tests::run(*loss, item, inputs);
      values.numbers = {static_cast<double>(found.value),
                        static_cast<double>(loss->value(tests::views(inputs)))};
      loss->forward(tests::views(inputs));
      auto columns = tests::blank_gradients(item, inputs);  // the second time, by columns
      std::vector<selfsup::MutView<T>> outputs;
      for (auto& column : columns)
        outputs.emplace_back(column.data(), column.rows(), column.cols(), 1, column.rows());
      loss->backward(outputs, T(0.7));
      for (std::size_t k = 0; k < arguments.size(); ++k) {
        const auto& input = exact[arguments[k]];
        gradients.push_back({rounding, scale_free<T>(item, input, found.gradients[k])});
        gradients.push_back({rounding, scale_free<T>(item, input, outputs[k])});
      }
      if (const auto slope = loss->d_temperature()) {  // a sum whose terms may cancel
        const double terms = item.reference(exact).d_temperature_magnitude;
        gradients.push_back({rounding * std::max(1.0, terms / std::abs(*slope)), {*slope}});
      }
      if (arguments.size() > 1) {  // alone, as when the other outputs are skipped
        for (std::size_t k = 0; k + 1 < outputs.size(); ++k) outputs[k] = {};
        loss->backward(outputs);
        gradients.push_back(
            {rounding, scale_free<T>(item, exact[arguments.back()], outputs.back())});
      }
    } catch (const std::runtime_error&) {
      values.numbers = {-12345};
    }
    gradients.insert(gradients.begin(), values);
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      gradients[k].where = item.name + (sizeof(T) == sizeof(double) ? ", double, " : ", float, ") +
                           selfsup::shape_text(exact[0].rows(), exact[0].cols()) + ", number " +
                           std::to_string(k);
      groups.push_back(gradients[k]);
    }
  }
  return groups;
}

// Calls each(groups) for one loss, shape and scalar type after the other until it says no; all
// losses with a small shape come first, since most faults show there.
template <class Each>
void measure_all(const Each& each) {
  // Several SIMD widths, tiles of 192 rows or columns, and chunks of 16384 entries.
  const std::pair<std::size_t, std::size_t> shapes[] = {{1, 9},  {2, 3},   {6, 5},     {13, 21},
                                                        {6, 70}, {210, 7}, {200, 210}, {17, 1030}};
  for (const auto& [rows, cols] : shapes) {
    for (const LossCase& item : tests::all_losses()) {
      if (rows < item.min_rows || cols < item.min_cols) continue;
      for (int kind = 0; kind < (rows == 6 ? 5 : 1); ++kind) {
        const auto inputs = inputs_of(item, rows, cols, kind);
        if (!each(measure<float>(item, inputs)) || !each(measure<double>(item, inputs))) return;
      }
    }
  }
}

// The largest change, in units of what rounding may do.
double change(const Group& before, const Group& after) {
  if (before.numbers.size() != after.numbers.size()) return HUGE_VAL;
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < before.numbers.size(); ++i) {
    const double x = before.numbers[i], y = after.numbers[i];
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
    if (std::isnan(x) ? std::isnan(y) : x == y) continue;
    if (!(std::abs(x - y) <= difference)) difference = std::abs(x - y);
    if (std::isnan(difference)) return HUGE_VAL;
  }
  if (difference == 0) return 0;
  return difference / std::max(largest, 1e-12) / before.rounding;
}

}  // namespace

TEST_CASE("values and gradients on fixed inputs", "[.gradients]") {
  if (const char* const path = std::getenv("CANARY_WRITE")) {
    std::ofstream out(path, std::ios::binary);
    measure_all([&](const std::vector<Group>& groups) {
      for (const Group& group : groups) {
        out.write(reinterpret_cast<const char*>(group.numbers.data()),
                  static_cast<std::streamsize>(group.numbers.size() * sizeof(double)));
      }
      return true;
    });
    REQUIRE(out.good());
  }
  if (const char* const path = std::getenv("CANARY_COMPARE")) {
    std::ifstream in(path, std::ios::binary);
    double worst = 0;
    std::string where;
    measure_all([&](const std::vector<Group>& groups) {
      for (const Group& group : groups) {
        Group before = group;
        in.read(reinterpret_cast<char*>(before.numbers.data()),
                static_cast<std::streamsize>(before.numbers.size() * sizeof(double)));
        const double found = in.good() ? change(before, group) : HUGE_VAL;
        if (found > worst) where = ", in " + group.where;
        worst = std::max(worst, found);
      }
      return worst <= 1;  // more than rounding: no need to look on
    });
    if (worst <= 1 && in.peek() != std::ifstream::traits_type::eof()) worst = HUGE_VAL;
    std::cout << "canary: change " << worst << where << '\n';
  }
}
