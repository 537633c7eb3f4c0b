// The gradient of a centred view, put together from its parts in one pass.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/moments.hpp"
#include "selfsup/kernels/variance_hinge.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"

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

  /// Writes d_z = zc·factor + difference_weight·difference + product_weight·product, (N, D). A null
  /// `difference` or `product` leaves its part out.
  void write(const CentredView<T>& own, const product::PaddedMatrix<T>* difference,
             double difference_weight, const product::PaddedMatrix<T>* product,
             double product_weight, MutView<T> d_z) {
    const std::size_t D = own.rows.cols();
    T* const factor = factor_in_t_.grow(D);
    for (std::size_t j = 0; j < D; ++j) factor[j] = static_cast<T>(factor_.data()[j]);
    if (!d_z.contiguous_rows()) row_.reshape(own.rows.rows(), D);
    const Chunks chunks = row_chunks(own.rows.rows(), D);
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i;
        T* const out = d_z.contiguous_rows() ? d_z.row(n) : row_.row(n);
        write_row_of(own.rows.row(n), factor, difference ? difference->row(n) : nullptr,
                     static_cast<T>(difference_weight), product ? product->row(n) : nullptr,
                     static_cast<T>(product_weight), D, out);
        if (!d_z.contiguous_rows()) write_row(d_z, n, out);
      }
    });
  }

  std::size_t bytes() const { return factor_.bytes() + factor_in_t_.bytes() + row_.bytes(); }

 private:
  static void write_row_of(const T* zc, const T* factor, const T* difference, T difference_weight,
                           const T* product, T product_weight, std::size_t D, T* out) {
    using Batch = simd::Batch<T>;
    simd::for_batches<T>(0, D, [&](std::size_t d, auto part) {
      Batch sum = simd::load(zc + d, part) * simd::load(factor + d, part);
      if (difference)
        sum = simd::fma(simd::load(difference + d, part), Batch(difference_weight), sum);
      if (product) sum = simd::fma(simd::load(product + d, part), Batch(product_weight), sum);
      simd::store(out + d, sum, part);
    });
  }

  // Scratch.
  Buffer<double> factor_;
  Buffer<T> factor_in_t_;
  product::PaddedMatrix<T> row_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
