// XᵀY of long X and Y that come in strips of rows, where the result fits one tile: it stays in a
// second-level cache while X and Y pass once.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class SmallProduct {
 public:
  /// Starts on (rows, cols) sums of that many chunks, as SmallGram has them.
  void begin(std::size_t rows, std::size_t cols, std::size_t chunk_count) {
    chunk_count_ = chunk_count;
    sum_.reshape(rows, cols);
    partial_.grow((chunk_count - 1) * rows * sum_.stride());
  }

  /// Writes (`first`) or adds XᵀY to the chunk's sums, X (length, rows) and Y (length, cols) with
  /// contiguous rows, those of Y readable to a whole batch. `later` is memory that is needed next.
  void add(std::size_t chunk, LeftByCols<T> x, Right<T> y, std::size_t length, bool first,
           const Later& later = {}) {
    block_product(sum_.rows(), sum_.cols(), length, x, y,
                  Entries<T>{sums(chunk), sum_.stride(), first ? Output::write : Output::add},
                  later);
  }

  /// Adds up the chunks, in order, and returns the sum.
  PaddedMatrix<T>& finish() {
    parallel_for(sum_.rows(), sum_.cols() * chunk_count_, [&](std::size_t r) {
      T* const row = sum_.row(r);
      for (std::size_t chunk = 1; chunk < chunk_count_; ++chunk) {
        const T* from = sums(chunk) + r * sum_.stride();
        simd::for_batches<T>(0, sum_.cols(), [&](std::size_t c, auto part) {
          simd::store(row + c, simd::load(row + c, part) + simd::load(from + c, part), part);
        });
      }
    });
    return sum_;
  }

  /// The sum, after finish().
  const PaddedMatrix<T>& matrix() const { return sum_; }

  std::size_t bytes() const { return sum_.bytes() + partial_.bytes(); }

 private:
  T* sums(std::size_t chunk) {
    return chunk == 0 ? sum_.row(0) : partial_.data() + (chunk - 1) * sum_.rows() * sum_.stride();
  }

  std::size_t chunk_count_ = 1;
  // Kept for backward.
  PaddedMatrix<T> sum_;
  // Scratch.
  Buffer<T> partial_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup
