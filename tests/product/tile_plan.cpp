#include "selfsup/product/tile_plan.hpp"

#include "catch.hpp"
#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

namespace {

using selfsup::Chunks;
using selfsup::product::Blocking;
using selfsup::product::Pieces;
using selfsup::product::round_up;
using selfsup::product::Side;
using selfsup::product::Tile;
using selfsup::product::TilePlan;

struct Shape {
  std::size_t rows, cols, K;
};

// One tile and many, narrow ones, and those whose K asks for larger tiles; each symmetric, too.
template <class T, class F>
void for_plans(F&& f) {
  for (const Shape& shape : {Shape{1, 1, 1},
                             Shape{5, 300, 37},
                             {300, 5, 37},
                             {257, 410, 33},
                             {410, 390, 300},
                             {1030, 64, 8},
                             {390, 770, 2100},
                             {1700, 129, 3000}}) {
    for (const bool in_rows : {true, false}) {
      INFO(shape.rows << "x" << shape.cols << ", K = " << shape.K << ", in rows " << in_rows);
      f(TilePlan<T>(shape.rows, shape.cols, shape.K, false, in_rows), shape);
      f(TilePlan<T>(shape.rows, shape.rows, shape.K, true, in_rows),
        Shape{shape.rows, shape.rows, shape.K});
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the tiles of a plan have every pair once, each in its room", "", float,
                   double) {
  using T = TestType;
  for_plans<T>([](const TilePlan<T>& plan, const Shape& shape) {
    std::vector<char> seen(shape.rows * shape.cols, 0);
    for (std::size_t position = 0; position < plan.schedule().tiles(); ++position) {
      T* const data = nullptr;
      const Tile<T> tile = plan.tile_at(position, data);
      REQUIRE(tile.rows > 0);
      REQUIRE(tile.cols > 0);
      CHECK(std::max(tile.rows, tile.cols) <= plan.edge());
      CHECK(tile.cols <= tile.ld);
      CHECK(tile.rows * tile.ld <= plan.tile_entries());
      // Packed operands begin at whole panels, and batches are put whole.
      CHECK(tile.row0 % Blocking<T>::micro_cols == 0);
      CHECK(tile.col0 % Blocking<T>::micro_cols == 0);
      CHECK(tile.ld % Blocking<T>::micro_cols == 0);
      CHECK(tile.diagonal == (plan.symmetric() && tile.row0 == tile.col0));
      REQUIRE(tile.row0 + tile.rows <= shape.rows);
      REQUIRE(tile.col0 + tile.cols <= shape.cols);
      for (std::size_t r = 0; r < tile.rows; ++r) {
        for (std::size_t c = tile.first_col(r); c < tile.cols; ++c)
          ++seen[(tile.row0 + r) * shape.cols + tile.col0 + c];
      }
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const bool expected = !plan.symmetric() || i % shape.cols >= i / shape.cols;
      if (seen[i] != (expected ? 1 : 0)) ++wrong;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("a block is the side of a tile where its entries begin") {
  for_plans<float>([](const TilePlan<float>& plan, const Shape&) {
    for (const Side side : {Side::rows, Side::cols}) {
      for (std::size_t block = 0; block < plan.schedule().blocks(side); ++block) {
        float* const data = nullptr;
        const Tile<float> first = plan.tile_at(plan.schedule().first_tile(side, block), data);
        // The first tile of a symmetric plan's block is the diagonal one.
        const std::size_t begin = side == Side::rows || plan.symmetric() ? first.row0 : first.col0;
        auto tiles = plan.schedule().tiles_of(side, block, 0, plan.schedule().tiles());
        for (std::size_t position; tiles.take(position);) {
          const Tile<float> tile = plan.tile_at(position, data);
          const Side found = plan.side_of(tile, side, block);
          CHECK((found == Side::rows ? tile.row0 : tile.col0) == begin);
          if (tile.diagonal) CHECK(found == Side::rows);
          if (!plan.symmetric()) CHECK(found == side);
        }
      }
    }
  });
}

TEMPLATE_TEST_CASE("pieces and their rows have every entry of a gradient once, on any threads", "",
                   float, double) {
  using T = TestType;
  for (int threads = 1; threads <= 16; ++threads) {
    const tests::Threads scope(threads);
    for_plans<T>([](const TilePlan<T>& plan, const Shape& shape) {
      for (const Side side : {Side::rows, Side::cols}) {
        for (const std::size_t gradients : {1u, 2u}) {
          const Pieces pieces = plan.pieces(side, gradients);
          std::size_t covered = 0, block = 0, edge = 0;
          for (std::size_t i = 0; i < pieces.count(); ++i) {
            const Pieces::Piece piece = pieces.at(i);
            if (piece.block != block) {
              CHECK(piece.block == block + 1);
              CHECK(piece.first == 0);
              if (block == 0) edge = covered;
              block = piece.block;
            }
            CHECK(block * edge + piece.first == covered);
            CHECK(piece.count > 0);
            // Products of a piece of columns are put to whole batches, which no other piece has.
            CHECK(piece.first % selfsup::simd::lanes<T> == 0);
            CHECK(plan.edge() * round_up(piece.count, selfsup::simd::lanes<T>) <=
                  plan.piece_entries());
            covered += piece.count;
          }
          CHECK(covered == (side == Side::rows || plan.symmetric() ? shape.rows : shape.cols));
          const Chunks rows = plan.rows_of_piece(pieces, gradients);
          if (plan.in_rows()) {
            CHECK(rows.count() == 1);
          } else {
            CHECK(rows.total == shape.K);
            CHECK(rows.size % Blocking<T>::band == 0);
            CHECK(rows.size > 0);
          }
        }
      }
    });
  }
}

TEST_CASE("a small product has one thread, a larger one all of them") {
  const tests::Threads scope(3);
  CHECK(TilePlan<float>(64, 64, 63, false, true).threads() == 1);
  CHECK(TilePlan<float>(64, 64, 64, false, true).threads() == 3);
  for (const std::size_t K : {1u, 64u}) {
    const TilePlan<float> plan(64, 64, K, false, true);
    std::vector<std::atomic<int>> calls(100);
    std::atomic<bool> within{true};
    const std::size_t threads = plan.threads();  // a worker would answer for itself
    plan.in_parallel(calls.size(), [&](std::size_t i, std::size_t share) {
      ++calls[i];
      if (share >= threads) within = false;
    });
    for (const auto& times : calls) CHECK(times == 1);
    CHECK(within);
  }
}

TEST_CASE("slots are enough for many threads, and no more than tiles") {
  for_plans<float>([](const TilePlan<float>& plan, const Shape&) {
    CHECK(plan.most_slots() <= plan.schedule().tiles());
    CHECK(plan.most_slots() >= std::min<std::size_t>(64, plan.schedule().tiles()));
  });
}
