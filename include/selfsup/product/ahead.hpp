// Memory that a product will need next, asked for a few lines at a time while it sums: the machine
// does not foresee strips of rows that lie kilobytes apart. One thread, operands of 8 MB: 0.78 of
// the peak without, 0.92 with.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/signed_stride.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// `count` rows of `width` bytes that begin `stride` bytes apart.
struct Region {
  const void* first = nullptr;
  std::ptrdiff_t stride = 0;
  std::size_t count = 0;
  std::size_t width = 0;
};

template <class T>
Region region(const T* first, SignedStride stride, std::size_t rows, std::size_t cols) {
  return {first, sizeof(T) * stride, rows, cols * sizeof(T)};
}

class Ahead {
 public:
  Ahead() = default;
  /// Spreads the lines of a region over that many asks.
  Ahead(const Region& region, std::size_t asks)
      : row_(static_cast<const char*>(region.first)),
        stride_(region.stride),
        width_(region.width),
        left_(region.count) {
    const std::size_t lines = region.count * ((region.width + line - 1) / line);
    lines_ = asks == 0 ? 0 : (lines + asks - 1) / asks;
  }

  SELFSUP_INLINE void ask() {
    for (std::size_t i = 0; i < lines_ && left_ > 0; ++i) {
      simd::prefetch_to_second_level(row_ + offset_);
      offset_ += line;
      if (offset_ >= width_) {
        offset_ = 0;
        row_ += stride_;
        --left_;
      }
    }
  }

 private:
  static constexpr std::size_t line = 64;

  const char* row_ = nullptr;
  std::size_t offset_ = 0;
  std::ptrdiff_t stride_ = 0;
  std::size_t width_ = 0;
  std::size_t left_ = 0;
  std::size_t lines_ = 0;
};

/// What is needed after a product: a right operand, or a tile, and a result.
struct Later {
  Region right;
  Region result;
};

/// What one strip of a product asks for: B and C of the next strip, and a share of what is needed
/// after the last one.
struct AheadOfStrip {
  Ahead right;
  Ahead result;
  Ahead later_right;
  Ahead later_result;

  SELFSUP_INLINE void ask() {
    right.ask();
    result.ask();
    later_right.ask();
    later_result.ask();
  }
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
