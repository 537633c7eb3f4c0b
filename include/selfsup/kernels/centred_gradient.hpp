// The gradient of a centred view, put together from its parts in one pass.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/moments.hpp"
#include "selfsup/kernels/strip_moments.hpp"
#include "selfsup/kernels/variance_hinge.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/stream.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class CentredGradient {
 public:
  /// Takes what write will need for these outputs, so that it cannot run out of memory.
  void reserve(std::size_t N, std::size_t D, std::initializer_list<MutView<T>> outputs) {
    factor_.grow(D);
    factor_in_t_.grow(D);
    for (const MutView<T>& d_z : outputs) {
      if (!d_z.contiguous_rows()) row_.reshape(N, D);
    }
  }

  /// The same for write_with_gram, beside that.
  void reserve_with_gram(std::size_t N, std::size_t D, bool in_samples) {
    product_.grow(product_entries(N, D, in_samples));
  }

  /// Sets the factor of each of D columns to zero.
  void clear_factors(std::size_t D) { std::fill_n(factor_.grow(D), D, 0.0); }

  /// Adds the gradient of weight times the variance hinge to the columns' factors.
  void add(const VarianceHinge& hinge, const CentredView<T>& own, double weight) {
    hinge.add_gradient(own.squares.data(), weight, factor_.data());
  }

  /// Adds −weight·squares_j to each column's factor.
  void subtract_diagonal(const CentredView<T>& own, double weight) {
    for (std::size_t j = 0; j < own.rows.cols(); ++j)
      factor_.data()[j] -= weight * own.squares.data()[j];
  }

  /// Adds weight·numbers_j to each of D columns' factors.
  void add(const double* numbers, double weight, std::size_t D) {
    for (std::size_t j = 0; j < D; ++j) factor_.data()[j] += weight * numbers[j];
  }

  /// The parts of a gradient: zc·factor + difference_weight·difference + product_weight·product,
  /// (N, D) each. A null `difference` leaves its part out.
  struct Parts {
    const CentredView<T>& own;
    const product::PaddedMatrix<T>* difference;
    double difference_weight;
    double product_weight;
  };

  /// Writes d_z (N, D). A null `product` leaves its part out.
  void write(const Parts& parts, const product::PaddedMatrix<T>* product, MutView<T> d_z) {
    const std::size_t N = parts.own.rows.rows(), D = parts.own.rows.cols();
    begin(N, D, d_z);
    const Chunks chunks = row_chunks(N, D);
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      const Block block{chunks.first(chunk), chunks.length(chunk), 0, D};
      write_block(parts, block, product ? product->row(block.row0) : nullptr,
                  product ? product->stride() : 0, d_z);
    });
  }

  /// Writes d_z (N, D) with the product gram·Zc, gram (N, N), or Zc·gram, gram (D, D), of which no
  /// more than a strip exists at a time.
  void write_with_gram(const Parts& parts, const product::PaddedMatrix<T>& gram, bool in_samples,
                       MutView<T> d_z) {
    const std::size_t N = parts.own.rows.rows(), D = parts.own.rows.cols();
    begin(N, D, d_z);
    const Chunks strips = strips_of<T>(in_samples ? D : N);
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    const std::size_t stride = product_stride(D, in_samples);
    const std::size_t entries = product_entries(N, D, in_samples);
    T* const products = product_.grow(entries);
    parallel_for(chunks.count(), chunks.size * strips.size * gram.rows(), [&](std::size_t chunk) {
      T* const product = products + chunk * (entries / chunks.count());
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        const Block block = block_of(N, D, strips, strip, in_samples);
        const Later later = later_than(parts, N, D, strips, strip, in_samples);
        const T* const zc = parts.own.rows.row(block.row0) + block.col0;
        const std::size_t zc_stride = parts.own.rows.stride();
        if (in_samples) {
          product::block_product(
              N, block.cols, N, product::LeftByRows<T>{gram.row(0), gram.stride()},
              product::Right<T>{zc, zc_stride}, product, stride, product::Output::write, later);
        } else {
          product::block_product(block.rows, D, D, product::LeftByRows<T>{zc, zc_stride},
                                 product::Right<T>{gram.row(0), gram.stride()}, product, stride,
                                 product::Output::write, later);
        }
        write_block(parts, block, product, stride, d_z);
      }
    });
  }

  std::size_t bytes() const {
    return factor_.bytes() + factor_in_t_.bytes() + row_.bytes() + product_.bytes();
  }

 private:
  using Later = product::Later;

  // Part of the batch.
  struct Block {
    std::size_t row0, rows, col0, cols;
  };

  static Block block_of(std::size_t N, std::size_t D, const Chunks& strips, std::size_t strip,
                        bool in_samples) {
    const std::size_t first = strips.first(strip), length = strips.length(strip);
    return in_samples ? Block{0, N, first, length} : Block{first, length, 0, D};
  }

  // The next strip of what is read.
  static Later later_than(const Parts& parts, std::size_t N, std::size_t D, const Chunks& strips,
                          std::size_t strip, bool in_samples) {
    if (strip + 1 >= strips.count()) return {};
    const Block next = block_of(N, D, strips, strip + 1, in_samples);
    const auto region_of = [&](const product::PaddedMatrix<T>& matrix) {
      return product::region(matrix.row(next.row0) + next.col0, matrix.stride(), next.rows,
                             next.cols);
    };
    return {region_of(parts.own.rows),
            parts.difference ? region_of(*parts.difference) : product::Region{}};
  }

  // Rows of a strip's product: whole lines, at a stride that spreads over a first-level cache.
  static std::size_t product_stride(std::size_t D, bool in_samples) {
    const std::size_t cols = in_samples ? std::min(strips_of<T>(D).size, D) : D;
    return product::PaddedMatrix<T>::stride_for(cols);
  }
  static std::size_t product_entries(std::size_t N, std::size_t D, bool in_samples) {
    const Chunks strips = strips_of<T>(in_samples ? D : N);
    return product::SmallGram<T>::chunks(strips.count()).count() *
           (in_samples ? N : std::min(strips.size, N)) * product_stride(D, in_samples);
  }

  void begin(std::size_t N, std::size_t D, MutView<T> d_z) {
    T* const factor = factor_in_t_.grow(D);
    for (std::size_t j = 0; j < D; ++j) factor[j] = static_cast<T>(factor_.data()[j]);
    if (!d_z.contiguous_rows()) row_.reshape(N, D);
  }

  void write_block(const Parts& parts, const Block& block, const T* product, std::size_t stride,
                   MutView<T> d_z) {
    const bool streamed = simd::exceeds_caches(d_z.rows() * d_z.cols() * sizeof(T));
    for (std::size_t r = 0; r < block.rows; ++r) {
      const std::size_t n = block.row0 + r;
      T* const out = (d_z.contiguous_rows() ? d_z.row(n) : row_.row(n)) + block.col0;
      write_row_of(parts.own.rows.row(n) + block.col0, factor_in_t_.data() + block.col0,
                   parts.difference ? parts.difference->row(n) + block.col0 : nullptr,
                   static_cast<T>(parts.difference_weight),
                   product ? product + r * stride : nullptr, static_cast<T>(parts.product_weight),
                   block.cols, streamed, out);
      if (d_z.contiguous_rows()) continue;
      for (std::size_t c = 0; c < block.cols; ++c) d_z(n, block.col0 + c) = out[c];
    }
    if (streamed) simd::end_of_stream();
  }

  static void write_row_of(const T* zc, const T* factor, const T* difference, T difference_weight,
                           const T* product, T product_weight, std::size_t cols, bool streamed,
                           T* out) {
    using Batch = simd::Batch<T>;
    simd::write_batches(out, cols, streamed, [&](std::size_t d, auto part) {
      Batch sum = simd::load(zc + d, part) * simd::load(factor + d, part);
      if (difference)
        sum = simd::fma(simd::load(difference + d, part), Batch(difference_weight), sum);
      if (product) sum = simd::fma(simd::load(product + d, part), Batch(product_weight), sum);
      return sum;
    });
  }

  // Scratch.
  Buffer<double> factor_;
  Buffer<T> factor_in_t_;
  product::PaddedMatrix<T> row_;
  Buffer<T> product_;  // a strip a chunk
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
