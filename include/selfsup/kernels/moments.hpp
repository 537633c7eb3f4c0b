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
    centred.rows.reshape(z.rows(), z.cols());
    centred.squares.grow(z.cols());
    const Chunks strips{z.cols(), strip};
    double* sums = sums_.grow(strips.count());
    parallel_for(strips.count(), strip * z.rows(), [&](std::size_t s) {
      sums[s] = centre_strip(z, strips.first(s), strips.length(s), centred);
    });
    return total(sums, strips.count());
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

  std::size_t bytes() const { return sums_.bytes(); }

 private:
  static constexpr std::size_t strip =
      64;  // columns, N x 64 entries of which pass through a second-level cache
  static constexpr std::size_t run =
      64;  // rows that are added in T before they are added in double

  static double total(const double* sums, std::size_t count) {
    double result = 0;
    for (std::size_t i = 0; i < count; ++i) result += sums[i];
    return result;
  }

  // Returns the sum of the strip's squares.
  static double centre_strip(ConstView<T> z, std::size_t first, std::size_t width,
                             CentredView<T>& centred) {
    const std::size_t N = z.rows();
    const T* origin = z.row(0) + first;
    double* squares = centred.squares.data() + first;
    // (1) mean about the first row
    double sums[strip] = {};
    in_runs(N, width, sums, [&](std::size_t n, std::size_t j, auto part, const Batch& sum) {
      return sum + (simd::load(z.row(n) + first + j, part) - simd::load(origin + j, part));
    });
    alignas(64) T shift[strip];
    for (std::size_t j = 0; j < width; ++j) {
      shift[j] = static_cast<T>(sums[j] / static_cast<double>(N));
    }
    // (2) centred rows and their squares
    std::fill_n(squares, width, 0.0);
    in_runs(N, width, squares, [&](std::size_t n, std::size_t j, auto part, const Batch& sum) {
      const Batch about_origin =
          simd::load(z.row(n) + first + j, part) - simd::load(origin + j, part);
      const Batch zc = about_origin - simd::load(shift + j, part);
      simd::store(centred.rows.row(n) + first + j, zc, part);
      return simd::fma(zc, zc, sum);
    });
    return total(squares, width);
  }

  // Adds to sums[j], for every column j of a strip, what `add` adds to a running sum over the rows.
  template <class Add>
  static void in_runs(std::size_t N, std::size_t width, double* sums, Add&& add) {
    for (std::size_t begin = 0; begin < N; begin += run) {
      alignas(64) T partial[strip] = {};
      for (std::size_t n = begin; n < std::min(N, begin + run); ++n) {
        simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
          simd::store(partial + j, add(n, j, part, simd::load(partial + j, part)), part);
        });
      }
      for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(partial[j]);
    }
  }

  // Scratch.
  Buffer<double> sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
