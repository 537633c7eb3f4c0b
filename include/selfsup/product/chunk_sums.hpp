// A sum of products that are made by several chunks side by side: a partial sum each, added in
// order, so that the result does not depend on the number of threads.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class ChunkSums {
 public:
  /// Starts on (rows, cols) sums of that many chunks.
  void begin(std::size_t rows, std::size_t cols, std::size_t chunks) {
    chunks_ = chunks;
    sum_.reshape(rows, cols);
    partial_.grow((chunks - 1) * rows * sum_.stride());
  }

  /// Where a chunk's products go; its first ones are written.
  Entries<T> entries(std::size_t chunk, bool first) {
    return {chunk == 0 ? sum_.row(0) : partial(chunk), sum_.stride(),
            first ? Output::write : Output::add};
  }

  /// Adds the chunks' entries of row r from column `first` on, in order. Returns the row.
  T* add_up_row(std::size_t r, std::size_t first) {
    T* const row = sum_.row(r);
    for (std::size_t chunk = 1; chunk < chunks_; ++chunk) {
      const T* const from = partial(chunk) + r * sum_.stride();
      simd::for_batches<T>(first, sum_.cols(), [&](std::size_t c, auto part) {
        simd::store(row + c, simd::load(row + c, part) + simd::load(from + c, part), part);
      });
    }
    return row;
  }

  std::size_t chunks() const { return chunks_; }
  /// The sum, once all rows are added up.
  PaddedMatrix<T>& matrix() { return sum_; }
  const PaddedMatrix<T>& matrix() const { return sum_; }
  std::size_t bytes() const { return sum_.bytes() + partial_.bytes(); }

 private:
  T* partial(std::size_t chunk) {
    return partial_.data() + (chunk - 1) * sum_.rows() * sum_.stride();
  }

  std::size_t chunks_ = 1;
  PaddedMatrix<T> sum_;
  // Scratch.
  Buffer<T> partial_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
