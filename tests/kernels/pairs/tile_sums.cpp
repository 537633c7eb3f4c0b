#include "selfsup/kernels/pairs/tile_sums.hpp"

#include "catch.hpp"
#include "matrix.hpp"

#include "selfsup/product/tile.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <vector>

TEMPLATE_TEST_CASE("a tile's sums by row and by column are those of its entries", "", float,
                   double) {
  using T = TestType;
  namespace simd = selfsup::simd;
  for (const std::size_t cols : {1u, 3u, 16u, 17u, 40u}) {
    INFO(cols << " columns");
    auto x = tests::cast<T>(tests::random_matrix(5, cols, cols));  // 20 bits: their sums are exact
    const selfsup::product::Tile<T> tile{0, 0, 5, cols, cols, x.data(), false};
    selfsup::kernels::TileSums<T> sums(tile), products(tile);
    std::vector<double> of_rows;
    for (std::size_t r = 0; r < 5; ++r) {
      auto row = sums.row(), product = products.row();
      simd::for_batches<T>(0, cols, [&](std::size_t c, auto part) {
        const auto entries = simd::load(tile.row(r) + c, part);
        row.add(entries);
        row.add_to_cols(c, part, entries);
        product.add_to_cols(c, part, entries, simd::Batch<T>(T(-2)));
      });
      of_rows.push_back(row.total());
      CHECK(product.total() == 0);
    }
    std::vector<double> of_cols(cols + 1, 9), of_products(cols + 1, 9);
    sums.leave_cols(of_cols.data());
    products.leave_cols(of_products.data());
    for (std::size_t r = 0; r < 5; ++r) {
      double sum = 0;
      for (std::size_t c = 0; c < cols; ++c) sum += static_cast<double>(x(r, c));
      CHECK(of_rows[r] == sum);
    }
    for (std::size_t c = 0; c < cols; ++c) {
      double sum = 0;
      for (std::size_t r = 0; r < 5; ++r) sum += static_cast<double>(x(r, c));
      CHECK(of_cols[c] == sum);
      CHECK(of_products[c] == -2 * sum);
    }
    CHECK(of_cols[cols] == 9);
    CHECK(of_products[cols] == 9);
  }
}
