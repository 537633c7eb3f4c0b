// Which rows have the same label.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/labels.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Labels as numbers of the type of the rows, so that a batch of them compares at once: a row's
/// group is the first row with its label. float counts exactly to 2²⁴ rows.
template <class T>
class LabelGroups {
 public:
  /// Returns how many rows share their label with another.
  std::size_t assign(Labels labels) {
    const std::size_t rows = labels.size();
    T* const group = group_.grow(rows);
    std::size_t* const size = size_.grow(rows);
    std::fill_n(size, rows, std::size_t{0});
    begin_table(rows);
    std::size_t with_others = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t first = first_with(labels, i);
      group[i] = static_cast<T>(first);
      ++size[first];
      if (size[first] > 1) with_others += size[first] == 2 ? 2 : 1;
    }
    return with_others;
  }

  const T* groups() const { return group_.data(); }
  /// How many other rows have the label of row i.
  std::size_t others(std::size_t i) const { return size_[static_cast<std::size_t>(group_[i])] - 1; }
  std::size_t bytes() const { return group_.bytes() + size_.bytes() + table_.bytes(); }

 private:
  // A table of at least twice as many places as rows, so that a label is found in a step or two;
  // its places hold 1 + the first row with a label, or 0.
  void begin_table(std::size_t rows) {
    bits_ = 1;
    while ((std::size_t{1} << bits_) < 2 * rows) ++bits_;
    std::fill_n(table_.grow(std::size_t{1} << bits_), std::size_t{1} << bits_, std::size_t{0});
  }

  std::size_t first_with(const Labels& labels, std::size_t i) {
    constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15u;  // spreads numbers that count up
    const std::int64_t label = labels[i];
    const std::size_t last = (std::size_t{1} << bits_) - 1;
    auto place = static_cast<std::size_t>((static_cast<std::uint64_t>(label) * golden_ratio) >>
                                          (64 - bits_));
    while (table_[place] != 0 && labels[table_[place] - 1] != label) place = (place + 1) & last;
    if (table_[place] == 0) table_[place] = i + 1;
    return table_[place] - 1;
  }

  // Kept for backward.
  Buffer<T> group_;
  Buffer<std::size_t> size_;
  // Scratch.
  Buffer<std::size_t> table_;
  unsigned bits_ = 1;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
