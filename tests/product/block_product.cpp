#include "selfsup/product/block_product.hpp"

#include "catch.hpp"
#include "product/products.hpp"
#include "simd/marked.hpp"

#include <cstddef>

namespace {

using selfsup::product::AheadOfStrip;
using selfsup::product::Blocking;
using selfsup::product::Entries;
using selfsup::product::LeftByCols;
using selfsup::product::LeftByRows;
using selfsup::product::Output;
using selfsup::product::Right;
using selfsup::product::round_up;
using tests::Marked;
using tests::Matrix;

template <class T>
constexpr std::size_t most_rows = 2 * Blocking<T>::narrow_rows + 1;
template <class T>
constexpr std::size_t most_cols = 2 * Blocking<T>::micro_cols + 1;

// A, its transpose and B of one depth, and their products.
template <class T>
struct Operands {
  explicit Operands(std::size_t depth)
      : K(depth),
        a(tests::whole_numbers<T>(most_rows<T>, K, 1)),
        a_t(tests::transposed(a)),
        b(tests::whole_numbers<T>(K, round_up(most_cols<T>, selfsup::simd::lanes<T>), 2)),
        products(a.rows(), b.cols()) {
    for (std::size_t r = 0; r < a.rows(); ++r)
      for (std::size_t c = 0; c < b.cols(); ++c)
        products(r, c) = tests::product_entry(a, b, K, r, c);
  }

  std::size_t K;
  Matrix<T> a, a_t, b, products;
};

// multiply(left, right, result) puts (rows, cols) products, to whole batches and no further.
template <class T, class Multiply>
void check(const Operands<T>& operands, std::size_t rows, std::size_t cols, Multiply&& multiply) {
  const std::size_t put = round_up(cols, selfsup::simd::lanes<T>), ld = put + 3;
  for (const bool by_rows : {true, false}) {
    for (const Output output : {Output::write, Output::add}) {
      Marked<T> c(rows * ld);
      const Right<T> right{operands.b.data(), operands.b.cols()};
      const Entries<T> result{c.data(), ld, output};
      if (by_rows) {
        multiply(LeftByRows<T>{operands.a.data(), operands.a.cols()}, right, result);
      } else {
        multiply(LeftByCols<T>{operands.a_t.data(), operands.a_t.cols()}, right, result);
      }
      std::size_t wrong = c.marks_untouched() ? 0 : 1;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < ld; ++j) {
          if (j >= cols && j < put) continue;  // of a last batch
          const T before = output == Output::write && j < cols ? T(0) : Marked<T>::mark;
          if (c[r * ld + j] != before + (j < cols ? operands.products(r, j) : T(0))) ++wrong;
        }
      }
      INFO(rows << "x" << operands.K << "x" << cols << ", by rows " << by_rows);
      CHECK(wrong == 0);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a product of up to a panel's columns, at every size", "", float, double) {
  using T = TestType;
  const Operands<T> operands(19);
  for (std::size_t rows = 1; rows <= most_rows<T>; ++rows) {
    for (std::size_t cols = 1; cols <= Blocking<T>::micro_cols; ++cols) {
      check(operands, rows, cols, [&](auto left, auto right, auto result) {
        AheadOfStrip nothing;
        selfsup::product::panel_product(rows, cols, operands.K, left, right, result, nothing);
      });
    }
  }
}

TEMPLATE_TEST_CASE("a product of a block, at every number of columns", "", float, double) {
  using T = TestType;
  for (const std::size_t K : {1u, 40u}) {
    const Operands<T> operands(K);
    for (const std::size_t rows : {std::size_t{1}, Blocking<T>::micro_rows + 1, most_rows<T>}) {
      for (std::size_t cols = 1; cols <= most_cols<T>; ++cols) {
        check(operands, rows, cols, [&](auto left, auto right, auto result) {
          selfsup::product::block_product(rows, cols, operands.K, left, right, result);
        });
      }
    }
  }
}

TEMPLATE_TEST_CASE("a product of a block is the same whatever is needed after it", "", float,
                   double) {
  using T = TestType;
  const Operands<T> operands(40);
  const std::size_t rows = most_rows<T>, cols = most_cols<T>;
  check(operands, rows, cols, [&](auto left, auto right, auto result) {
    const auto needed = selfsup::product::region(operands.a.data(), 40, rows, 40);
    selfsup::product::block_product(rows, cols, 40, left, right, result, {needed, needed});
  });
}
