// Small products panel by panel: as many tasks as panels.
#include "selfsup/product/small_gram.hpp"
#include "selfsup/product/small_product.hpp"

#include "catch.hpp"
#include "product/products.hpp"

#include <algorithm>
#include <cstddef>

namespace {

using selfsup::product::LeftByCols;
using selfsup::product::PaddedMatrix;
using selfsup::product::Right;
using tests::Matrix;

template <class T>
PaddedMatrix<T> padded(const Matrix<T>& from) {
  PaddedMatrix<T> x;
  x.reshape(from.rows(), from.cols());
  for (std::size_t r = 0; r < from.rows(); ++r)
    std::copy_n(from.data() + r * from.cols(), from.cols(), x.row(r));
  return x;
}

constexpr std::size_t length = 23, half = 10;  // two strips of rows
constexpr std::size_t widths[] = {1, 8, 17, 33, 64, 100};

}  // namespace

TEMPLATE_TEST_CASE("a Gram matrix by panels is the product", "", float, double) {
  using T = TestType;
  selfsup::product::SmallGram<T> gram;
  for (const std::size_t edge : widths) {
    const auto from = tests::whole_numbers<T>(length, edge, 1);
    const auto from_t = tests::transposed(from);
    const auto x = padded(from);
    gram.begin(edge, 2);
    // Two strips into the one chunk, one into the other.
    for (std::size_t panel = 0; panel < gram.panels(); ++panel) {
      const selfsup::ConstView<T> upper{x.row(0), half, edge, x.stride(), 1};
      const selfsup::ConstView<T> lower{x.row(half), length - half, edge, x.stride(), 1};
      gram.add_panel(0, panel, upper, true);
      gram.add_panel(0, panel, lower, false);
      gram.add_panel(1, panel, lower, true);
    }
    gram.finish(true);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < edge; ++i) {
      for (std::size_t j = 0; j < edge; ++j) {
        const T twice = 2 * tests::product_entry(from_t, from, length, i, j);
        if (gram.matrix().row(i)[j] != twice - tests::product_entry(from_t, from, half, i, j))
          ++wrong;
      }
    }
    INFO(edge);
    CHECK(wrong == 0);
  }
}

TEMPLATE_TEST_CASE("a small product by panels is the product", "", float, double) {
  using T = TestType;
  selfsup::product::SmallProduct<T> product;
  for (const std::size_t rows : {1u, 13u, 40u}) {
    for (const std::size_t cols : widths) {
      const auto from_x = tests::whole_numbers<T>(length, rows, 1);
      const auto from_y = tests::whole_numbers<T>(length, cols, 2);
      const auto from_x_t = tests::transposed(from_x);
      const auto x = padded(from_x), y = padded(from_y);
      product.begin(rows, cols, 2);
      for (std::size_t panel = 0; panel < product.panels(); ++panel) {
        const auto add = [&](std::size_t chunk, std::size_t first, std::size_t count, bool begin) {
          product.add_panel(chunk, panel, LeftByCols<T>{x.row(first), x.stride()},
                            Right<T>{y.row(first), y.stride()}, count, begin);
        };
        add(0, 0, half, true);
        add(0, half, length - half, false);
        add(1, half, length - half, true);
      }
      const PaddedMatrix<T>& found = product.finish();
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < cols; ++j) {
          const T twice = 2 * tests::product_entry(from_x_t, from_y, length, i, j);
          if (found.row(i)[j] != twice - tests::product_entry(from_x_t, from_y, half, i, j))
            ++wrong;
        }
      }
      INFO(rows << "x" << cols);
      CHECK(wrong == 0);
    }
  }
}
