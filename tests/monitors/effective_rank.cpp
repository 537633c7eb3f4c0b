#include "selfsup/monitors/effective_rank.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>

namespace {

using tests::Matrix;

// Orthogonal columns of lengths given by `singular`: the first columns of a Hadamard matrix.
Matrix<double> with_singular_values(std::size_t rows, const std::vector<double>& singular) {
  Matrix<double> z(rows, singular.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < singular.size(); ++c) {
      int bits = 0;
      for (std::size_t both = r & c; both != 0; both >>= 1) bits += static_cast<int>(both & 1);
      z(r, c) = (bits % 2 == 0 ? 1 : -1) * singular[c] / std::sqrt(static_cast<double>(rows));
    }
  }
  return z;
}

template <class T>
void check_threads() {
  const auto z = tests::cast<T>(tests::random_matrix(1031, 150, 1));
  CHECK(tests::same_on_any_threads([&] { return selfsup::effective_rank<T>(z); }));
}

}  // namespace

TEST_CASE("the effective rank of equal singular values is their number") {
  for (const std::size_t cols : {1u, 2u, 5u, 16u}) {
    const auto z = with_singular_values(16, std::vector<double>(cols, 3.0));
    CHECK(std::abs(selfsup::effective_rank<double>(z) - static_cast<double>(cols)) <= 1e-12 * 16);
  }
}

TEST_CASE("the effective rank is exp of the entropy of the normalised singular values") {
  const std::vector<double> singular{8, 4, 2, 1, 1};
  double entropy = 0;
  for (const double sigma : singular) entropy -= sigma / 16 * std::log(sigma / 16);
  const auto z = with_singular_values(32, singular);
  CHECK(std::abs(selfsup::effective_rank<double>(z) - std::exp(entropy)) <= 1e-12);
  const selfsup::ConstView<double> view(z);
  CHECK(std::abs(selfsup::effective_rank<double>(view.transposed()) - std::exp(entropy)) <= 1e-12);
}

TEST_CASE("the effective rank of one direction is 1, and of nothing 0") {
  Matrix<float> z(100, 30);
  for (std::size_t r = 0; r < 100; ++r) {
    for (std::size_t c = 0; c < 30; ++c) z(r, c) = static_cast<float>((r + 1) * (c + 1));
  }
  CHECK(std::abs(selfsup::effective_rank<float>(z) - 1) <= 1e-6);
  CHECK(selfsup::effective_rank<float>(Matrix<float>(3, 4)) == 0);
}

TEST_CASE("the effective rank does not depend on scale or layout") {
  const auto z = tests::random_matrix(12, 7, 1);
  const double rank = selfsup::effective_rank<double>(z);
  CHECK(rank > 1);
  CHECK(rank < 7);
  Matrix<double> scaled = z;
  for (double& entry : scaled.entries()) entry *= std::ldexp(1.0, 700);
  CHECK(selfsup::effective_rank<double>(scaled) == rank);
  for (const auto layout : tests::layouts) {
    CHECK(selfsup::effective_rank<double>(tests::Stored<double>(z, layout)) == rank);
  }
}

TEST_CASE("the effective rank refuses an empty matrix and one that is not finite") {
  Matrix<float> z(4, 6, 1);
  CHECK_THROWS_AS(selfsup::effective_rank<float>({}), selfsup::ShapeError);
  z(2, 5) = std::numeric_limits<float>::infinity();
  std::string text;
  try {
    selfsup::effective_rank<float>(z);
  } catch (const selfsup::NonFiniteError& error) {
    text = error.what();
  }
  CHECK(text == "effective_rank: z is infinite in row 2, column 5");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (std::size_t c = 0; c < 37; ++c) {
      Matrix<float> broken(5, 37, 1);
      broken(c % 5, c) = bad;
      CHECK_THROWS_AS(selfsup::effective_rank<float>(broken), selfsup::NonFiniteError);
    }
  }
}

TEST_CASE("effective_rank is the same on any number of threads") {
  check_threads<float>();
  check_threads<double>();
}
