// How blocks are cut into pieces, as many as the threads need: no entry of a result depends on it.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/blocking.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// The pieces of all blocks of `total` entries, `edge` a block; a block's pieces are multiples of
/// `unit` but for the last one.
class Pieces {
 public:
  struct Piece {
    std::size_t block;
    std::size_t first;  // of the block
    std::size_t count;
  };

  /// `times`: how many times as many pieces there are in all.
  Pieces(std::size_t total, std::size_t edge, std::size_t unit, std::size_t threads,
         std::size_t times = 1)
      : blocks_{total, edge}, times_(times), size_(edge) {
    // Of sizes that keep the threads busy equally long the largest. A piece costs about as much as
    // 8 entries more, which is what it reads again and again.
    for (std::size_t many = 1, least = cost(edge, threads); threads > 1 && size_ > unit; ++many) {
      const std::size_t size = round_up((edge + many - 1) / many, unit);
      if (const std::size_t needed = cost(size, threads); needed < least) {
        least = needed;
        size_ = size;
      }
      if (size <= unit) break;
    }
  }

  std::size_t size() const { return size_; }
  std::size_t count() const { return count(size_); }

  Piece at(std::size_t i) const {
    const std::size_t in_block = Chunks{blocks_.size, size_}.count(), block = i / in_block;
    const Chunks pieces{blocks_.length(block), size_};
    return {block, pieces.first(i % in_block), pieces.length(i % in_block)};
  }

 private:
  // The last block may be shorter, and have fewer.
  std::size_t count(std::size_t size) const {
    const std::size_t whole = blocks_.total / blocks_.size, rest = blocks_.total % blocks_.size;
    return whole * Chunks{blocks_.size, size}.count() + Chunks{rest, size}.count();
  }
  std::size_t cost(std::size_t size, std::size_t threads) const {
    return Chunks{times_ * count(size), threads}.count() * (size + 8);
  }

  Chunks blocks_;
  std::size_t times_;
  std::size_t size_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
