// The k most similar negatives of each anchor: one walk selects them, then a softmax over the list
// and a backward over it, with no second walk. Of equal similarities the lower index wins, so the
// lists depend on the products alone.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The lists of one side's anchors, the most similar first.
template <class T>
class HardestNegatives {
  using Matrix = product::PaddedMatrix<T>;

  struct Entry {
    T product;
    T weight;  // of one backward
    std::size_t index;
  };

 public:
  void begin(std::size_t anchors, std::size_t k) {
    anchors_ = anchors;
    k_ = k;
    entries_.grow(anchors * k);
    std::fill_n(lengths_.grow(anchors), anchors, std::size_t{0});
    std::fill_n(thresholds_.grow(anchors), anchors, -std::numeric_limits<T>::infinity());
  }

  /// What a product must reach to enter the list of anchor i.
  const T* thresholds() const { return thresholds_.data(); }

  /// Puts a candidate in its place of anchor i's list, if it has one there.
  void offer(std::size_t i, T product, std::size_t index) {
    Entry* const list = entries_.data() + i * k_;
    std::size_t& length = lengths_.data()[i];
    const auto behind = [&](const Entry& entry) {
      return entry.product < product || (entry.product == product && entry.index > index);
    };
    if (length == k_ && !behind(list[k_ - 1])) return;
    std::size_t place = length < k_ ? length++ : k_ - 1;
    for (; place > 0 && behind(list[place - 1]); --place) list[place] = list[place - 1];
    list[place] = {product, 0, index};
    if (length == k_) thresholds_.data()[i] = list[k_ - 1].product;
  }

  /// Gives anchor i the shift and the sums that a walk over its list would have left.
  void sum(Anchors<T>& anchors, std::size_t i, double scale, bool decoupled) const {
    const Entry* const list = entries_.data() + i * k_;
    const std::size_t length = lengths_.data()[i];
    const double positive = anchors.positive.data()[i];
    double largest = decoupled ? std::numeric_limits<double>::lowest() : positive;
    if (length > 0) largest = std::max(largest, scale * static_cast<double>(list[0].product));
    anchors.shift.data()[i] = static_cast<T>(largest);
    double rest = 0;
    for (std::size_t j = length; j > 0; --j) rest += exponential(anchors, i, list[j - 1], scale);
    anchors.rest.data()[i] = rest;
    if (length > 0) anchors.largest_of_col.data()[i] = list[0].product;
  }

  /// Sets the weights of one backward from those of the anchors.
  void weigh(const Anchors<T>& anchors, double scale) {
    parallel_for(anchors_, k_, [&](std::size_t i) {
      Entry* const list = entries_.data() + i * k_;
      const double weight = static_cast<double>(anchors.weight.data()[i]);
      for (std::size_t j = 0; j < lengths_.data()[i]; ++j)
        list[j].weight = static_cast<T>(weight * exponential(anchors, i, list[j], scale));
    });
  }

  /// Writes or adds the weighted candidates of each anchor to its row of d_anchors.
  void to_anchors(const Matrix& candidates, Matrix& d_anchors, product::Output output) const {
    parallel_for(anchors_, k_ * candidates.cols(), [&](std::size_t i) {
      T* const to = d_anchors.row(i);
      if (output == product::Output::write) std::fill_n(to, candidates.cols(), T(0));
      const Entry* const list = entries_.data() + i * k_;
      for (std::size_t j = lengths_.data()[i]; j > 0; --j)
        simd::axpy(list[j - 1].weight, candidates.row(list[j - 1].index), to, candidates.cols());
    });
  }

  /// Writes or adds to each candidate's row the weighted anchors whose list it is on, in the
  /// anchors' order.
  void to_candidates(const Matrix& anchors, Matrix& d_candidates, product::Output output) {
    invert(d_candidates.rows());
    parallel_for(d_candidates.rows(), k_ * anchors.cols(), [&](std::size_t c) {
      T* const to = d_candidates.row(c);
      if (output == product::Output::write) std::fill_n(to, anchors.cols(), T(0));
      for (std::size_t at = begins_.data()[c]; at < begins_.data()[c + 1]; ++at) {
        const std::size_t place = places_.data()[at];
        simd::axpy(entries_.data()[place].weight, anchors.row(place / k_), to, anchors.cols());
      }
    });
  }

  std::size_t bytes() const {
    return entries_.bytes() + lengths_.bytes() + thresholds_.bytes() + begins_.bytes() +
           places_.bytes();
  }

 private:
  static double exponential(const Anchors<T>& anchors, std::size_t i, const Entry& entry,
                            double scale) {
    return std::exp(scale * static_cast<double>(entry.product) -
                    static_cast<double>(anchors.shift.data()[i]));
  }

  // The places of the lists' entries by candidate: those of candidate c from begins_[c] on.
  void invert(std::size_t candidates) {
    std::size_t* const begins = begins_.grow(candidates + 2);
    std::fill_n(begins, candidates + 2, std::size_t{0});
    for_entries([&](std::size_t place) { ++begins[entries_.data()[place].index + 2]; });
    for (std::size_t c = 2; c < candidates + 2; ++c) begins[c] += begins[c - 1];
    std::size_t* const places = places_.grow(anchors_ * k_);
    for_entries(
        [&](std::size_t place) { places[begins[entries_.data()[place].index + 1]++] = place; });
  }
  template <class F>
  void for_entries(F&& f) const {
    for (std::size_t i = 0; i < anchors_; ++i) {
      for (std::size_t j = 0; j < lengths_.data()[i]; ++j) f(i * k_ + j);
    }
  }

  std::size_t anchors_ = 0;
  std::size_t k_ = 1;
  Buffer<Entry> entries_;
  Buffer<std::size_t> lengths_;
  Buffer<T> thresholds_;
  // Scratch.
  Buffer<std::size_t> begins_;
  Buffer<std::size_t> places_;
};

/// The visitor that fills the lists, for a walk that keeps nothing.
template <class T, bool Columns>
class HardestVisitor : private AnchorTiles<T, Columns> {
  using Base = AnchorTiles<T, Columns>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;

 public:
  HardestVisitor(std::size_t positive_offset, Anchors<T>& rows, Anchors<T>& cols,
                 HardestNegatives<T>& of_rows, HardestNegatives<T>& of_cols,
                 const MaskedRows* masked)
      : Base(positive_offset, rows, cols, masked), of_rows_(of_rows), of_cols_(of_cols) {}

  void visit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      this->keep_own(tile, r);
      this->exclude(tile, r);
      offer_row(tile, r);
    }
  }

 private:
  void offer_row(const Tile& tile, std::size_t r) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part, Base::excluded);
      if (simd::any_not_less(x, Batch(of_rows_.thresholds()[i]))) {
        for_lanes(part, row + c, [&](std::size_t lane, T product) {
          of_rows_.offer(i, product, tile.col0 + c + lane);
        });
      }
      if constexpr (Columns) {
        const T* thresholds = of_cols_.thresholds() + tile.col0 + c;
        if (simd::any_not_less(x, simd::load(thresholds, part))) {
          for_lanes(part, row + c, [&](std::size_t lane, T product) {
            of_cols_.offer(tile.col0 + c + lane, product, i);
          });
        }
      }
    });
  }

  template <class F>
  static void for_lanes(simd::AllLanes, const T* products, F&& f) {
    for_lanes(simd::FirstLanes{simd::lanes<T>}, products, f);
  }
  template <class F>
  static void for_lanes(simd::FirstLanes part, const T* products, F&& f) {
    for (std::size_t lane = 0; lane < part.count; ++lane) {
      if (products[lane] > Base::excluded) f(lane, products[lane]);
    }
  }

  HardestNegatives<T>& of_rows_;
  HardestNegatives<T>& of_cols_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
