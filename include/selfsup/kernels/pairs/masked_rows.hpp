// Which rows of a bank are the same sample as an anchor, by ids: those are not its negatives.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/labels.hpp"
#include "selfsup/core/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Rows by the id that they share with an anchor. A row belongs to one id at most, so all lists
/// together are no longer than the bank.
class MaskedRows {
 public:
  struct Range {
    const std::size_t* first;
    const std::size_t* last;
  };

  void set(const Labels& anchor_ids, const std::int64_t* row_ids, std::size_t rows) {
    const std::size_t anchors = anchor_ids.size();
    std::int64_t* const ids = ids_.grow(anchors);
    for (std::size_t i = 0; i < anchors; ++i) ids[i] = anchor_ids[i];
    std::sort(ids, ids + anchors);
    const auto groups = static_cast<std::size_t>(std::unique(ids, ids + anchors) - ids);
    const auto group_of = [&](std::int64_t id) {
      const std::int64_t* const found = std::lower_bound(ids, ids + groups, id);
      return found != ids + groups && *found == id ? static_cast<std::size_t>(found - ids) : groups;
    };
    anchor_groups_.grow(anchors);
    for (std::size_t i = 0; i < anchors; ++i) anchor_groups_[i] = group_of(anchor_ids[i]);

    // Counting sort by group; the rows of no anchor come last.
    std::size_t* const begins = begins_.grow(anchors + 3);
    std::fill_n(begins, groups + 3, std::size_t{0});
    std::size_t* const row_groups = row_groups_.grow(rows);
    parallel_for(rows, 16, [&](std::size_t k) { row_groups[k] = group_of(row_ids[k]); });
    for (std::size_t k = 0; k < rows; ++k) ++begins[row_groups[k] + 2];
    for (std::size_t g = 2; g < groups + 3; ++g) begins[g] += begins[g - 1];
    std::size_t* const sorted = rows_.grow(rows);
    for (std::size_t k = 0; k < rows; ++k) sorted[begins[row_groups[k] + 1]++] = k;
  }

  /// The rows with the id of anchor i among `count` from `first` on, ascending.
  Range of(std::size_t i, std::size_t first, std::size_t count) const {
    const std::size_t group = anchor_groups_[i];
    const std::size_t* const begin = rows_.data() + begins_[group];
    const std::size_t* const end = rows_.data() + begins_[group + 1];
    const std::size_t* const from = std::lower_bound(begin, end, first);
    return {from, std::lower_bound(from, end, first + count)};
  }

  std::size_t bytes() const {
    return ids_.bytes() + anchor_groups_.bytes() + begins_.bytes() + rows_.bytes() +
           row_groups_.bytes();
  }

 private:
  Buffer<std::size_t> anchor_groups_;
  Buffer<std::size_t> begins_;  // where the rows of a group begin
  Buffer<std::size_t> rows_;
  // Scratch.
  Buffer<std::int64_t> ids_;
  Buffer<std::size_t> row_groups_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
