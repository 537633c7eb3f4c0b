// The k most similar negatives of each anchor: one walk selects them, then a softmax over the list
// and a backward over it, with no second walk. Of equal similarities the lower index wins, so the
// lists depend on the products alone.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Throws a ShapeError for more candidates than lists can name. The rows of one batch never are:
/// their products would take centuries.
template <class T>
void require_listable(const char* where, const Named<T>& candidates) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
  if (candidates.view.rows() <= most) return;
  throw ShapeError(std::string(where) + ": " + candidates.name + " has " +
                   std::to_string(candidates.view.rows()) +
                   " rows, hardest chooses among at most " + std::to_string(most));
}

/// The lists of one side's anchors, the most similar first.
template <class T>
class HardestNegatives {
  using Matrix = product::PaddedMatrix<T>;

  struct Entry {
    T product;
    std::uint32_t index;

    // Whether it comes before another in a list.
    bool operator<(const Entry& other) const {
      return product > other.product || (product == other.product && index < other.index);
    }
  };

 public:
  void begin(std::size_t anchors, std::size_t k) {
    anchors_ = anchors;
    k_ = k;
    entries_.grow(anchors, k);
    std::fill_n(lengths_.grow(anchors), anchors, std::size_t{0});
    std::fill_n(thresholds_.grow(anchors), anchors, -std::numeric_limits<T>::infinity());
  }

  /// What a product must reach to enter the list of anchor i.
  const T* thresholds() const { return thresholds_.data(); }

  /// Puts a candidate in anchor i's list, if it has a place there.
  void offer(std::size_t i, T product, std::size_t index) {
    Entry* const list = entries_.data() + i * k_;
    std::size_t& length = lengths_[i];
    const Entry entry{product, static_cast<std::uint32_t>(index)};
    if (k_ <= most_sorted) {
      if (length == k_ && !(entry < list[k_ - 1])) return;
      std::size_t place = length < k_ ? length++ : k_ - 1;
      for (; place > 0 && entry < list[place - 1]; --place) list[place] = list[place - 1];
      list[place] = entry;
      if (length == k_) thresholds_[i] = list[k_ - 1].product;
    } else if (length < k_) {
      list[length++] = entry;
      if (length < k_) return;
      std::make_heap(list, list + k_);
      thresholds_[i] = list[0].product;
    } else if (entry < list[0]) {
      replace_last(list, entry);
      thresholds_[i] = list[0].product;
    }
  }

  /// Puts anchor i's list in order, when all candidates were offered.
  void sort(std::size_t i) {
    Entry* const list = entries_.data() + i * k_;
    if (k_ > most_sorted) std::sort(list, list + lengths_[i]);
  }

  /// Gives anchor i the shift and the sums that a walk over its list would have left.
  void sum(Anchors<T>& anchors, std::size_t i, double scale) const {
    const Entry* const list = entries_.data() + i * k_;
    const std::size_t length = lengths_[i];
    if (length > 0) anchors.largest[i] = list[0].product;
    double rest = 0;
    for (std::size_t j = length; j > 0; --j) rest += exponential(anchors, i, list[j - 1], scale);
    anchors.rest[i] = rest;
  }

  /// Sets the weights of one backward from those of the anchors.
  void weigh(const Anchors<T>& anchors, double scale) {
    weights_.grow(anchors_, k_);
    parallel_for(anchors_, k_, [&](std::size_t i) {
      const Entry* const list = entries_.data() + i * k_;
      T* const weights = weights_.data() + i * k_;
      const double weight = static_cast<double>(anchors.weight[i]);
      for (std::size_t j = 0; j < lengths_[i]; ++j)
        weights[j] = static_cast<T>(weight * exponential(anchors, i, list[j], scale));
    });
  }

  /// Writes or adds the weighted candidates of each anchor to its row of d_anchors.
  void to_anchors(const Matrix& candidates, Matrix& d_anchors, product::Output output) const {
    parallel_for(anchors_, k_ * candidates.cols(), [&](std::size_t i) {
      T* const to = d_anchors.row(i);
      if (output == product::Output::write) std::fill_n(to, candidates.cols(), T(0));
      const Entry* const list = entries_.data() + i * k_;
      const T* const weights = weights_.data() + i * k_;
      for (std::size_t j = lengths_[i]; j > 0; --j)
        simd::axpy(weights[j - 1], candidates.row(list[j - 1].index), to, candidates.cols());
    });
  }

  /// Writes or adds to each candidate's row the weighted anchors whose list it is on, in the
  /// anchors' order.
  void to_candidates(const Matrix& anchors, Matrix& d_candidates, product::Output output) {
    const Chunks bands{anchors_, std::max<std::size_t>(1, band_entries / k_)};
    for (std::size_t band = 0; band < bands.count(); ++band) {
      const std::size_t first = bands.first(band);
      invert(first, bands.length(band), d_candidates.rows());
      const bool write = band == 0 && output == product::Output::write;
      parallel_for(d_candidates.rows(), bands.size * k_ * anchors.cols() / d_candidates.rows(),
                   [&](std::size_t c) {
                     T* const to = d_candidates.row(c);
                     if (write) std::fill_n(to, anchors.cols(), T(0));
                     for (std::size_t at = begins_[c]; at < begins_[c + 1]; ++at) {
                       const std::size_t place = places_[at];
                       simd::axpy(weights_[first * k_ + place], anchors.row(first + place / k_), to,
                                  anchors.cols());
                     }
                   });
    }
  }

  std::size_t bytes() const {
    return entries_.bytes() + weights_.bytes() + lengths_.bytes() + thresholds_.bytes() +
           begins_.bytes() + places_.bytes();
  }

 private:
  static double exponential(const Anchors<T>& anchors, std::size_t i, const Entry& entry,
                            double scale) {
    return std::exp(scale *
                    (static_cast<double>(entry.product) - static_cast<double>(anchors.largest[i])));
  }

  // Up to this length a list is in order all the time; a longer one is a heap, its last entry on
  // top, until sort(). One thread, 4096 x 64: as fast at 100 to 200 entries, 1.5 times at 400.
  static constexpr std::size_t most_sorted = 128;
  // Entries that are told by candidate at a time.
  static constexpr std::size_t band_entries = std::size_t{1} << 20;

  // Puts an entry in the place of a heap's top, its last in order.
  void replace_last(Entry* heap, const Entry& entry) const {
    std::size_t place = 0;
    for (std::size_t below = 1; below < k_; below = 2 * place + 1) {
      if (below + 1 < k_ && heap[below] < heap[below + 1]) ++below;
      if (!(entry < heap[below])) break;
      heap[place] = heap[below];
      place = below;
    }
    heap[place] = entry;
  }

  // The places of some anchors' entries by candidate: those of candidate c from begins_[c] on,
  // counted from the first anchor's.
  void invert(std::size_t first, std::size_t count, std::size_t candidates) {
    std::size_t* const begins = begins_.grow(candidates + 2);
    std::fill_n(begins, candidates + 2, std::size_t{0});
    for_entries(first, count, [&](std::size_t, const Entry& entry) { ++begins[entry.index + 2]; });
    for (std::size_t c = 2; c < candidates + 2; ++c) begins[c] += begins[c - 1];
    std::uint32_t* const places = places_.grow(count, k_);
    for_entries(first, count, [&](std::size_t place, const Entry& entry) {
      places[begins[entry.index + 1]++] = static_cast<std::uint32_t>(place);
    });
  }
  template <class F>
  void for_entries(std::size_t first, std::size_t count, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) {
      const Entry* const list = entries_.data() + (first + i) * k_;
      for (std::size_t j = 0; j < lengths_[first + i]; ++j) f(i * k_ + j, list[j]);
    }
  }

  std::size_t anchors_ = 0;
  std::size_t k_ = 1;
  Buffer<Entry> entries_;
  Buffer<std::size_t> lengths_;
  Buffer<T> thresholds_;
  // Scratch.
  Buffer<T> weights_;  // of one backward
  Buffer<std::size_t> begins_;
  Buffer<std::uint32_t> places_;
};

/// The visitor that fills the lists, for a walk that keeps nothing.
template <class T, bool Columns>
class HardestVisitor : private AnchorTiles<T, Columns>, public product::Visitor {
  using Base = AnchorTiles<T, Columns>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;

 public:
  HardestVisitor(const Skip& skip, Anchors<T>& rows, Anchors<T>& cols, HardestNegatives<T>& of_rows,
                 HardestNegatives<T>& of_cols)
      : Base(skip, rows, cols), of_rows_(of_rows), of_cols_(of_cols) {}

  static constexpr bool reads_tiles = true;
  static constexpr bool adds_to_blocks = true;

  void reserve(std::size_t, std::size_t) const {}

  void visit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      this->keep_own(tile, r);
      this->exclude(tile, r);
    }
  }

  void add_to_rows(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t i = tile.row0 + r;
      for_batches_of_row(tile, r, [&](std::size_t c, auto part, const Batch& x) {
        if (!simd::any_not_less(x, Batch(of_rows_.thresholds()[i]))) return;
        for_lanes(part, tile.row(r) + c, [&](std::size_t lane, T product) {
          of_rows_.offer(i, product, tile.col0 + c + lane);
        });
      });
    }
  }

  void add_to_cols(const Tile& tile) const {
    if constexpr (!Columns) return;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for_batches_of_row(tile, r, [&](std::size_t c, auto part, const Batch& x) {
        const T* thresholds = of_cols_.thresholds() + tile.col0 + c;
        if (!simd::any_not_less(x, simd::load(thresholds, part))) return;
        for_lanes(part, tile.row(r) + c, [&](std::size_t lane, T product) {
          of_cols_.offer(tile.col0 + c + lane, product, tile.row0 + r);
        });
      });
    }
  }

 private:
  template <class F>
  static void for_batches_of_row(const Tile& tile, std::size_t r, F&& f) {
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      f(c, part, simd::load(tile.row(r) + c, part, Base::excluded));
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
