// The visitor of the softmax over similarities where the rows with an anchor's label are its
// positives: what happens to one tile of S in each pass. The formulas are in group_softmax.hpp.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/kernels/pairs/slot_sums.hpp"
#include "selfsup/kernels/pairs/tile_sums.hpp"
#include "selfsup/kernels/softmax/pair_softmax_visitor.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// What is known of each anchor. Shifts and weights are in T, as the tiles use them; sums in
/// double.
template <class T>
class GroupAnchors {
 public:
  void grow(std::size_t count) {
    for (Buffer<double>* sums : {&positives, &rest, &similarities}) sums->grow(count);
    for (Buffer<T>* of_t : {&reference, &positive_shift, &rest_shift, &rest_factor,
                            &positive_factor, &positive_mean, &positive_pull})
      of_t->grow(count);
  }
  /// Room for what that many tiles take.
  void grow_slots(std::size_t tiles, std::size_t edge) {
    for (SlotSums<double>* sums : {&slot_positives, &slot_rest, &slot_similarities})
      sums->grow(tiles, edge);
    for (SlotSums<T>* shifts : {&slot_positive_shift, &slot_rest_shift}) shifts->grow(tiles, edge);
  }
  std::size_t bytes() const {
    return positives.bytes() + rest.bytes() + similarities.bytes() + reference.bytes() +
           positive_shift.bytes() + rest_shift.bytes() + rest_factor.bytes() +
           positive_factor.bytes() + positive_mean.bytes() + positive_pull.bytes() +
           slot_positives.bytes() + slot_rest.bytes() + slot_similarities.bytes() +
           slot_positive_shift.bytes() + slot_rest_shift.bytes();
  }

  Buffer<double> positives;     // E_a
  Buffer<double> rest;          // R_a
  Buffer<double> similarities;  // Σ_p s_ap, online less the reference's
  Buffer<T> reference;          // what is about as large as every s_ap of equal rows: s_aa
  Buffer<T> positive_shift;     // m⁺_a
  Buffer<T> rest_shift;         // m_a
  // An entry e of a row of S has the weight rest_factor·e, or, if it is a positive's,
  // positive_factor·(e − positive_mean) − positive_pull.
  Buffer<T> rest_factor;
  Buffer<T> positive_factor;
  Buffer<T> positive_mean;
  Buffer<T> positive_pull;
  // Scratch: the same of a tile, before it is added up.
  SlotSums<double> slot_positives;
  SlotSums<double> slot_rest;
  SlotSums<double> slot_similarities;
  SlotSums<T> slot_positive_shift;
  SlotSums<T> slot_rest_shift;
};

// Online: the tiles keep products, and each anchor's shifts are the largest products so far, one of
// its positives and one of the rest. Otherwise: every shift is 1, and the tiles keep exponentials
// that serve row and column.
template <class T, bool Online>
class GroupSoftmaxVisitor : public product::Visitor {
  using Tile = product::Tile<T>;
  using Batch = simd::Batch<T>;
  using Mask = simd::Mask<T>;
  static constexpr std::size_t edge = product::Blocking<T>::tile;

 public:
  /// `with_similarities`: takes Σ_p s_ap, too.
  GroupSoftmaxVisitor(T scale, const T* groups, bool with_similarities, GroupAnchors<T>& anchors)
      : scale_(scale), groups_(groups), with_similarities_(with_similarities), anchors_(anchors) {}

  static constexpr bool adds_to_blocks = true;
  static constexpr bool keeps_weights = false;

  void reserve(std::size_t slots, std::size_t edge_of_tiles) const {
    anchors_.grow_slots(slots, edge_of_tiles);
  }

  void visit(const Tile& tile) const {
    if (with_similarities_) take_similarities(tile);
    revisit(tile);
    if constexpr (Online) take_largest(tile);
    TileSums<T> positives(tile), rest(tile);
    for (std::size_t r = 0; r < tile.rows; ++r) take_row(tile, r, positives, rest);
    positives.leave_cols(anchors_.slot_positives.cols(tile.slot));
    rest.leave_cols(anchors_.slot_rest.cols(tile.slot));
  }

  void add_to_rows(const Tile& tile) const {
    add(tile.row0, tile.rows, [&](auto& sums) { return sums.rows(tile.slot); });
  }
  void add_to_cols(const Tile& tile) const {
    add(tile.col0, tile.cols, [&](auto& sums) { return sums.cols(tile.slot); });
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t first = tile.first_col(r);
      if constexpr (!Online)
        exponentiate(tile.row(r) + first, tile.cols - first, scale_, NoMaxima{});
    }
  }

  void weigh(const Tile& tile, T* weights, std::size_t ld) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      weigh_row(tile, r, weights + r * ld);
      if (tile.diagonal) weights[r * ld + r] = 0;
    }
  }

 private:
  static constexpr T lowest = std::numeric_limits<T>::lowest();

  // Calls f(c, part, same) for the columns of row r but the anchor itself; same: it has the label
  // of the row.
  template <class F>
  void for_others(const Tile& tile, std::size_t r, F&& f) const {
    const Batch group(groups_[tile.row0 + r]);
    simd::for_batches<T>(tile.diagonal ? r + 1 : 0, tile.cols, [&](std::size_t c, auto part) {
      f(c, part, simd::load(groups_ + tile.col0 + c, part) == group);
    });
  }

  void take_similarities(const Tile& tile) const {
    TileSums<T> sums(tile);
    const T* const reference = anchors_.reference.data();
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const Batch zero(T(0)), of_row(Online ? reference[tile.row0 + r] : T(0));
      auto sum = sums.row();
      for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
        const Batch s = simd::load(tile.row(r) + c, part);
        const Batch of_col = Online ? simd::load(reference + tile.col0 + c, part) : zero;
        sum.add(simd::keep(simd::select<T>(same, s - of_row, zero), part));
        sum.add_to_cols(c, part, simd::select<T>(same, s - of_col, zero));
      });
      anchors_.slot_similarities.rows(tile.slot)[r] = sum.total();
    }
    sums.leave_cols(anchors_.slot_similarities.cols(tile.slot));
  }

  // Sums relative to the tile's own maxima.
  SELFSUP_FLATTEN void take_row(const Tile& tile, std::size_t r, TileSums<T>& all_positives,
                                TileSums<T>& all_rest) const {
    const Batch zero(T(0));
    const T* const row_shifts = anchors_.slot_positive_shift.rows(tile.slot);
    const T* const row_rest_shifts = anchors_.slot_rest_shift.rows(tile.slot);
    const T* const col_shifts = anchors_.slot_positive_shift.cols(tile.slot);
    const T* const col_rest_shifts = anchors_.slot_rest_shift.cols(tile.slot);
    const Exponential of_row = exponential_of(row_shifts[r], row_rest_shifts[r]);
    auto positives = all_positives.row(), rest = all_rest.row();
    for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
      const Batch x = simd::load(tile.row(r) + c, part);
      const Batch e = simd::keep(of_row(x, same), part);
      positives.add(simd::select<T>(same, e, zero));
      rest.add(simd::select<T>(same, zero, e));
      const Batch col_e = exponential_of(col_shifts + c, col_rest_shifts + c, part)(x, same);
      positives.add_to_cols(c, part, simd::select<T>(same, col_e, zero));
      rest.add_to_cols(c, part, simd::select<T>(same, zero, col_e));
    });
    anchors_.slot_positives.rows(tile.slot)[r] = positives.total();
    anchors_.slot_rest.rows(tile.slot)[r] = rest.total();
  }

  SELFSUP_FLATTEN void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* const positive_shifts = anchors_.positive_shift.data();
    const T* const rest_shifts = anchors_.rest_shift.data();
    const Exponential exponential = exponential_of(positive_shifts[i], rest_shifts[i]);
    const Batch factor(anchors_.rest_factor[i]);
    const Batch positive_factor(anchors_.positive_factor[i]);
    const Batch mean(anchors_.positive_mean[i]), pull(anchors_.positive_pull[i]);
    for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
      const auto of_cols = [&](const Buffer<T>& values) {
        return simd::load(values.data() + tile.col0 + c, part);
      };
      const Batch x = simd::load(tile.row(r) + c, part);
      const Batch e = exponential(x, same);
      const std::size_t j = tile.col0 + c;
      const Batch col_e = exponential_of(positive_shifts + j, rest_shifts + j, part)(x, same);
      const Batch rest = simd::fma(col_e, of_cols(anchors_.rest_factor), e * factor);
      Batch positive = -(pull + of_cols(anchors_.positive_pull));
      positive = simd::fma(e - mean, positive_factor, positive);
      positive = simd::fma(col_e - of_cols(anchors_.positive_mean),
                           of_cols(anchors_.positive_factor), positive);
      simd::store(out + c, simd::select<T>(same, positive, rest), part);
    });
  }

  // What a tile's entry is for one side: its exponential after the shift of its kind.
  struct Exponential {
    Batch positive_shift, rest_shift, scale;

    Batch operator()(const Batch& x, const Mask& same) const {
      if constexpr (!Online) return x;
      return simd::exp((x - simd::select<T>(same, positive_shift, rest_shift)) * scale);
    }
  };
  Exponential exponential_of(T positive_shift, T rest_shift) const {
    return {Batch(positive_shift), Batch(rest_shift), Batch(scale_)};
  }
  template <class Part>
  Exponential exponential_of(const T* positive_shifts, const T* rest_shifts, Part part) const {
    if constexpr (!Online) return exponential_of(T(0), T(0));
    return {simd::load(positive_shifts, part), simd::load(rest_shifts, part), Batch(scale_)};
  }

  // The tile's largest products of positives and of the rest.
  void take_largest(const Tile& tile) const {
    constexpr std::size_t L = simd::lanes<T>;
    alignas(64) T row_positive[edge * L], row_rest[edge * L];
    T* const col_positive = anchors_.slot_positive_shift.cols(tile.slot);
    T* const col_rest = anchors_.slot_rest_shift.cols(tile.slot);
    std::fill_n(col_positive, tile.cols, lowest);
    std::fill_n(col_rest, tile.cols, lowest);
    const Batch none(lowest);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      Batch positive = none, rest = none;
      for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
        const Batch x = simd::load(tile.row(r) + c, part, lowest);
        const Batch x_positive = simd::select<T>(same, x, none);
        const Batch x_rest = simd::select<T>(same, none, x);
        positive = simd::max(positive, x_positive);
        rest = simd::max(rest, x_rest);
        simd::store(col_positive + c, simd::max(simd::load(col_positive + c, part), x_positive),
                    part);
        simd::store(col_rest + c, simd::max(simd::load(col_rest + c, part), x_rest), part);
      });
      simd::store(row_positive + r * L, positive);
      simd::store(row_rest + r * L, rest);
    }
    simd::largest_of_each(row_positive, tile.rows, anchors_.slot_positive_shift.rows(tile.slot));
    simd::largest_of_each(row_rest, tile.rows, anchors_.slot_rest_shift.rows(tile.slot));
  }

  // Adds what a tile took of `count` anchors: of(sums) is its slot.
  template <class Of>
  void add(std::size_t first, std::size_t count, Of&& of) const {
    double* const positives = anchors_.positives.data() + first;
    double* const rest = anchors_.rest.data() + first;
    if (with_similarities_)
      add_sums(of(anchors_.slot_similarities), count, anchors_.similarities.data() + first);
    if constexpr (Online) {
      add_relative<T, 1>(scale_, anchors_.positive_shift.data() + first,
                         of(anchors_.slot_positive_shift), count,
                         {{{positives, of(anchors_.slot_positives), T(1)}}});
      add_relative<T, 1>(scale_, anchors_.rest_shift.data() + first, of(anchors_.slot_rest_shift),
                         count, {{{rest, of(anchors_.slot_rest), T(1)}}});
    } else {
      add_sums(of(anchors_.slot_positives), count, positives);
      add_sums(of(anchors_.slot_rest), count, rest);
    }
  }

  T scale_;
  const T* groups_;
  bool with_similarities_;
  GroupAnchors<T>& anchors_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
