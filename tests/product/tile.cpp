#include "selfsup/product/tile.hpp"

#include "catch.hpp"
#include "simd/marked.hpp"

#include <cstddef>
#include <vector>

namespace {

using selfsup::product::Blocking;
using selfsup::product::Tile;

}  // namespace

TEST_CASE("a part of a tile names the same entries") {
  std::vector<float> data(10 * 20);
  const Tile<float> tile{100, 200, 10, 17, 20, data.data(), false, 5};
  const Tile<float> part = tile.part(2, 3, 6, 9);
  CHECK(part.row0 == 102);
  CHECK(part.col0 == 203);
  CHECK(part.rows == 6);
  CHECK(part.cols == 9);
  CHECK(part.slot == 5);
  CHECK_FALSE(part.diagonal);
  CHECK(part.row(4) + 1 == tile.row(6) + 4);
  CHECK(part.row(0) == data.data() + 2 * 20 + 3);
  CHECK(tile.part(1, 1, 3, 3, true).diagonal);
}

TEST_CASE("a diagonal tile is defined from its diagonal on") {
  std::vector<float> data(10 * 20);
  const Tile<float> diagonal{0, 0, 10, 10, 20, data.data(), true};
  const Tile<float> other{0, 10, 10, 10, 20, data.data(), false};
  for (std::size_t r = 0; r < 10; ++r) {
    CHECK(diagonal.first_col(r) == r);
    CHECK(other.first_col(r) == 0);
  }
}

TEST_CASE("the halves of a tile are all of it, the upper one of whole micro-kernels") {
  std::vector<float> data(100 * 20);
  for (std::size_t rows = 0; rows <= 100; ++rows) {
    const Tile<float> tile{7, 9, rows, 17, 20, data.data(), false, 3};
    const Tile<float> upper = tile.half(0), lower = tile.half(1);
    CHECK(upper.rows + lower.rows == rows);
    CHECK((upper.rows == rows || upper.rows % Blocking<float>::micro_rows == 0));
    CHECK(upper.rows >= rows / 2);
    CHECK(upper.rows < rows / 2 + Blocking<float>::micro_rows);
    CHECK(upper.row0 == 7);
    CHECK(upper.data == tile.data);
    CHECK(lower.row0 == 7 + upper.rows);
    CHECK(lower.data == tile.row(upper.rows));
    for (const Tile<float>& half : {upper, lower}) {
      CHECK(half.cols == 17);
      CHECK(half.col0 == 9);
      CHECK(half.slot == 3);
      CHECK_FALSE(half.diagonal);
    }
    const Tile<float> diagonal{7, 7, rows, rows, 20, data.data(), true};
    CHECK(diagonal.half(0).rows == rows);
    CHECK(diagonal.half(0).diagonal);
    CHECK(diagonal.half(1).rows == 0);
  }
}

TEST_CASE("the defined entries of a tile are copied, and no others") {
  std::vector<double> data(10 * 20);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(i);
  for (const bool diagonal : {false, true}) {
    const Tile<double> tile{0, 0, 6, 6, 20, data.data() + 3, diagonal};
    tests::Marked<double> to(6 * 9);
    tile.copy_to(to.data(), 9);
    for (std::size_t i = 0; i < 6 * 9; ++i) {
      const std::size_t r = i / 9, c = i % 9;
      const bool defined = c < 6 && !(diagonal && c < r);
      CHECK(to[i] == (defined ? tile.row(r)[c] : tests::Marked<double>::mark));
    }
    CHECK(to.marks_untouched());
  }
}
