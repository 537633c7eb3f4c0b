#include "selfsup/product/pack.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"

#include <algorithm>
#include <cstddef>

namespace {

using selfsup::product::PackedRight;
using tests::Matrix;

template <class T>
Matrix<T> numbered(std::size_t rows, std::size_t cols, std::size_t first) {
  Matrix<T> b(rows, cols);
  for (std::size_t i = 0; i < b.entries().size(); ++i) b.entries()[i] = static_cast<T>(first + i);
  return b;
}

// Entries of columns first … last − 1 that differ from those of b, or from the zeros beyond it.
template <class T>
std::size_t wrong(const PackedRight<T>& packed, const Matrix<T>& b, std::size_t first,
                  std::size_t last) {
  constexpr std::size_t panel = PackedRight<T>::panel_cols;
  std::size_t count = 0;
  for (std::size_t k = 0; k < b.rows(); ++k) {
    for (std::size_t c = first; c < last; ++c) {
      const T found = packed.panel(k, c - c % panel).data[c % panel];
      const T by_row = *packed.panel(0, c - c % panel).at(k, c % panel).data;
      const T right = c < b.cols() ? b(k, c) : T(0);
      if (found != right || by_row != right) ++count;
    }
  }
  return count;
}

}  // namespace

TEMPLATE_TEST_CASE("panels hold a right operand of any layout, and zeros behind its columns", "",
                   float, double) {
  using T = TestType;
  constexpr std::size_t panel = PackedRight<T>::panel_cols;
  PackedRight<T> packed;  // one for all sizes: what was packed before does not show
  for (const std::size_t K : {70u, 33u, 5u, 1u}) {
    for (std::size_t cols = 2 * panel + 1; cols > 0; --cols) {
      const auto b = numbered<T>(K, cols, 1);
      for (const tests::Layout layout : tests::layouts) {
        packed.pack(tests::Stored<T>(b, layout));
        INFO(K << "x" << cols << ", " << tests::name(layout));
        CHECK(wrong(packed, b, 0, (cols + panel - 1) / panel * panel) == 0);
      }
    }
  }
}

TEMPLATE_TEST_CASE("panels of some columns are packed, and the others stay", "", float, double) {
  using T = TestType;
  constexpr std::size_t panel = PackedRight<T>::panel_cols, cols = 3 * panel + 1, K = 70;
  const auto before = numbered<T>(K, cols, 1), after = numbered<T>(K, cols, 10000);
  for (const tests::Layout layout : {tests::Layout::row_major, tests::Layout::column_major}) {
    const tests::Stored<T> stored(after, layout);
    for (const std::size_t first : {panel, panel + 1, 2 * panel - 1}) {
      PackedRight<T> packed;
      packed.reserve(K, cols);
      packed.pack_columns(before, 0, cols);
      packed.pack_columns(stored, first, 2 * panel - first);
      CHECK(wrong(packed, before, 0, panel) == 0);
      CHECK(wrong(packed, after, panel, 2 * panel) == 0);
      CHECK(wrong(packed, before, 2 * panel, 4 * panel) == 0);
      packed.pack_columns(stored, first, panel);  // the end of one panel, and a next one
      CHECK(wrong(packed, first == panel ? before : after, 2 * panel, 3 * panel) == 0);
      CHECK(wrong(packed, before, 3 * panel, 4 * panel) == 0);
    }
  }
}
