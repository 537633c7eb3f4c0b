// By how much does anything change? Values and gradients on fixed inputs are written to the file
// CANARY_WRITE, or compared with those of CANARY_COMPARE. These inputs are not those of the tests.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"

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

// Numbers that are judged beside their largest; float ones may differ by rounding.
struct Group {
  bool in_float;
  std::vector<double> numbers;
};

// Random views with what a training run may bring: a row of zeros, rows of any length, rows alike.
std::vector<Matrix<double>> inputs_of(const LossCase& item, std::size_t rows, std::size_t cols,
                                      int kind) {
  auto inputs = tests::inputs_of(item, rows, cols, 77 + static_cast<std::uint64_t>(kind));
  for (auto& input : inputs) {
    for (std::size_t c = 0; c < cols; ++c) {
      if (kind == 1) input(rows / 2, c) = 0;
      if (kind == 2) input(rows - 1, c) *= 1e19;
      if (kind == 3) input(0, c) = input(rows - 1, c);
      if (kind == 4) input(rows / 2, c) *= 1e-15;
    }
  }
  return tests::cast<double>(tests::cast<float>(inputs));
}

template <class T>
void measure(const LossCase& item, const std::vector<Matrix<double>>& exact,
             std::vector<Group>& groups) {
  const bool in_float = sizeof(T) == sizeof(float);
  const auto inputs = tests::cast<T>(exact);
  for (const bool keeps : {true, false}) {
    Group values{in_float, {}};
    std::vector<Group> gradients;
    try {
      const auto loss = keeps ? item.make<T>() : item.make<T>(std::size_t{0});
      auto found = tests::run(*loss, item, inputs);
      values.numbers = {static_cast<double>(found.value),
                        static_cast<double>(loss->value(tests::views(inputs)))};
      loss->forward(tests::views(inputs));
      loss->backward(tests::outputs(found.gradients), T(0.7));
      for (const auto& gradient : found.gradients) {
        gradients.push_back({in_float, tests::cast<double>(gradient).entries()});
      }
      if (const auto slope = loss->d_temperature()) gradients.push_back({in_float, {*slope}});
      if (found.gradients.size() > 1) {  // alone, as when the other output is skipped
        auto outputs = tests::outputs(found.gradients);
        outputs[0] = {};
        loss->backward(outputs);
        gradients.push_back({in_float, tests::cast<double>(found.gradients[1]).entries()});
      }
    } catch (const std::runtime_error&) {
      values.numbers = {-12345};
    }
    groups.push_back(values);
    groups.insert(groups.end(), gradients.begin(), gradients.end());
  }
}

std::vector<Group> measure_all() {
  std::vector<Group> groups;
  for (const LossCase& item : tests::all_losses()) {
    const std::pair<std::size_t, std::size_t> shapes[] = {{1, 9},  {2, 3},   {6, 5},    {13, 21},
                                                          {6, 70}, {210, 7}, {20, 205}, {9, 1030}};
    for (const auto& [rows, cols] : shapes) {
      if (rows < item.min_rows || cols < item.min_cols) continue;
      for (int kind = 0; kind < (rows == 6 ? 5 : 1); ++kind) {
        const auto inputs = inputs_of(item, rows, cols, kind);
        measure<float>(item, inputs, groups);
        measure<double>(item, inputs, groups);
      }
    }
  }
  return groups;
}

// What may change by rounding alone. A change in double above 1e-6, or in float above the promise
// of the library, is an effect; the result is in units of that.
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
  const double rounding = before.in_float ? tests::tolerance::float_entry : 1e-6;
  return difference / std::max(largest, 1e-12) / rounding;
}

}  // namespace

TEST_CASE("values and gradients on fixed inputs", "[.gradients]") {
  const auto groups = measure_all();
  if (const char* const path = std::getenv("CANARY_WRITE")) {
    std::ofstream out(path, std::ios::binary);
    for (const Group& group : groups) {
      out.write(reinterpret_cast<const char*>(group.numbers.data()),
                static_cast<std::streamsize>(group.numbers.size() * sizeof(double)));
    }
    REQUIRE(out.good());
  }
  if (const char* const path = std::getenv("CANARY_COMPARE")) {
    std::ifstream in(path, std::ios::binary);
    double worst = 0;
    for (const Group& group : groups) {
      Group before = group;
      in.read(reinterpret_cast<char*>(before.numbers.data()),
              static_cast<std::streamsize>(before.numbers.size() * sizeof(double)));
      worst = in.good() ? std::max(worst, change(before, group)) : HUGE_VAL;
    }
    if (in.peek() != std::ifstream::traits_type::eof()) worst = HUGE_VAL;
    std::cout << "canary: change " << worst << '\n';
  }
}
