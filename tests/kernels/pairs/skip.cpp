#include "selfsup/kernels/pairs/skip.hpp"

#include "catch.hpp"

#include "selfsup/core/labels.hpp"
#include "selfsup/kernels/pairs/masked_rows.hpp"
#include "selfsup/product/tile.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using selfsup::kernels::Skip;
using Tile = selfsup::product::Tile<double>;

// The columns of S, of each row of a tile from (row0, col0) on, that are left out.
std::vector<std::vector<std::size_t>> left_out(const Skip& skip, std::size_t row0, std::size_t col0,
                                               std::size_t rows, std::size_t cols, bool diagonal) {
  std::vector<double> data(rows * cols, 0.0);
  const Tile tile{row0, col0, rows, cols, cols, data.data(), diagonal};
  std::vector<std::vector<std::size_t>> result(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    skip.fill(tile, r, 1.0);
    for (std::size_t c = 0; c < cols; ++c)
      if (tile.row(r)[c] == 1) result[r].push_back(col0 + c);
  }
  return result;
}

using Columns = std::vector<std::vector<std::size_t>>;

}  // namespace

TEST_CASE("an anchor is left out on the diagonal of a symmetric walk alone") {
  CHECK(left_out(Skip(), 4, 4, 2, 3, true) == Columns{{4}, {5}});
  CHECK(left_out(Skip(), 4, 4, 2, 3, false) == Columns{{}, {}});
}

TEST_CASE("a positive is left out of the tile that has it") {
  CHECK(left_out(Skip(3), 0, 2, 3, 2, false) == Columns{{3}, {}, {}});
  CHECK(left_out(Skip(3), 0, 0, 3, 6, true) == Columns{{0, 3}, {1, 4}, {2, 5}});
  CHECK(left_out(Skip(0), 5, 4, 3, 3, false) == Columns{{5}, {6}, {}});
  CHECK(left_out(Skip(0), 2, 4, 2, 3, false) == Columns{{}, {}});  // it lies to the left
  CHECK(left_out(Skip(Skip::nowhere), 0, 0, 2, 9, false) == Columns{{}, {}});
}

TEST_CASE("columns with the id of a row are left out beside its positive") {
  const std::vector<std::int64_t> rows{7, -2, 7, 5}, cols{5, 7, 7, 1, -2, 7};
  selfsup::kernels::MaskedRows same;
  same.set(selfsup::Labels(rows), cols.data(), cols.size());
  CHECK(left_out(Skip(Skip::nowhere, &same), 0, 0, 4, 6, false) ==
        Columns{{1, 2, 5}, {4}, {1, 2, 5}, {0}});
  CHECK(left_out(Skip(1, &same), 1, 2, 3, 3, false) == Columns{{2, 4}, {2, 3}, {4}});
}
