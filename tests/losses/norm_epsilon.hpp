// What the option norm_epsilon promises, for every loss that has it: z / max(|z|, ε).
#pragma once

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "tolerances.hpp"

#include "selfsup/core/errors.hpp"

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace tests {

template <class T>
std::vector<Matrix<T>> times(T factor, std::vector<Matrix<T>> matrices) {
  for (Matrix<T>& matrix : matrices) {
    for (T& entry : matrix.entries()) entry *= factor;
  }
  return matrices;
}

/// The loss with that norm_epsilon …
using WithEpsilon = std::function<LossCase(double norm_epsilon)>;

/// … against `plain`, the same value of rows that are not normalised.
template <class T>
void check_norm_epsilon(const WithEpsilon& with, const LossCase& plain) {
  const LossCase usual = with(1e-12), none = with(0);
  const auto inputs = cast<T>(inputs_of(usual, 7, 6));
  const auto run_of = [](const LossCase& item, const std::vector<Matrix<T>>& z) {
    return run(*item.make<T>(), item, z);
  };
  const Run<T> expected = run_of(usual, inputs);
  const bool in_float = std::is_same_v<T, float>;
  const double value_allowed =
      in_float ? tolerance::float_value : tolerance::rounding(2 * 7 + 6, usual.temperature);
  const double entry_allowed = in_float ? tolerance::float_entry : value_allowed;

  // Rows far above ε do not feel it.
  CHECK((run_of(none, inputs) == expected));
  // Without it, a row of any length counts by its direction: its squares are 0 here.
  const T tiny = in_float ? T(0x1p-80) : T(0x1p-540);
  Run<T> shrunk = run_of(none, times(tiny, inputs));
  CHECK(std::abs(shrunk.value - expected.value) <= value_allowed * std::abs(expected.value));
  CHECK(gradient_error(times(tiny, shrunk.gradients), cast<double>(expected.gradients)).entry <=
        entry_allowed);
  // Rows below it are divided by it, and have no gradient.
  const Run<T> below = run_of(with(64), inputs);
  const T divided = run_of(plain, times(T(1) / 64, inputs)).value;
  CHECK(std::abs(below.value - divided) <= value_allowed * std::abs(divided));
  for (const auto& gradient : below.gradients)
    CHECK(gradient.entries() == std::vector<T>(gradient.entries().size(), T(0)));
  // Without it, a row of zeros has no direction.
  auto with_zeros = inputs;
  for (std::size_t c = 0; c < 6; ++c) with_zeros[0](2, c) = 0;
  CHECK(std::isfinite(run_of(usual, with_zeros).value));
  CHECK(message<selfsup::NonFiniteError>([&] { run_of(none, with_zeros); }) ==
        usual.type + "::forward: " + usual.arguments[0] +
            " is 0 in row 2, which has no direction with norm_epsilon 0");
  with_zeros[0](3, 1) = std::numeric_limits<T>::quiet_NaN();
  CHECK(message<selfsup::NonFiniteError>([&] { run_of(none, with_zeros); }) ==
        usual.type + "::forward: " + usual.arguments[0] + " is NaN in row 3, column 1");

  for (const double refused : {-1e-12, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(with(refused).template make<T>(), selfsup::OptionError);
}

/// The same for a loss whose options have `normalize`.
template <class T, class Options, class CaseOf>
void check_norm_epsilon(const CaseOf& case_of) {
  Options options;
  options.normalize = false;
  const LossCase plain = case_of(options);
  options.normalize = true;
  const auto with = [&](double norm_epsilon) {
    options.norm_epsilon = norm_epsilon;
    return case_of(options);
  };
  check_norm_epsilon<T>(with, plain);
}

}  // namespace tests
