#include "selfsup/monitors/collapse.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>

namespace {

using tests::Matrix;

// Two passes over the definition, double.
double by_definition(const Matrix<double>& z) {
  const auto N = static_cast<double>(z.rows());
  Matrix<double> hat = z;
  for (std::size_t r = 0; r < z.rows(); ++r) {
    double square = 0;
    for (std::size_t c = 0; c < z.cols(); ++c) square += z(r, c) * z(r, c);
    for (std::size_t c = 0; c < z.cols(); ++c) hat(r, c) /= std::sqrt(square);
  }
  double total = 0;
  for (std::size_t c = 0; c < z.cols(); ++c) {
    double mean = 0, square = 0;
    for (std::size_t r = 0; r < z.rows(); ++r) mean += hat(r, c) / N;
    for (std::size_t r = 0; r < z.rows(); ++r) square += std::pow(hat(r, c) - mean, 2);
    total += std::sqrt(square / (N - 1));
  }
  return total / static_cast<double>(z.cols());
}

template <class T>
void check_threads() {
  const auto z = tests::cast<T>(tests::random_matrix(1031, 517, 1));
  CHECK(tests::same_on_any_threads([&] { return selfsup::embedding_std<T>(z); }));
}

}  // namespace

TEST_CASE("embedding_std is the mean deviation of the columns of the normalised rows") {
  for (const std::size_t cols : {1u, 3u, 17u}) {
    const auto z = tests::random_matrix(50, cols, cols);
    const double expected = by_definition(z);
    CHECK(std::abs(selfsup::embedding_std<double>(z) - expected) <= 1e-14);
    const auto in_float = tests::cast<float>(z);  // the same numbers
    CHECK(selfsup::embedding_std<float>(in_float) == selfsup::embedding_std<double>(z));
    for (const auto layout : tests::layouts) {
      const tests::Stored<double> stored(z, layout);
      CHECK(selfsup::embedding_std<double>(stored) == selfsup::embedding_std<double>(z));
    }
  }
}

TEST_CASE("embedding_std is about 1/sqrt(D) for spread rows and exactly 0 for collapsed ones") {
  const auto spread = tests::random_matrix(2000, 64, 3);
  CHECK(std::abs(selfsup::embedding_std<double>(spread) * 8 - 1) < 0.01);
  Matrix<float> collapsed(40, 5);
  for (std::size_t r = 0; r < 40; ++r) {
    for (std::size_t c = 0; c < 5; ++c) collapsed(r, c) = 0.1f * static_cast<float>(c + 1);
  }
  CHECK(selfsup::embedding_std<float>(collapsed) == 0);
  CHECK(selfsup::embedding_std<float>(Matrix<float>(4, 5)) == 0);
}

TEST_CASE("embedding_std does not depend on the length of the rows") {
  const auto z = tests::random_matrix(20, 6, 4);
  Matrix<double> scaled = z;
  for (double& entry : scaled.entries()) entry *= std::ldexp(1.0, 600);
  CHECK(selfsup::embedding_std<double>(scaled) == selfsup::embedding_std<double>(z));
}

TEST_CASE("embedding_std of many rows, and of entries of any magnitude, keeps its accuracy") {
  auto z = tests::random_matrix(3000, 37, 5);
  for (std::size_t r = 0; r < z.rows(); ++r) {
    const double length = std::ldexp(1.0, static_cast<int>(r % 2001) - 1000);
    for (std::size_t c = 0; c < z.cols(); ++c) z(r, c) *= length;
  }
  const auto unscaled = tests::random_matrix(3000, 37, 5);
  CHECK(selfsup::embedding_std<double>(z) == selfsup::embedding_std<double>(unscaled));
  CHECK(std::abs(selfsup::embedding_std<double>(z) - by_definition(unscaled)) <= 1e-14);
}

TEST_CASE("embedding_std refuses what has no deviation") {
  Matrix<float> z(4, 3, 1);
  CHECK_THROWS_AS(selfsup::embedding_std<float>({z.data(), 1, 3}), selfsup::ShapeError);
  CHECK_THROWS_AS(selfsup::embedding_std<float>({z.data(), 4, 0}), selfsup::ShapeError);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (std::size_t r = 0; r < 40; ++r) {
      for (std::size_t c = 0; c < 37; ++c) {
        Matrix<float> broken(40, 37, 1);
        broken(r, c) = bad;
        CHECK_THROWS_AS(selfsup::embedding_std<float>(broken), selfsup::NonFiniteError);
      }
    }
  }
}

TEST_CASE("embedding_std is the same on any number of threads") {
  check_threads<float>();
  check_threads<double>();
}
