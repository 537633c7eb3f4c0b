#include "selfsup/product/chunk_sums.hpp"

#include "catch.hpp"

#include <cstddef>
#include <limits>

namespace {

using selfsup::product::ChunkSums;
using selfsup::product::Output;

// Entry (r, c) of a chunk: a number in the second one, half an epsilon of it in the others, which
// is lost beside it one by one, but not when two of them are added first.
template <class T>
T entry(std::size_t chunk, std::size_t r, std::size_t c) {
  const T number = static_cast<T>(1 + r + c % 3);
  return chunk == 1 ? number : number * std::numeric_limits<T>::epsilon() / 2;
}

}  // namespace

TEMPLATE_TEST_CASE("sums of chunks are added in order, from a column on", "", float, double) {
  using T = TestType;
  ChunkSums<T> sums;  // one for all shapes
  for (const std::size_t chunks : {5u, 1u, 4u}) {
    for (const std::size_t cols : {1u, 15u, 16u, 37u}) {
      constexpr std::size_t rows = 3;
      sums.begin(rows, cols, chunks);
      CHECK(sums.chunks() == chunks);
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const auto to = sums.entries(chunk, true);
        for (std::size_t r = 0; r < rows; ++r)
          for (std::size_t c = 0; c < cols; ++c) to.at(r, c).data[0] = entry<T>(chunk, r, c);
      }
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t first = r % cols;
        CHECK(sums.add_up_row(r, first) == sums.matrix().row(r));
        for (std::size_t c = 0; c < cols; ++c) {
          T expected = entry<T>(0, r, c);
          for (std::size_t chunk = 1; chunk < chunks && c >= first; ++chunk)
            expected += entry<T>(chunk, r, c);
          CHECK(sums.matrix().row(r)[c] == expected);
        }
      }
    }
  }
}

TEST_CASE("a chunk's first products are written, the later ones added") {
  ChunkSums<float> sums;
  sums.begin(2, 3, 2);
  for (std::size_t chunk = 0; chunk < 2; ++chunk) {
    CHECK(sums.entries(chunk, true).output == Output::write);
    CHECK(sums.entries(chunk, false).output == Output::add);
    CHECK(sums.entries(chunk, true).data == sums.entries(chunk, false).data);
  }
}
