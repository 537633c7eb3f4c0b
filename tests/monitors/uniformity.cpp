#include "selfsup/monitors/uniformity.hpp"

#include "catch.hpp"
#include "golden.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "reference/uniformity.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>

namespace {
using tests::Matrix;
namespace tolerance = tests::tolerance;
}  // namespace

TEST_CASE("uniformity meets the golden number and its definition") {
  CHECK(std::abs(selfsup::uniformity<double>(tests::golden_a()) -
                 tests::golden::uniformity.value) <= tolerance::golden_double);
  const auto z = tests::random_matrix(30, 17, 3);
  for (const double scale : {0.5, 2.0, 500.0}) {
    const double expected = tests::reference::uniformity(z, scale, true).value;
    for (const auto layout : tests::layouts) {
      const tests::Stored<double> stored(z, layout);
      CHECK(std::abs(selfsup::uniformity<double>(stored, scale) - expected) <=
            tolerance::rounding(47) * std::abs(expected));
    }
  }
}

TEST_CASE("uniformity refuses a single row, scales out of range and what is not finite") {
  CHECK_THROWS_AS(selfsup::uniformity<float>(Matrix<float>(1, 3, 1)), selfsup::ShapeError);
  CHECK_THROWS_AS(selfsup::uniformity<float>(Matrix<float>(3, 3, 1), 0), selfsup::OptionError);
  Matrix<float> z(3, 3, 1);
  z(2, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(selfsup::uniformity<float>(z), selfsup::NonFiniteError);
}

TEST_CASE("uniformity is the same on any number of threads") {
  const auto z = tests::cast<float>(tests::random_matrix(1031, 130, 1));
  CHECK(tests::same_on_any_threads([&] { return selfsup::uniformity<float>(z); }));
}
