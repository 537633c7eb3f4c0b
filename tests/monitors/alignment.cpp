#include "selfsup/monitors/alignment.hpp"

#include "catch.hpp"
#include "golden.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "reference/alignment.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>

namespace {
using tests::Matrix;
namespace tolerance = tests::tolerance;
}  // namespace

TEST_CASE("alignment meets the golden number and its definition") {
  CHECK(std::abs(selfsup::alignment<double>(tests::golden_a(), tests::golden_b()) -
                 tests::golden::alignment.value) <= tolerance::golden_double);
  const auto z = tests::random_views(30, 17, 3);
  for (const double power : {1.0, 2.0, 3.5}) {
    const double expected = tests::reference::alignment(z[0], z[1], power, true).value;
    for (const auto layout : tests::layouts) {
      const tests::Stored<double> a(z[0], layout), b(z[1], layout);
      CHECK(std::abs(selfsup::alignment<double>(a, b, power) - expected) <=
            tolerance::rounding(47) * expected);
    }
  }
}

TEST_CASE("alignment refuses other shapes, powers and what is not finite") {
  const Matrix<float> a(3, 4, 1), b(3, 5, 1);
  CHECK_THROWS_AS(selfsup::alignment<float>(a, b), selfsup::ShapeError);
  CHECK_THROWS_AS(selfsup::alignment<float>(a, a, 0), selfsup::OptionError);
  Matrix<float> broken(3, 4, 1);
  broken(1, 2) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(selfsup::alignment<float>(a, broken), selfsup::NonFiniteError);
}

TEST_CASE("alignment is the same on any number of threads") {
  const auto z_a = tests::cast<float>(tests::random_matrix(1031, 130, 1));
  const auto z_b = tests::cast<float>(tests::random_matrix(1031, 130, 2));
  const double expected = [&] {
    const tests::Threads one(1);
    return selfsup::alignment<float>(z_a, z_b);
  }();
  for (const int count : {2, 3, 5}) {
    INFO("threads: " << count);
    const tests::Threads threads(count);
    CHECK(selfsup::alignment<float>(z_a, z_b) == expected);
  }
}
