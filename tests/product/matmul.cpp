#include "selfsup/product/matmul.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::ConstView;
using tests::Layout;
using tests::Matrix;
using tests::Stored;

struct Sizes {
  std::size_t n, k, m;
};

// Around every register width, micro-block and tile, and every combination of the smallest.
std::vector<Sizes> all_sizes() {
  std::vector<Sizes> sizes;
  for (const std::size_t n : {1u, 2u, 3u, 7u, 13u}) {
    for (const std::size_t k : {1u, 2u, 5u, 16u}) {
      for (const std::size_t m : {1u, 3u, 4u, 15u, 17u, 33u}) sizes.push_back({n, k, m});
    }
  }
  for (const Sizes& more : std::vector<Sizes>{{64, 64, 64},
                                              {65, 63, 31},
                                              {97, 100, 95},
                                              {192, 33, 193},
                                              {200, 7, 300},
                                              {1, 1000, 1},
                                              {5, 1025, 17},
                                              {31, 513, 47},
                                              {16, 0, 16},
                                              {5, 0, 7},
                                              {389, 300, 201},
                                              {3, 2048, 5},
                                              {2, 33000, 3},
                                              {3, 16385, 16}}) {
    sizes.push_back(more);
  }
  return sizes;
}

// The triple loop: Σ_k a_ik·b_kj, and Σ_k |a_ik·b_kj|, which bounds the rounding of any order.
struct Expected {
  Matrix<double> sums;
  Matrix<double> magnitudes;
  std::size_t terms;
};

template <class T>
Expected triple_loop(const Matrix<T>& a, const Matrix<T>& b, const Matrix<T>& start) {
  Expected expected{tests::cast<double>(start), tests::cast<double>(start), a.cols() + 2};
  for (double& entry : expected.magnitudes.entries()) entry = std::abs(entry);
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t k = 0; k < a.cols(); ++k) {
      for (std::size_t j = 0; j < b.cols(); ++j) {
        const double term = static_cast<double>(a(i, k)) * static_cast<double>(b(k, j));
        expected.sums(i, j) += term;
        expected.magnitudes(i, j) += std::abs(term);
      }
    }
  }
  return expected;
}

template <class T>
void check_product(const Expected& expected, const Matrix<T>& found) {
  const double allowed = tests::tolerance::operations<T>(expected.terms);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < found.entries().size(); ++i) {
    const double error =
        std::abs(static_cast<double>(found.entries()[i]) - expected.sums.entries()[i]);
    if (!(error <= allowed * expected.magnitudes.entries()[i])) ++wrong;
  }
  CHECK(wrong == 0);
}

// A row, such as a bias, that every row of a product starts from.
template <class T>
struct Bias {
  Matrix<T> row;
  std::size_t rows;

  Bias(std::size_t n, std::size_t m)
      : row(tests::cast<T>(tests::random_matrix(1, m, 4))), rows(n) {}
  operator ConstView<T>() const { return {row.entries().data(), rows, row.cols(), 0, 1}; }
  Matrix<T> repeated() const {
    Matrix<T> matrix(rows, row.cols());
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < row.cols(); ++c) matrix(r, c) = row(0, c);
    }
    return matrix;
  }
};

template <class T>
void check_all_products() {
  selfsup::Matmul<T> matmul;
  for (const auto& [n, k, m] : all_sizes()) {
    INFO(n << "x" << k << " times " << k << "x" << m);
    const auto a = tests::cast<T>(tests::random_matrix(n, k, 1));
    const auto b = tests::cast<T>(tests::random_matrix(k, m, 2));
    const auto c = tests::cast<T>(tests::random_matrix(n, m, 3));
    Matrix<T> written(n, m, std::numeric_limits<T>::quiet_NaN());
    matmul.write(a, b, written);
    check_product(triple_loop(a, b, Matrix<T>(n, m)), written);
    Matrix<T> added = c;
    matmul.add(a, b, added);
    check_product(triple_loop(a, b, c), added);
    const Bias<T> bias(n, m);
    Matrix<T> biased(n, m, std::numeric_limits<T>::quiet_NaN());
    matmul.write_from(bias, a, b, biased);
    check_product(triple_loop(a, b, bias.repeated()), biased);
  }
}

template <class T>
void check_layouts() {
  selfsup::Matmul<T> matmul;
  for (const auto& [n, k, m] : std::vector<Sizes>{{5, 3, 4}, {33, 17, 50}, {100, 300, 97}}) {
    const auto a = tests::cast<T>(tests::random_matrix(n, k, 1));
    const auto b = tests::cast<T>(tests::random_matrix(k, m, 2));
    const auto c = tests::cast<T>(tests::random_matrix(n, m, 3));
    const Expected product = triple_loop(a, b, Matrix<T>(n, m));
    const Expected sum = triple_loop(a, b, c);
    const Bias<T> bias(n, m);
    const Expected with_bias = triple_loop(a, b, bias.repeated());
    for (const Layout layout_a : tests::layouts) {
      for (const Layout layout_b : tests::layouts) {
        for (const Layout layout_c : tests::layouts) {
          INFO(tests::name(layout_a)
               << " times " << tests::name(layout_b) << " into " << tests::name(layout_c));
          const Stored<T> stored_a(a, layout_a), stored_b(b, layout_b);
          Stored<T> written(Matrix<T>(n, m, std::numeric_limits<T>::quiet_NaN()), layout_c);
          matmul.write(stored_a, stored_b, written);
          check_product(product, written.matrix());
          CHECK(written.surroundings_untouched());
          Stored<T> added(c, layout_c);
          matmul.add(stored_a, stored_b, added);
          check_product(sum, added.matrix());
          CHECK(added.surroundings_untouched());
          Stored<T> biased(Matrix<T>(n, m, std::numeric_limits<T>::quiet_NaN()), layout_c);
          matmul.write_from(bias, stored_a, stored_b, biased);
          check_product(with_bias, biased.matrix());
          CHECK(biased.surroundings_untouched());
        }
      }
    }
  }
}

template <class T>
void check_starts() {
  selfsup::Matmul<T> matmul;
  const auto a = tests::cast<T>(tests::random_matrix(33, 17, 1));
  const auto b = tests::cast<T>(tests::random_matrix(17, 50, 2));
  const auto start = tests::cast<T>(tests::random_matrix(33, 50, 3));
  const Expected expected = triple_loop(a, b, start);
  for (const Layout layout_start : tests::layouts) {
    for (const Layout layout_c : tests::layouts) {
      INFO(tests::name(layout_start) << " into " << tests::name(layout_c));
      const Stored<T> stored(start, layout_start);
      Stored<T> c(Matrix<T>(33, 50, std::numeric_limits<T>::quiet_NaN()), layout_c);
      matmul.write_from(stored, a, b, c);
      check_product(expected, c.matrix());
      CHECK(c.surroundings_untouched());
    }
  }
}

template <class T>
void check_threads() {
  const auto a = tests::cast<T>(tests::random_matrix(389, 300, 1));
  const auto b = tests::cast<T>(tests::random_matrix(300, 401, 2));
  const Bias<T> bias(389, 401);
  std::vector<Matrix<T>> results;
  for (const int threads : {1, 2, 3}) {
    const tests::Threads scope(threads);
    selfsup::Matmul<T> matmul;
    results.emplace_back(389, 401);
    matmul.write_from(bias, a, b, results.back());
  }
  CHECK(results[0].entries() == results[1].entries());
  CHECK(results[0].entries() == results[2].entries());
}

}  // namespace

TEST_CASE("a product meets the triple loop at every size, float") { check_all_products<float>(); }
TEST_CASE("a product meets the triple loop at every size, double") { check_all_products<double>(); }
TEST_CASE("a product meets the triple loop in every layout, float") { check_layouts<float>(); }
TEST_CASE("a product meets the triple loop in every layout, double") { check_layouts<double>(); }
TEST_CASE("a product starts from a matrix in every layout") {
  check_starts<float>();
  check_starts<double>();
}
TEST_CASE("a product has the same bits on any number of threads") {
  check_threads<float>();
  check_threads<double>();
}

TEST_CASE("a product with itself transposed is symmetric to the last bit") {
  const auto z = tests::cast<float>(tests::random_matrix(101, 67, 1));
  Matrix<float> gram(101, 101);
  selfsup::Matmul<float> matmul;
  matmul.write(z, ConstView<float>(z).transposed(), gram);
  bool symmetric = true;
  for (std::size_t i = 0; i < 101; ++i) {
    for (std::size_t j = 0; j < i; ++j) symmetric &= gram(i, j) == gram(j, i);
  }
  CHECK(symmetric);
}

TEST_CASE("a sum of a million terms is nearly as right as a short one") {
  constexpr std::size_t rows = 16, K = 1000000;
  const auto z = tests::cast<float>(tests::random_matrix(rows, K, 1));
  Matrix<float> gram(rows, rows);
  selfsup::Matmul<float>().write(z, ConstView<float>(z).transposed(), gram);
  double squares = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::size_t k = 0; k < K; ++k) {
      const auto entry = static_cast<double>(z(r, k));
      sum += entry * entry;
    }
    squares += std::pow(static_cast<double>(gram(r, r)) / sum - 1, 2);
  }
  CHECK(std::sqrt(squares / rows) <= tests::tolerance::operations<float>(3));
}

TEST_CASE("factors that do not fit are named") {
  Matrix<float> a(2, 3), b(4, 5), c(2, 5), d(3, 2);
  selfsup::Matmul<float> matmul;
  std::string text;
  try {
    matmul.write(a, b, c);
  } catch (const selfsup::ShapeError& error) {
    text = error.what();
  }
  CHECK(text.find("a is 2x3, b is 4x5, c is 2x5") != std::string::npos);
  CHECK_THROWS_AS(matmul.add(a, d, c), selfsup::ShapeError);
  CHECK_THROWS_AS(matmul.write_from(d, a, d, c), selfsup::ShapeError);
}

TEST_CASE("a NaN in a product's output is never read") {
  const Matrix<float> a(3, 2, 1), b(2, 3, 1);
  Matrix<float> c(3, 3, std::numeric_limits<float>::quiet_NaN());
  selfsup::Matmul<float>().write(a, b, c);
  CHECK(c.entries() == std::vector<float>(9, 2.0f));
}
