#include "selfsup/product/pieces.hpp"

#include "catch.hpp"

#include <cstddef>

using selfsup::product::Pieces;

TEST_CASE("all pieces but the last of a block are multiples of the unit") {
  for (const std::size_t total : {1u, 100u, 511u, 1536u}) {
    for (const std::size_t edge : {64u, 192u, 384u}) {
      for (const std::size_t unit : {16u, 24u, 48u}) {
        for (std::size_t threads = 1; threads <= 16; ++threads) {
          const Pieces pieces(total, edge, unit, threads, 2);
          const Pieces::Piece last = pieces.at(pieces.count() - 1);
          CHECK(last.block * edge + last.first + last.count == total);
          for (std::size_t i = 0; i + 1 < pieces.count(); ++i) {
            if (pieces.at(i + 1).block != pieces.at(i).block) continue;
            CHECK(pieces.at(i).count % unit == 0);
            CHECK(pieces.at(i + 1).first == pieces.at(i).first + pieces.at(i).count);
          }
        }
      }
    }
  }
}

TEST_CASE("blocks are cut for threads that would else have nothing to do") {
  CHECK(Pieces(16 * 192, 192, 48, 16).size() == 192);  // a block for each of them
  CHECK(Pieces(192, 192, 48, 16, 16).size() == 192);   // in sixteen gradients
  CHECK(Pieces(192, 192, 48, 16).size() == 48);        // four pieces is the most there are
  CHECK(Pieces(2 * 192, 192, 48, 4).count() == 4);
  CHECK(Pieces(1000, 128, 24, 7).size() == 48);  // 24 would take as long
  CHECK(Pieces(192, 192, 48, 4, 2).count() == 2);
}
