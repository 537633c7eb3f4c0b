#include "selfsup/product/tile_product.hpp"

#include "catch.hpp"
#include "product/products.hpp"
#include "simd/marked.hpp"

#include <algorithm>
#include <cstddef>

namespace {

using selfsup::product::Blocking;
using selfsup::product::PackedRight;
using selfsup::product::PaddedMatrix;
using selfsup::product::Tile;
using selfsup::product::TilePlan;
using tests::Matrix;

template <class T>
PaddedMatrix<T> padded(const Matrix<T>& from) {
  PaddedMatrix<T> x;
  x.reshape(from.rows(), from.cols());
  for (std::size_t r = 0; r < from.rows(); ++r)
    std::copy_n(from.data() + r * from.cols(), from.cols(), x.row(r));
  return x;
}

// The tile of X Yᵀ that begins at (panel, 0 or panel), made by multiply: its defined entries are
// right, and whole panels below a diagonal are not made.
template <class T, class Multiply>
void check(const Matrix<T>& x, const Matrix<T>& y_t, bool diagonal, Multiply&& multiply) {
  constexpr std::size_t panel = Blocking<T>::micro_cols, edge = 3 * panel;
  const std::size_t row0 = panel, col0 = diagonal ? panel : 0;
  const std::size_t rows = x.rows() - row0, cols = diagonal ? rows : y_t.cols();
  tests::Marked<T> data(rows * edge);
  multiply(Tile<T>{row0, col0, rows, cols, edge, data.data(), diagonal});
  std::size_t wrong = data.marks_untouched() ? 0 : 1;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const T found = data[r * edge + c];
      if (!diagonal || c >= r) {
        if (found != tests::product_entry(x, y_t, x.cols(), row0 + r, col0 + c)) ++wrong;
      } else if (r >= c - c % panel + panel && found != tests::Marked<T>::mark) {
        ++wrong;
      }
    }
  }
  INFO(rows << "x" << cols << ", K = " << x.cols() << ", diagonal " << diagonal);
  CHECK(wrong == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("a tile is complete, from rows and from columns", "", float, double) {
  using T = TestType;
  constexpr std::size_t panel = Blocking<T>::micro_cols;
  for (const std::size_t K : {1u, 256u, 257u, 600u}) {
    for (const std::size_t rows : {panel + 1, 2 * panel, 4 * panel - 1}) {
      const std::size_t cols = 2 * panel + 3;
      const auto x = tests::whole_numbers<T>(rows, K, 1), y = tests::whole_numbers<T>(cols, K, 2);
      const auto x_t = tests::transposed(x), y_t = tests::transposed(y);
      const auto by_rows = padded(x), right_by_rows = padded(y);
      const auto by_cols = padded(x_t), right_by_cols = padded(y_t);
      const TilePlan<T> plan(rows, cols, K, false, true);
      PackedRight<T> packed;
      packed.pack(as_columns(right_by_rows));
      check(x, y_t, false, products_of_rows(plan, by_rows, packed));
      check(x, y_t, false, products_of_columns(plan, by_cols, right_by_cols));
      packed.pack(as_columns(by_rows));
      check(x, x_t, true, products_of_rows(plan, by_rows, packed));
      check(x, x_t, true, products_of_columns(plan, by_cols, by_cols));
    }
  }
}
