// What happens to each entry of S = X Yᵀ by itself: the visitor of a loss that is a sum over pairs
// of rows, made of what one entry costs. docs/kernels.md
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/pairs/slot_sums.hpp"
#include "selfsup/kernels/pairs/tile_sums.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// What an entry costs, and the derivative of that by the entry, which is what tiles keep; but for
/// a factor that all entries share.
template <class Number>
struct Cost {
  Number cost, slope;
};

/// Sums over pairs.
struct CostSums {
  double cost = 0;
  double slope = 0;

  CostSums& operator+=(const CostSums& other) {
    cost += other.cost;
    slope += other.slope;
    return *this;
  }
};

/// The sums of all entries: one a tile, lanes are added up once.
template <class T>
class AllEntries {
 public:
  static constexpr bool adds_to_blocks = false;
  static constexpr bool takes_costs = true;
  struct Lanes {
    simd::LaneSums<T> cost, slope;
  };

  void reserve(std::size_t tiles, std::size_t) { sums_.grow(tiles); }
  void take(const product::Tile<T>& tile, const Lanes& lanes) {
    sums_[tile.slot] = {lanes.cost.total(), lanes.slope.total()};
  }
  const CostSums& of(std::size_t tile) const { return sums_[tile]; }
  std::size_t bytes() const { return sums_.bytes(); }

 private:
  // Scratch.
  Buffer<CostSums> sums_;
};

/// The sums of the slopes of each row of X in a symmetric walk.
template <class T>
class EntriesByRow {
 public:
  static constexpr bool adds_to_blocks = true;
  static constexpr bool takes_costs = false;
  struct Lanes {};

  void begin(std::size_t rows) { std::fill_n(sums_.grow(rows), rows, 0.0); }
  void reserve(std::size_t slots, std::size_t edge) { slots_.grow(slots, edge); }
  SELFSUP_FLATTEN void take(const product::Tile<T>& tile, const Lanes&) {
    TileSums<T> sums(tile);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      auto row = sums.row();
      simd::for_batches<T>(tile.diagonal ? r + 1 : 0, tile.cols, [&](std::size_t c, auto part) {
        const auto x = simd::load(tile.row(r) + c, part);
        row.add(x);
        row.add_to_cols(c, part, x);
      });
      slots_.rows(tile.slot)[r] = row.total();
    }
    sums.leave_cols(slots_.cols(tile.slot));
  }
  void add_to_rows(const product::Tile<T>& tile) {
    add_sums(slots_.rows(tile.slot), tile.rows, sums_.data() + tile.row0);
  }
  void add_to_cols(const product::Tile<T>& tile) {
    add_sums(slots_.cols(tile.slot), tile.cols, sums_.data() + tile.col0);
  }
  const double* rows() const { return sums_.data(); }
  std::size_t bytes() const { return sums_.bytes() + slots_.bytes(); }

 private:
  Buffer<double> sums_;
  // Scratch.
  SlotSums<double> slots_;
};

/// What an entry of the toolkit has; see docs/kernels.md.
template <class T, class Entry, class = void>
inline constexpr bool has_left_out = false;
template <class T, class Entry>
inline constexpr bool
    has_left_out<T, Entry, std::enable_if_t<std::is_convertible_v<decltype(Entry::left_out), T>>> =
        true;
template <class T, class Entry, class Part>
inline constexpr bool has_cost =
    std::is_invocable_r_v<Cost<simd::Batch<T>>, const Entry&, const simd::Batch<T>&, std::size_t,
                          std::size_t, Part>;

/// Calls entry(products, i, j, part) for the entries (i, j …) of S. What is left out has the
/// product Entry::left_out, of which cost and slope must be 0.
template <class T, class Entry, class Sums>
class EntrywiseVisitor : public product::Visitor {
  using Tile = product::Tile<T>;
  using Lanes = typename Sums::Lanes;
  using Batch = simd::Batch<T>;
  static_assert(has_left_out<T, Entry>,
                "an entry has a static left_out: the product of a pair that is left out, which "
                "must cost 0 with a slope of 0");
  static_assert(has_cost<T, Entry, simd::AllLanes> && has_cost<T, Entry, simd::FirstLanes>,
                "an entry is called as entry(products, row, first column, part), for all lanes of "
                "a batch and for its first ones, and returns their Cost<Batch<T>>");

 public:
  EntrywiseVisitor(const Entry& entry, const Skip& skip, Sums& sums)
      : entry_(entry), skip_(skip), sums_(sums) {}

  static constexpr bool adds_to_blocks = Sums::adds_to_blocks;

  void reserve(std::size_t slots, std::size_t edge) const { sums_.reserve(slots, edge); }
  void visit(const Tile& tile) const { sums_.take(tile, pass(tile)); }
  void revisit(const Tile& tile) const { pass(tile); }
  void add_to_rows(const Tile& tile) const { sums_.add_to_rows(tile); }
  void add_to_cols(const Tile& tile) const { sums_.add_to_cols(tile); }

 private:
  Lanes pass(const Tile& tile) const {
    Lanes lanes;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      skip_.fill(tile, r, static_cast<T>(Entry::left_out));
      pass_row(tile, r, lanes);
    }
    return lanes;
  }

  // One copy for both passes.
  SELFSUP_NOINLINE SELFSUP_FLATTEN void pass_row(const Tile& tile, std::size_t r,
                                                 Lanes& lanes) const {
    T* const row = tile.row(r);
    const Entry entry = entry_;
    Batch cost(T(0)), slope(T(0));
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      Cost<Batch> of =  // not const, which g++ 12 keeps in memory
          entry(simd::load(row + c, part), tile.row0 + r, tile.col0 + c, part);
      simd::store(row + c, of.slope, part);
      if constexpr (Sums::takes_costs) {
        cost = cost + simd::keep(of.cost, part);
        slope = slope + simd::keep(of.slope, part);
      }
    });
    if constexpr (Sums::takes_costs) {
      lanes.cost.add(cost);
      lanes.slope.add(slope);
    }
  }

  Entry entry_;
  Skip skip_;
  Sums& sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
