// How far a batch is from the standard normal distribution, seen along random directions: the core
// of SIGReg and LeJEPA.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/slices/epps_pulley.hpp"
#include "selfsup/kernels/slices/slices.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/stream.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class SlicedNormality {
 public:
  using Sums = typename EppsPulley<T>::Sums;

  /// Returns the sum over the slices u of T(Zu), z (N, D) of any layout. Writes d_z (N, D), unless
  /// null, for d_mean = 1, the sum divided by the number of slices.
  Sums forward(ConstView<T> z, const Slices<T>& slices, Matmul<T>& matmul,
               product::PaddedMatrix<T>* d_z) {
    const double weight = 1 / static_cast<double>(slices.count());
    const Chunks strips{slices.count(), strip_slices(z.rows())};
    if (d_z) d_z->reshape(z.rows(), z.cols());
    Sums sums{0, 0};
    for (std::size_t strip = 0; strip < strips.count(); ++strip) {
      const ConstView<T> u = slices.rows(strips.first(strip), strips.length(strip));
      projections_.reshape(z.rows(), u.rows());
      matmul.write(z, u.transposed(), projections_.view());
      sums = statistic_.forward(projections_, d_z != nullptr, weight, sums);
      if (!d_z) continue;
      if (strip == 0) {
        matmul.write(projections_.view(), u, d_z->view());
      } else {
        matmul.add(projections_.view(), u, d_z->view());
      }
    }
    return sums;
  }

  std::size_t bytes() const { return projections_.bytes() + statistic_.bytes(); }

 private:
  // Whole depths of the product with Uᵀ, so that its sums are those of all slices at once, and two
  // of them: d_z passes through the caches once a strip, which with one depth costs 3 % of the time
  // (one thread, 1024 x 256). Small batches have longer strips, or there is too little for threads.
  // So have many threads: the statistic is taken a batch of columns at a time.
  static std::size_t strip_slices(std::size_t N) {
    constexpr std::size_t depth = product::Blocking<T>::depth, most_for_threads = 4;
    const Chunks for_threads{2 * max_threads() * simd::lanes<T>, depth};
    return depth *
           std::max({std::size_t{2}, 256 / N, std::min(most_for_threads, for_threads.count())});
  }

  // Scratch.
  product::PaddedMatrix<T> projections_;  // Zu, then the derivative by them (N, a strip)
  EppsPulley<T> statistic_;
};

/// A matrix (N, D) times a number; none when null.
template <class T>
struct Part {
  const product::PaddedMatrix<T>* matrix;
  double weight;
};

/// Writes out (N, D) = x + y, at least one of them not null, by way of `scratch` (N, D) where the
/// rows of `out` are not contiguous.
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
