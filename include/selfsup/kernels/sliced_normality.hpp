// How far a batch is from the standard normal distribution, seen along random directions: the core
// of SIGReg and LeJEPA.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/epps_pulley.hpp"
#include "selfsup/kernels/slices.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/stream.hpp"

#include <cstddef>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class SlicedNormality {
 public:
  using Sums = typename EppsPulley<T>::Sums;

  /// Returns the sum over the slices u of T(Zu), z (N, D) of any layout. With `keep`, keeps the
  /// derivative by the projections for d_mean = 1, the sum divided by the number of slices.
  Sums forward(ConstView<T> z, const Slices<T>& slices, Matmul<T>& matmul, bool keep) {
    projections_.reshape(z.rows(), slices.count());
    matmul.write(z, slices.columns(), projections_.view());
    return statistic_.forward(projections_, keep, 1 / static_cast<double>(slices.count()));
  }

  /// Writes d_z (N, D) for d_mean = 1.
  void backward(const Slices<T>& slices, Matmul<T>& matmul, product::PaddedMatrix<T>& d_z) {
    matmul.write(projections_.view(), slices.rows(), d_z.view());
  }

  std::size_t bytes() const { return projections_.bytes() + statistic_.bytes(); }

 private:
  // Kept for backward: the projections Zu, then the derivative by them (N, S).
  product::PaddedMatrix<T> projections_;
  // Scratch.
  EppsPulley<T> statistic_;
};

/// A matrix (N, D) times a number; none when null.
template <class T>
struct Part {
  const product::PaddedMatrix<T>* matrix;
  double weight;
};

/// Writes out (N, D) = x + y, at least one of them not null, by way of `scratch`, which may be one
/// of the matrices, where the rows of `out` are not contiguous.
template <class T>
void write_sum(Part<T> x, Part<T> y, product::PaddedMatrix<T>& scratch, MutView<T> out) {
  using Batch = simd::Batch<T>;
  if (!x.matrix) std::swap(x, y);
  const std::size_t N = out.rows(), D = out.cols();
  const Batch x_weight(static_cast<T>(x.weight)), y_weight(static_cast<T>(y.weight));
  const bool streamed = simd::exceeds_caches(N * D * sizeof(T));
  const Chunks chunks = row_chunks(N, D);
  parallel_for(chunks.count(), [&](std::size_t chunk) {
    for (std::size_t n = chunks.first(chunk); n < chunks.first(chunk) + chunks.length(chunk); ++n) {
      T* const to = out.contiguous_rows() ? out.row(n) : scratch.row(n);
      simd::write_batches(to, D, streamed, [&](std::size_t d, auto part) {
        const Batch sum = simd::load(x.matrix->row(n) + d, part) * x_weight;
        return y.matrix ? simd::fma(simd::load(y.matrix->row(n) + d, part), y_weight, sum) : sum;
      });
      if (!out.contiguous_rows()) write_row(out, n, to);
    }
    if (streamed) simd::end_of_stream();
  });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
