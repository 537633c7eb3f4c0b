#include "selfsup/monitors/mean_cosine.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "reference/normalize.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>

namespace {

using tests::Matrix;

double by_definition(const Matrix<double>& z) {
  const auto hat = tests::reference::normalize(z);
  double sum = 0, pairs = 0;
  for (std::size_t i = 0; i < z.rows(); ++i) {
    for (std::size_t j = i + 1; j < z.rows(); ++j, ++pairs) {
      for (std::size_t c = 0; c < z.cols(); ++c) sum += hat(i, c) * hat(j, c);
    }
  }
  return sum / pairs;
}

template <class T>
void check_threads() {
  const auto z = tests::cast<T>(tests::random_matrix(1031, 517, 1));
  CHECK(tests::same_on_any_threads([&] { return selfsup::mean_cosine<T>(z); }));
}

}  // namespace

TEST_CASE("mean_cosine is the mean over all pairs, in every layout") {
  for (const auto& [rows, cols] : {std::pair{2u, 1u}, std::pair{50u, 17u}, {200u, 3u}}) {
    auto z = tests::random_views(rows, cols, 3, 1)[0];
    if (rows > 2) z(1, 0) = z(1, 1) = z(1, 2) = 0;
    const double expected = by_definition(z);
    for (const auto layout : tests::layouts) {
      CHECK(std::abs(selfsup::mean_cosine<double>(tests::Stored<double>(z, layout)) - expected) <=
            1e-14);
      const tests::Stored<float> in_float(tests::cast<float>(z), layout);
      CHECK(std::abs(selfsup::mean_cosine<float>(in_float) - expected) <= 1e-6);
    }
  }
}

TEST_CASE("mean_cosine of a collapsed and of a centred batch") {
  CHECK(std::abs(selfsup::mean_cosine<float>(Matrix<float>(100, 3, 0.7f)) - 1) <= 1e-6);
  Matrix<double> simplex(4, 3);  // at least −1/(N − 1): a regular tetrahedron
  for (std::size_t r = 0; r < 4; ++r) {
    simplex(r, 0) = r < 2 ? 1 : -1;
    simplex(r, 1) = r % 2 == 0 ? 1 : -1;
    simplex(r, 2) = simplex(r, 0) * simplex(r, 1);
  }
  CHECK(std::abs(selfsup::mean_cosine<double>(simplex) + 1.0 / 3) <= 1e-15);
}

TEST_CASE("mean_cosine refuses a single row and what is not finite") {
  CHECK_THROWS_AS(selfsup::mean_cosine<float>(Matrix<float>(1, 3, 1)), selfsup::ShapeError);
  Matrix<float> z(3, 3, 1);
  z(2, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(selfsup::mean_cosine<float>(z), selfsup::NonFiniteError);
}

TEST_CASE("mean_cosine is the same on any number of threads") {
  check_threads<float>();
  check_threads<double>();
}
