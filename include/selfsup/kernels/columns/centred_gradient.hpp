// The gradient of a centred view, put together from its parts in one pass.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/kernels/columns/variance_hinge.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/padded_matrix.hpp"
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
    factor_in_t_.grow(product::round_up(D, simd::lanes<T>));
    for (const MutView<T>& d_z : outputs) {
      if (!d_z.contiguous_rows()) rows_.reshape(N, D);
    }
  }

  /// Sets the factor of each of D columns to zero.
  void clear_factors(std::size_t D) { std::fill_n(factor_.grow(D), D, 0.0); }

  /// Adds the gradient of weight times the variance hinge to the columns' factors.
  void add(const VarianceHinge& hinge, const CentredView<T>& own, double weight) {
    hinge.add_gradient(own.squares.data(), weight, factor_.data());
  }

  /// Adds −weight·squares_j to each column's factor.
  void subtract_diagonal(const CentredView<T>& own, double weight) {
    for (std::size_t j = 0; j < own.rows.cols(); ++j) factor_[j] -= weight * own.squares[j];
  }

  /// Adds weight·numbers_j to each of D columns' factors.
  void add(const double* numbers, double weight, std::size_t D) {
    for (std::size_t j = 0; j < D; ++j) factor_[j] += weight * numbers[j];
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
    const Result result = begin(parts, d_z);
    const Chunks chunks = row_chunks(N, D);
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i;
        result.at(n, 0).put_row(product ? product->row(n) : nullptr);
      }
      result.finish({chunks.first(chunk), chunks.length(chunk), 0, D}, d_z);
    });
  }

  /// Writes d_z (N, D) with the product gram·Zc, gram (N, N), or Zc·gram, gram (D, D), whose
  /// entries never leave the registers.
  void write_with_gram(const Parts& parts, const product::PaddedMatrix<T>& gram, bool in_samples,
                       MutView<T> d_z) {
    const std::size_t N = parts.own.rows.rows(), D = parts.own.rows.cols();
    const Result result = begin(parts, d_z);
    const Chunks strips = output_strips(in_samples ? D : N);
    const auto block_of = [&](std::size_t strip) {
      const std::size_t first = strips.first(strip), length = strips.length(strip);
      return in_samples ? Block{0, N, first, length} : Block{first, length, 0, D};
    };
    parallel_for(strips.count(), strips.size * gram.rows(), [&](std::size_t strip) {
      const bool last = strip + 1 == strips.count();
      put_product(parts, gram, in_samples, block_of(strip),
                  last ? product::Later{} : needed_for(parts, block_of(strip + 1)), result);
      result.finish(block_of(strip), d_z);
    });
  }

  std::size_t bytes() const { return factor_.bytes() + factor_in_t_.bytes() + rows_.bytes(); }

 private:
  using Batch = simd::Batch<T>;

  // Part of the batch.
  struct Block {
    std::size_t row0, rows, col0, cols;
  };

  // Strips of the result, shorter ones where else some thread would have none. No entry depends on
  // the strip that it is computed in.
  static Chunks output_strips(std::size_t length) {
    Chunks strips = strips_of<T>(length);
    while (strips.count() < max_threads() && strips.size > strip_length<T> / 4) strips.size /= 2;
    return strips;
  }

  static product::Later needed_for(const Parts& parts, const Block& block) {
    const auto region_of = [&](const product::PaddedMatrix<T>& matrix) {
      return product::region(matrix.row(block.row0) + block.col0, matrix.stride(), block.rows,
                             block.cols);
    };
    return {region_of(parts.own.rows),
            parts.difference ? region_of(*parts.difference) : product::Region{}};
  }

  // Where a product goes on its way into the gradient: entry (r, c) of what is left from some row
  // and column on. The parts can be read to whole batches.
  struct Result {
    const T* zc;
    std::size_t zc_stride;
    const T* difference;  // or null
    std::size_t difference_stride;
    const T* factor;
    T* out;
    SignedStride out_stride;
    std::size_t cols;  // of out
    T difference_weight;
    T product_weight;
    bool streamed;

    Result at(std::size_t row, std::size_t col) const {
      Result rest = *this;
      rest.zc += row * zc_stride + col;
      if (difference) rest.difference += row * difference_stride + col;
      rest.factor += col;
      rest.out = out + row * out_stride + col;
      rest.cols -= col;
      return rest;
    }

    template <std::size_t Rows, std::size_t Batches>
    SELFSUP_INLINE void put(const Batch (&products)[Rows][Batches]) const {
      if (difference) {
        put_with<true>(products);
      } else {
        put_with<false>(products);
      }
    }
    template <bool WithDifference, std::size_t Rows, std::size_t Batches>
    SELFSUP_INLINE void put_with(const Batch (&products)[Rows][Batches]) const {
      constexpr std::size_t L = simd::lanes<T>;
      product::unrolled<Rows>([&](auto r) SELFSUP_INLINE {
        product::unrolled<Batches>([&](auto v) SELFSUP_INLINE {
          constexpr std::size_t c = v * L;
          Batch sum = simd::load(zc + r * zc_stride + c) * simd::load(factor + c);
          if constexpr (WithDifference)
            sum = simd::fma(simd::load(difference + r * difference_stride + c),
                            Batch(difference_weight), sum);
          put_batch(r, c, simd::fma(products[r][v], Batch(product_weight), sum));
        });
      });
    }
    SELFSUP_INLINE void put_batch(std::size_t r, std::size_t c, const Batch& sum) const {
      T* const to = out + r * out_stride + c;
      if (cols < c + simd::lanes<T>) {
        store_first(to, sum, cols - c);
      } else if (streamed) {
        simd::stream(to, sum);
      } else {
        simd::store(to, sum);
      }
    }
    SELFSUP_NOINLINE static void store_first(T* to, const Batch& sum, std::size_t count) {
      simd::store(to, sum, simd::FirstLanes{count});
    }
    product::Region touched(std::size_t rows, std::size_t count) const {
      return streamed ? product::Region{} : product::region(out, out_stride, rows, count);
    }

    // A whole row, with a product or without.
    void put_row(const T* product) const {
      for (std::size_t c = 0; c < cols; c += simd::lanes<T>) {
        const Batch products[1][1] = {{product ? simd::load(product + c) : Batch(T(0))}};
        at(0, c).put(products);
      }
    }

    // Makes sure of what was put there: streamed entries, and those of other than contiguous rows.
    void finish(const Block& block, MutView<T> d_z) const {
      if (streamed) simd::end_of_stream();
      if (d_z.contiguous_rows()) return;
      for (std::size_t n = block.row0; n < block.row0 + block.rows; ++n) {
        for (std::size_t d = block.col0; d < block.col0 + block.cols; ++d)
          d_z(n, d) = (out + n * out_stride)[d];
      }
    }
  };

  // The product of one block.
  static void put_product(const Parts& parts, const product::PaddedMatrix<T>& gram, bool in_samples,
                          const Block& block, const product::Later& later, const Result& result) {
    const product::PaddedMatrix<T>& zc = parts.own.rows;
    const Result to = result.at(block.row0, block.col0);
    if (in_samples) {
      product::block_product(
          block.rows, block.cols, block.rows, product::LeftByRows<T>{gram.row(0), gram.stride()},
          product::Right<T>{zc.row(block.row0) + block.col0, zc.stride()}, to, later);
    } else {
      product::block_product(block.rows, block.cols, gram.rows(),
                             product::LeftByRows<T>{zc.row(block.row0), zc.stride()},
                             product::Right<T>{gram.row(0) + block.col0, gram.stride()}, to, later);
    }
  }

  Result begin(const Parts& parts, MutView<T> d_z) {
    const std::size_t N = d_z.rows(), D = d_z.cols(), padded = product::round_up(D, simd::lanes<T>);
    T* const factor = factor_in_t_.grow(padded);
    for (std::size_t j = 0; j < D; ++j) factor[j] = static_cast<T>(factor_[j]);
    std::fill(factor + D, factor + padded, T(0));
    const bool direct = d_z.contiguous_rows();
    if (!direct) rows_.reshape(N, D);
    Result result;
    result.zc = parts.own.rows.row(0);
    result.zc_stride = parts.own.rows.stride();
    result.difference = parts.difference ? parts.difference->row(0) : nullptr;
    result.difference_stride = parts.difference ? parts.difference->stride() : 0;
    result.factor = factor;
    result.out = direct ? d_z.row(0) : rows_.row(0);
    result.out_stride = direct ? SignedStride(d_z.row_stride()) : rows_.stride();
    result.cols = D;
    result.difference_weight = static_cast<T>(parts.difference_weight);
    result.product_weight = static_cast<T>(parts.product_weight);
    // Two batches and their gradients; rows that all begin with a line.
    result.streamed = direct && simd::exceeds_caches(4 * N * D * sizeof(T)) &&
                      result.out_stride.is_multiple_of(simd::lanes<T>) &&
                      simd::is_aligned(result.out);
    return result;
  }

  // Scratch.
  Buffer<double> factor_;
  Buffer<T> factor_in_t_;
  product::PaddedMatrix<T> rows_;  // (N, D)
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
