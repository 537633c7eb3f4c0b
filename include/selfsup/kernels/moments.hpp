// Columns centred about their mean, their sums of squares, and the distance of two views, in one
// pass over memory.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// One view, centred. Kept for backward.
template <class T>
struct CentredView {
  product::PaddedMatrix<T> rows;  // zc (N, D)
  Buffer<double> squares;         // (D): Σ_n zc_nj²

  std::size_t bytes() const { return rows.bytes() + squares.bytes(); }
};

template <class T>
class Moments {
  using Batch = simd::Batch<T>;

 public:
  /// Writes the columns of z (N, D), contiguous rows, centred about the first row and then the mean
  /// of what is left: a constant column becomes exactly 0 and an offset of 1e4 costs nothing.
  /// Returns Σ_j squares_j, the check value.
  double centre(ConstView<T> z, CentredView<T>& centred) {
    const std::size_t N = z.rows(), D = z.cols();
    centred.rows.reshape(N, D);
    // (1) mean about the first row
    sum_columns(N, D, shift_.grow(D), [&](std::size_t n, std::size_t j, auto part, auto sum) {
      return sum + (simd::load(z.row(n) + j, part) - simd::load(z.row(0) + j, part));
    });
    T* const shift = shift_in_t_.grow(D);
    for (std::size_t j = 0; j < D; ++j)
      shift[j] = static_cast<T>(shift_.data()[j] / static_cast<double>(N));
    // (2) centred rows and their squares
    sum_columns(N, D, centred.squares.grow(D),
                [&](std::size_t n, std::size_t j, auto part, auto sum) {
                  const Batch about_origin =
                      simd::load(z.row(n) + j, part) - simd::load(z.row(0) + j, part);
                  const Batch zc = about_origin - simd::load(shift + j, part);
                  simd::store(centred.rows.row(n) + j, zc, part);
                  return simd::fma(zc, zc, sum);
                });
    return total(centred.squares.data(), D);
  }

  /// Writes difference = a − b, (N, D) with contiguous rows each, and returns the sum of its
  /// squares.
  double difference(ConstView<T> a, ConstView<T> b, product::PaddedMatrix<T>& difference) {
    difference.reshape(a.rows(), a.cols());
    const Chunks chunks = row_chunks(a.rows(), a.cols());
    double* sums = sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i;
        const T *a_n = a.row(n), *b_n = b.row(n);
        T* out = difference.row(n);
        sum += simd::sums<T, 1>(a.cols(), [&](std::size_t d, auto part, auto&& add) {
          const auto x = simd::load(a_n + d, part) - simd::load(b_n + d, part);
          simd::store(out + d, x, part);
          add(0, x, x);
        })[0];
      }
      sums[chunk] = sum;
    });
    return total(sums, chunks.count());
  }

  std::size_t bytes() const { return sums_.bytes() + shift_.bytes() + shift_in_t_.bytes(); }

 private:
  static constexpr std::size_t strip = 1024;  // columns whose running sums stay in cache
  static constexpr std::size_t run =
      64;  // rows that are added in T before they are added in double

  static double total(const double* sums, std::size_t count) {
    double result = 0;
    for (std::size_t i = 0; i < count; ++i) result += sums[i];
    return result;
  }

  // Writes sums[j] = the sum over the rows of what `add` adds to a running sum of column j.
  template <class Add>
  void sum_columns(std::size_t N, std::size_t D, double* sums, Add&& add) {
    const Chunks runs{N, run}, strips{D, strip};
    double* const of_runs = sums_.grow(runs.count() * D);
    parallel_for(runs.count() * strips.count(), run * std::min(strip, D), [&](std::size_t item) {
      const std::size_t i = item / strips.count(), s = item % strips.count();
      const std::size_t first = strips.first(s), width = strips.length(s);
      alignas(64) T partial[strip];
      std::fill_n(partial, width, T(0));
      for (std::size_t n = runs.first(i); n < runs.first(i) + runs.length(i); ++n) {
        simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
          simd::store(partial + j, add(n, first + j, part, simd::load(partial + j, part)), part);
        });
      }
      for (std::size_t j = 0; j < width; ++j)
        of_runs[i * D + first + j] = static_cast<double>(partial[j]);
    });
    std::copy_n(of_runs, D, sums);
    for (std::size_t i = 1; i < runs.count(); ++i) {
      for (std::size_t j = 0; j < D; ++j) sums[j] += of_runs[i * D + j];
    }
  }

  // Scratch.
  Buffer<double> sums_;
  Buffer<double> shift_;
  Buffer<T> shift_in_t_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
