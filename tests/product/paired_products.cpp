#include "selfsup/product/paired_products.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "simd/marked.hpp"
#include "threads.hpp"

#include "selfsup/product/tile_walk.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace {

using selfsup::product::PaddedMatrix;
using selfsup::product::PairedProducts;
using selfsup::product::Tile;

template <class T>
PaddedMatrix<T> random(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  const auto from = tests::cast<T>(tests::random_matrix(rows, cols, seed));
  PaddedMatrix<T> x;
  x.reshape(rows, cols);
  for (std::size_t r = 0; r < rows; ++r)
    std::copy_n(from.entries().data() + r * cols, cols, x.row(r));
  return x;
}

// The diagonal of S.
template <class T>
class Diagonal : public selfsup::product::Visitor {
 public:
  explicit Diagonal(std::size_t rows) : found(rows) {}
  void reserve(std::size_t, std::size_t) {}
  void visit(const Tile<T>& tile) {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t i = tile.row0 + r;
      if (i >= tile.col0 && i < tile.col0 + tile.cols) found[i] = tile.row(r)[i - tile.col0];
    }
  }

  std::vector<T> found;
};

}  // namespace

TEMPLATE_TEST_CASE("products of pairs have the bits of a walk's tiles, on any threads", "", float,
                   double) {
  using T = TestType;
  constexpr std::size_t panel = selfsup::product::Blocking<T>::micro_cols;
  PairedProducts<T> paired;  // one for all sizes
  for (const std::size_t rows :
       {std::size_t{1}, panel - 1, panel, panel + 1, 3 * panel + 5, std::size_t{410}}) {
    for (const std::size_t cols : {1u, 37u, 256u, 257u, 600u}) {
      const auto x = random<T>(rows, cols, 1), y = random<T>(rows, cols, 2);
      Diagonal<T> diagonal(rows);
      selfsup::product::TileWalk<T> walk;
      walk.rectangular(x, y, 0, diagonal);
      for (const int threads : {1, 3}) {
        const tests::Threads scope(threads);
        tests::Marked<T> products(rows);
        paired.write(x, y, products.data());
        INFO(rows << "x" << cols);
        CHECK(std::equal(diagonal.found.begin(), diagonal.found.end(), products.data()));
        CHECK(products.marks_untouched());
      }
    }
  }
}

TEST_CASE("a product of a pair is that of its two rows") {
  PaddedMatrix<double> x, y;
  x.reshape(40, 3);
  y.reshape(40, 3);
  for (std::size_t r = 0; r < 40; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      x.row(r)[c] = static_cast<double>(r + c);
      y.row(r)[c] = static_cast<double>(r) - static_cast<double>(2 * c);
    }
  }
  std::vector<double> products(40);
  PairedProducts<double>().write(x, y, products.data());
  for (std::size_t r = 0; r < 40; ++r) {
    const auto n = static_cast<double>(r);
    CHECK(products[r] == n * n + (n + 1) * (n - 2) + (n + 2) * (n - 4));
  }
}
