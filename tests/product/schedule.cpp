#include "selfsup/product/schedule.hpp"

#include "catch.hpp"
#include "selfsup/product/pieces.hpp"

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

using selfsup::product::BlockPair;
using selfsup::product::Pieces;
using selfsup::product::Schedule;
using selfsup::product::Side;

namespace {

std::vector<Schedule> schedules() {
  std::vector<Schedule> all;
  for (std::size_t rows = 1; rows < 9; ++rows) {
    all.push_back(Schedule::symmetric(rows));
    for (std::size_t cols = 1; cols < 9; ++cols) all.push_back(Schedule::rectangular(rows, cols));
  }
  return all;
}

// Whether a block of that side has the tile. A symmetric walk has as many tiles as pairs i <= j.
bool has(const Schedule& schedule, Side side, std::size_t block, const BlockPair& pair) {
  const std::size_t rows = schedule.blocks(Side::rows), cols = schedule.blocks(Side::cols);
  if (schedule.tiles() != rows * cols) return pair.row == block || pair.col == block;
  return (side == Side::rows ? pair.row : pair.col) == block;
}

}  // namespace

TEST_CASE("a walk comes to every pair of blocks once") {
  for (const Schedule& schedule : schedules()) {
    std::set<std::pair<std::size_t, std::size_t>> seen;
    for (std::size_t position = 0; position < schedule.tiles(); ++position) {
      const BlockPair pair = schedule.pair(position);
      CHECK(pair.row < schedule.blocks(Side::rows));
      CHECK(pair.col < schedule.blocks(Side::cols));
      seen.insert({pair.row, pair.col});
    }
    CHECK(seen.size() == schedule.tiles());
  }
}

TEST_CASE("a block has its tiles in walk order, wherever a part of the walk begins and ends") {
  for (const Schedule& schedule : schedules()) {
    for (const Side side : {Side::rows, Side::cols}) {
      for (std::size_t block = 0; block < schedule.blocks(side); ++block) {
        for (std::size_t first = 0; first <= schedule.tiles(); first += 3) {
          for (std::size_t last = first; last <= schedule.tiles(); last += 2) {
            std::vector<std::size_t> expected, found;
            for (std::size_t at = first; at < last; ++at)
              if (has(schedule, side, block, schedule.pair(at))) expected.push_back(at);
            auto tiles = schedule.tiles_of(side, block, first, last);
            for (std::size_t at; tiles.take(at);) found.push_back(at);
            REQUIRE(found == expected);
            if (first == 0 && last == schedule.tiles())
              CHECK(schedule.first_tile(side, block) == expected.front());
          }
        }
      }
    }
  }
}

TEST_CASE("pieces cover all blocks once, at least a unit each, whatever the threads") {
  for (const std::size_t total : {1u, 64u, 511u, 512u, 2048u, 5000u}) {
    for (const std::size_t edge : {64u, 128u, 192u, 384u}) {
      for (const std::size_t unit : {24u, 32u, 48u}) {
        for (const std::size_t threads : {1u, 2u, 3u, 16u, 64u, 1000u}) {
          const Pieces pieces(total, edge, unit, threads);
          std::size_t covered = 0;
          for (std::size_t i = 0; i < pieces.count(); ++i) {
            const Pieces::Piece piece = pieces.at(i);
            CHECK(piece.block * edge + piece.first == covered);
            CHECK(piece.count > 0);
            CHECK(piece.count <= pieces.size());
            covered += piece.count;
          }
          CHECK(covered == total);
          CHECK(pieces.size() >= std::min(unit, edge));
          if (threads == 1) CHECK(pieces.size() == edge);
        }
      }
    }
  }
}

TEST_CASE("pieces keep sixteen threads busy equally long") {
  CHECK(Pieces(2048, 192, 32, 16).count() % 16 == 0);
  CHECK(Pieces(4096, 192, 48, 16).count() >= 16);
}
