// Rows kept from earlier batches in a ring, in both layouts that a walk needs: in place, and packed
// as its right operand.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/pack.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class BankRows {
 public:
  /// An empty ring of `capacity` rows of D columns.
  explicit BankRows(std::size_t capacity, std::size_t D) {
    rows_.reshape(capacity, D);
    packed_.reserve(D, capacity);
  }
  BankRows(const BankRows&) = default;
  /// A ring that was moved from has no room.
  BankRows(BankRows&& other) noexcept
      : rows_(std::move(other.rows_)),
        packed_(std::move(other.packed_)),
        ids_(std::move(other.ids_)),
        has_ids_(std::exchange(other.has_ids_, false)),
        size_(std::exchange(other.size_, 0)),
        next_(std::exchange(other.next_, 0)),
        changes_(other.changes_++) {}
  BankRows& operator=(BankRows other) noexcept {
    rows_ = std::move(other.rows_);
    packed_ = std::move(other.packed_);
    ids_ = std::move(other.ids_);
    has_ids_ = other.has_ids_;
    size_ = other.size_;
    next_ = other.next_;
    changes_ += other.changes_ + 1;
    return *this;
  }

  std::size_t capacity() const { return rows_.rows(); }
  std::size_t cols() const { return rows_.cols(); }
  /// How many rows hold something: the first ones.
  std::size_t size() const { return size_; }
  /// Where the next row goes; in a full ring it replaces the oldest.
  std::size_t next() const { return next_; }
  /// Grows with every change of the rows.
  std::uint64_t changes() const { return changes_; }

  /// (capacity, D), of which the first size() rows may be read.
  const product::PaddedMatrix<T>& rows() const { return rows_; }
  /// Their transpose (D, size()) as a packed right operand, zero beyond.
  const product::PackedRight<T>& packed() const { return packed_; }
  ConstView<T> view() const { return rows_.view().row_range(0, size_); }
  /// size() numbers, or null when rows come without.
  const std::int64_t* ids() const { return has_ids_ ? ids_.data() : nullptr; }

  /// Takes what rows with ids need.
  void reserve_ids() { ids_.grow(capacity()); }

  /// Writes the rows of `unit` into the ring one after the other, where the oldest were; the last
  /// capacity() of them stay. With ids, after reserve_ids, unless null; an empty ring's first rows
  /// decide whether all have some.
  void push(const product::PaddedMatrix<T>& unit, const std::int64_t* ids) {
    const std::size_t count = std::min(unit.rows(), capacity()), first = unit.rows() - count;
    next_ = (next_ + first) % capacity();
    const auto place = [this](std::size_t i) { return (next_ + i) % capacity(); };
    parallel_for(count, cols(), [&](std::size_t i) {
      std::copy_n(unit.row(first + i), cols(), rows_.row(place(i)));
    });
    has_ids_ = ids != nullptr;
    if (ids) {
      for (std::size_t i = 0; i < count; ++i) ids_[place(i)] = ids[first + i];
    }
    size_ = std::min(capacity(), size_ + unit.rows());
    const std::size_t before_end = std::min(count, capacity() - next_);
    packed_.pack_columns(view().transposed(), next_, before_end);
    packed_.pack_columns(view().transposed(), 0, count - before_end);
    next_ = place(count);
    ++changes_;
  }

  /// Another place for the next row of a full ring.
  void set_next(std::size_t next) { next_ = next; }

  void clear() {
    has_ids_ = false;
    size_ = next_ = 0;
    ++changes_;
  }

  std::size_t bytes() const { return rows_.bytes() + packed_.bytes() + ids_.bytes(); }

 private:
  product::PaddedMatrix<T> rows_;
  product::PackedRight<T> packed_;
  Buffer<std::int64_t> ids_;
  bool has_ids_ = false;
  std::size_t size_ = 0;
  std::size_t next_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
