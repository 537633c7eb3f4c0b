// Losses that draw random numbers, at another step in each forward.
#pragma once

#include "catch.hpp"
#include "matrix.hpp"

#include "selfsup/core/errors.hpp"

#include <cstddef>
#include <limits>
#include <tuple>
#include <vector>

namespace tests {

/// Each forward of a fresh loss is at the next step, value at that of the last forward, and
/// set_step goes anywhere; backward is that of its forward. `views`: one view after the other, (N,
/// D) each.
template <class Loss, class... View>
void check_steps(Loss loss, const View&... views) {
  const auto gradients = [&] {
    std::vector<Matrix<double>> d_views{Matrix<double>(views.rows(), views.cols())...};
    if constexpr (sizeof...(views) == 1) {
      loss.backward(d_views[0]);
    } else {
      loss.backward(d_views[0], d_views[1]);
    }
    std::vector<double> entries;
    for (const auto& d_view : d_views)
      entries.insert(entries.end(), d_view.entries().begin(), d_view.entries().end());
    return entries;
  };
  const double before = loss.value(views...), first = loss.forward(views...);
  CHECK(before == first);
  const auto d_first = gradients();
  loss.set_step(7);
  CHECK(gradients() == d_first);
  loss.set_step(0);
  loss.forward(views...);
  const double second = loss.forward(views...);
  CHECK(second != first);
  CHECK(gradients() != d_first);
  CHECK(loss.value(views...) == second);
  CHECK(loss.value(views...) == second);
  const double third = loss.forward(views...);
  CHECK(third != second);
  loss.set_step(1);
  CHECK(loss.value(views...) == second);
  CHECK(loss.forward(views...) == second);
  // A forward that fails takes no step.
  auto broken = std::get<0>(std::tie(views...));
  broken(1, 1) = std::numeric_limits<double>::quiet_NaN();
  if constexpr (sizeof...(views) == 1) {
    CHECK_THROWS_AS(loss.forward(broken), selfsup::NonFiniteError);
  } else {
    CHECK_THROWS_AS(loss.forward(broken, broken), selfsup::NonFiniteError);
  }
  CHECK(loss.forward(views...) == third);
}

}  // namespace tests
