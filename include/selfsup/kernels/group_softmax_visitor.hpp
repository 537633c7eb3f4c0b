// The visitor of the softmax over similarities where the rows with an anchor's label are its
// positives: what happens to one tile of S in each pass. The formulas are in group_softmax.hpp.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/kernels/pair_softmax_visitor.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

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
  std::size_t bytes() const {
    return positives.bytes() + rest.bytes() + similarities.bytes() + reference.bytes() +
           positive_shift.bytes() + rest_shift.bytes() + rest_factor.bytes() +
           positive_factor.bytes() + positive_mean.bytes() + positive_pull.bytes();
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
};

// Online: the tiles keep products, and each anchor's shifts are the largest products so far, one of
// its positives and one of the rest. Otherwise: every shift is 1, and the tiles keep exponentials
// that serve row and column.
template <class T, bool Online>
class GroupSoftmaxVisitor {
  using Tile = product::Tile<T>;
  using Batch = simd::Batch<T>;
  using Mask = simd::Mask<T>;
  static constexpr std::size_t edge = product::Blocking<T>::tile;

 public:
  /// `with_similarities`: takes Σ_p s_ap, too.
  GroupSoftmaxVisitor(T scale, const T* groups, bool with_similarities, GroupAnchors<T>& anchors)
      : scale_(scale), groups_(groups), with_similarities_(with_similarities), anchors_(anchors) {}

  void visit(const Tile& tile) const {
    if (with_similarities_) add_similarities(tile);
    revisit(tile);
    if constexpr (Online) raise_shifts(tile);
    alignas(64) T positives[edge] = {};
    alignas(64) T rest[edge] = {};
    for (std::size_t r = 0; r < tile.rows; ++r) add_row(tile, r, positives, rest);
    add_columns(positives, tile, anchors_.positives.data());
    add_columns(rest, tile, anchors_.rest.data());
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t first = tile.first_col(r);
      if constexpr (!Online)
        exponentiate(tile.row(r) + first, tile.cols - first, scale_, NoMaxima{});
    }
  }

  void weigh(const Tile& tile, T* weights) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      weigh_row(tile, r, weights + r * tile.ld);
      if (tile.diagonal) weights[r * tile.ld + r] = 0;
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

  void add_similarities(const Tile& tile) const {
    alignas(64) T col_sums[edge] = {};
    const T* const reference = anchors_.reference.data();
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const Batch zero(T(0)), of_row(Online ? reference[tile.row0 + r] : T(0));
      Batch sum = zero;
      for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
        const Batch s = simd::load(tile.row(r) + c, part);
        const Batch of_col = Online ? simd::load(reference + tile.col0 + c, part) : zero;
        sum = sum + simd::keep(simd::select<T>(same, s - of_row, zero), part);
        const Batch col_sum = simd::load(col_sums + c, part);
        simd::store(col_sums + c, col_sum + simd::select<T>(same, s - of_col, zero), part);
      });
      anchors_.similarities.data()[tile.row0 + r] += simd::sum<T>(sum);
    }
    add_columns(col_sums, tile, anchors_.similarities.data());
  }

  static void add_columns(const T* col_sums, const Tile& tile, double* sums) {
    for (std::size_t c = 0; c < tile.cols; ++c)
      sums[tile.col0 + c] += static_cast<double>(col_sums[c]);
  }

  void add_row(const Tile& tile, std::size_t r, T* col_positives, T* col_rest) const {
    const std::size_t i = tile.row0 + r;
    const Batch zero(T(0));
    const Exponential of_row = exponential_of_row(i);
    Batch positives = zero, rest = zero;
    for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
      const Batch x = simd::load(tile.row(r) + c, part);
      const Batch e = simd::keep(of_row(x, same), part);
      positives = positives + simd::select<T>(same, e, zero);
      rest = rest + simd::select<T>(same, zero, e);
      const Batch col_e = exponential_of_cols(tile.col0 + c, part)(x, same);
      simd::store(col_positives + c,
                  simd::load(col_positives + c, part) + simd::select<T>(same, col_e, zero), part);
      simd::store(col_rest + c, simd::load(col_rest + c, part) + simd::select<T>(same, zero, col_e),
                  part);
    });
    anchors_.positives.data()[i] += simd::sum<T>(positives);
    anchors_.rest.data()[i] += simd::sum<T>(rest);
  }

  void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const Exponential exponential = exponential_of_row(i);
    const Batch factor(anchors_.rest_factor.data()[i]);
    const Batch positive_factor(anchors_.positive_factor.data()[i]);
    const Batch mean(anchors_.positive_mean.data()[i]), pull(anchors_.positive_pull.data()[i]);
    for_others(tile, r, [&](std::size_t c, auto part, const Mask& same) {
      const auto of_cols = [&](const Buffer<T>& values) {
        return simd::load(values.data() + tile.col0 + c, part);
      };
      const Batch x = simd::load(tile.row(r) + c, part);
      const Batch e = exponential(x, same);
      const Batch col_e = exponential_of_cols(tile.col0 + c, part)(x, same);
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
  Exponential exponential_of_row(std::size_t i) const {
    return {Batch(anchors_.positive_shift.data()[i]), Batch(anchors_.rest_shift.data()[i]),
            Batch(scale_)};
  }
  template <class Part>
  Exponential exponential_of_cols(std::size_t i, Part part) const {
    if constexpr (!Online) return {Batch(T(0)), Batch(T(0)), Batch(T(0))};
    return {simd::load(anchors_.positive_shift.data() + i, part),
            simd::load(anchors_.rest_shift.data() + i, part), Batch(scale_)};
  }

  // Raises the shifts of the tile's anchors to its largest products, and rescales what was summed
  // so far.
  void raise_shifts(const Tile& tile) const {
    alignas(64) T col_positive[edge];
    alignas(64) T col_rest[edge];
    std::fill_n(col_positive, edge, lowest);
    std::fill_n(col_rest, edge, lowest);
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
      raise(tile.row0 + r, simd::largest<T>(positive), simd::largest<T>(rest));
    }
    for (std::size_t c = 0; c < tile.cols; ++c) raise(tile.col0 + c, col_positive[c], col_rest[c]);
  }

  void raise(std::size_t i, T positive, T rest) const {
    raise(anchors_.positive_shift.data()[i], positive, anchors_.positives.data()[i]);
    raise(anchors_.rest_shift.data()[i], rest, anchors_.rest.data()[i]);
  }
  void raise(T& shift, T product, double& sum) const {
    const double down = raise_shift(shift, product);
    if (down < 0) sum *= std::exp(static_cast<double>(scale_) * down);
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
