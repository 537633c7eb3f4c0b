// The block sizes of every product, with their reasons.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
struct Blocking {
  /// Rows and batches of one micro-kernel. 12 x 2 accumulators, two batches of the right operand
  /// and one broadcast fill 32 registers' worth of latency; with 16 registers 6 x 2 is the most
  /// that does not spill.
  static constexpr std::size_t micro_rows = simd::registers >= 32 ? 12 : 6;
  static constexpr std::size_t micro_batches = 2;
  static constexpr std::size_t micro_cols = micro_batches * simd::lanes<T>;
  /// Rows of a micro-kernel of one batch: enough sums to hide the latency of the multiply-add.
  static constexpr std::size_t narrow_rows = simd::registers >= 32 ? 16 : 8;

  /// Depth of one pass over K: a panel of micro_cols x depth of the right operand stays in the
  /// first-level cache.
  static constexpr std::size_t depth = 256;

  /// Steps of k between two requests for what is needed next: about 200 cycles.
  static constexpr std::size_t run = 16;

  /// Most rows and columns of a tile. 192 x 192 floats are 147 KB: a tile and its operands fit a
  /// second-level cache. Where rows are longer than `depth`, what the backward walk adds to them
  /// passes through that cache once a tile: there half as many trips with 384 x 384, 590 KB, are
  /// worth more (one thread, InfoNCE 4096 x 512: 0.84 against 0.74 of the bound; at D = 128
  /// nothing).
  static constexpr std::size_t small_tile = 192;
  static constexpr std::size_t tile = 384;
  static_assert(small_tile % micro_cols == 0 && tile % micro_cols == 0, "whole panels");

  /// Rows that a product with columns goes through at a time: they stay in a second-level cache.
  static constexpr std::size_t band = small_tile;
};

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
