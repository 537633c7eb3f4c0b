// Columns centred about their mean, their sums of squares, and the distance of two views, in one
// pass over memory.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"
#include "selfsup/simd/stream.hpp"

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

/// Writes, for columns `first` to first + width of a view with contiguous rows, the middle one of
/// three entries: of the first row, the last and the one between. One row that is far from all
/// others is never chosen.
template <class T>
void middle_entries(ConstView<T> z, std::size_t first, std::size_t width, T* middle) {
  const T *const a = z.row(0) + first, *const b = z.row(z.rows() / 2) + first,
                 *const c = z.row(z.rows() - 1) + first;
  simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
    const auto a_j = simd::load(a + j, part), b_j = simd::load(b + j, part);
    const auto below = simd::min(simd::max(a_j, b_j), simd::load(c + j, part));
    simd::store(middle + j, simd::max(simd::min(a_j, b_j), below), part);
  });
}

/// Subtracts its middle entries from every row of z (N, D).
template <class T>
void subtract_middle(product::PaddedMatrix<T>& z, Buffer<T>& middle) {
  middle_entries<T>(z.view(), 0, z.cols(), middle.grow(z.cols()));
  parallel_for(z.rows(), z.cols(), [&](std::size_t n) {
    simd::for_batches<T>(0, z.cols(), [&](std::size_t j, auto part) {
      const auto about = simd::load(z.row(n) + j, part) - simd::load(middle.data() + j, part);
      simd::store(z.row(n) + j, about, part);
    });
  });
}

/// The columns of a view from `first` on, centred about one of their entries and then by a shift: a
/// constant column becomes exactly 0 and an offset of 1e4 costs nothing.
template <class T>
struct Columns {
  using Batch = simd::Batch<T>;

  ConstView<T> z;  // contiguous rows
  std::size_t first;
  const T* middle;  // of the columns from `first` on

  template <class Part>
  Batch about_middle(std::size_t n, std::size_t j, Part part) const {
    return simd::load(z.row(n) + first + j, part) - simd::load(middle + j, part);
  }
  template <class Part>
  Batch centred(std::size_t n, std::size_t j, Part part, const T* shift) const {
    return about_middle(n, j, part) - simd::load(shift + j, part);
  }
};
// Rows that are added in T before they are added in double.
inline constexpr std::size_t rows_in_type = 64;

// Adds to sums[j] what `term`(n, j, part, sum) adds to a running sum of column j, j < width <=
// Width, over at most rows_in_type rows from `first_row` on.
template <std::size_t Width, class T, class Term>
void add_short_run(std::size_t first_row, std::size_t rows, std::size_t width, Term&& term,
                   double* sums) {
  alignas(64) T partial[Width];
  std::fill_n(partial, width, T(0));
  for (std::size_t n = first_row; n < first_row + rows; ++n) {
    simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
      simd::store(partial + j, term(n, j, part, simd::load(partial + j, part)), part);
    });
  }
  for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(partial[j]);
}

// The same over any number of rows.
template <std::size_t Width, class T, class Term>
void add_rows(std::size_t first_row, std::size_t rows, std::size_t width, Term&& term,
              double* sums) {
  const Chunks runs{rows, rows_in_type};
  for (std::size_t i = 0; i < runs.count(); ++i)
    add_short_run<Width, T>(first_row + runs.first(i), runs.length(i), width, term, sums);
}

// Writes row n of difference = a − b, columns first … first + width − 1, round the caches when the
// array exceeds them; returns the sum of its squares. end_of_stream() after the last row.
template <class T>
double subtract_row(ConstView<T> a, ConstView<T> b, std::size_t n, std::size_t first,
                    std::size_t width, product::PaddedMatrix<T>& difference) {
  const T *const a_n = a.row(n) + first, *const b_n = b.row(n) + first;
  const bool streamed = simd::exceeds_caches(2 * a.rows() * a.cols() * sizeof(T));
  T* const out = difference.row(n) + first;
  double total = 0;
  const Chunks runs{width, 16 * simd::lanes<T>};
  for (std::size_t i = 0; i < runs.count(); ++i) {
    const std::size_t start = runs.first(i);
    simd::Batch<T> sum(T(0));
    simd::write_batches(out + start, runs.length(i), streamed, [&](std::size_t d, auto part) {
      const auto x = simd::load(a_n + start + d, part) - simd::load(b_n + start + d, part);
      sum = simd::fma(x, x, sum);
      return x;
    });
    total += simd::sum<T>(sum);
  }
  return total;
}

inline double total(const double* sums, std::size_t count) {
  double result = 0;
  for (std::size_t i = 0; i < count; ++i) result += sums[i];
  return result;
}

template <class T>
class Moments {
  using Batch = simd::Batch<T>;

 public:
  /// Writes the columns of z (N, D), contiguous rows, centred. Returns Σ_j squares_j, the check
  /// value.
  double centre(ConstView<T> z, CentredView<T>& centred) {
    const std::size_t N = z.rows(), D = z.cols();
    centred.rows.reshape(N, D);
    // (1) mean about the middle entries
    const T* const shift = means(z);
    // (2) centred rows and their squares
    const Columns<T> columns{z, 0, middle_.data()};
    sum_columns(N, D, centred.squares.grow(D),
                [&](std::size_t n, std::size_t j, auto part, Batch sum) {
                  const Batch zc = columns.centred(n, j, part, shift);
                  simd::store(centred.rows.row(n) + j, zc, part);
                  return simd::fma(zc, zc, sum);
                });
    return total(centred.squares.data(), D);
  }

  /// Returns the mean of each column of z (N, D), contiguous rows, about middle().
  const T* means(ConstView<T> z) {
    middle_entries(z, 0, z.cols(), middle_.grow(z.cols()));
    const Columns<T> columns{z, 0, middle_.data()};
    sum_columns(z.rows(), z.cols(), shift_.grow(z.cols()),
                [&](std::size_t n, std::size_t j, auto part, Batch sum) {
                  return sum + columns.about_middle(n, j, part);
                });
    T* const shift = shift_in_t_.grow(z.cols());
    for (std::size_t j = 0; j < z.cols(); ++j)
      shift[j] = static_cast<T>(shift_[j] / static_cast<double>(z.rows()));
    return shift;
  }

  /// What the last means are relative to.
  const T* middle() const { return middle_.data(); }

  /// Writes difference = a − b, (N, D) with contiguous rows each, and returns the sum of its
  /// squares.
  double difference(ConstView<T> a, ConstView<T> b, product::PaddedMatrix<T>& difference) {
    difference.reshape(a.rows(), a.cols());
    const Chunks chunks = row_chunks(a.rows(), a.cols());
    double* sums = sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i)
        sum += subtract_row(a, b, chunks.first(chunk) + i, 0, a.cols(), difference);
      simd::end_of_stream();
      sums[chunk] = sum;
    });
    return total(sums, chunks.count());
  }

  std::size_t bytes() const {
    return sums_.bytes() + middle_.bytes() + shift_.bytes() + shift_in_t_.bytes();
  }

 private:
  static constexpr std::size_t strip = 1024;  // columns whose running sums stay in cache

  // Writes sums[j] = the sum over the rows of what `term` adds to a running sum of column j.
  template <class Term>
  void sum_columns(std::size_t N, std::size_t D, double* sums, Term&& term) {
    const Chunks runs{N, rows_in_type}, strips{D, strip};
    double* const of_runs = sums_.grow(runs.count() * D);
    std::fill_n(of_runs, runs.count() * D, 0.0);
    parallel_for(runs.count() * strips.count(), rows_in_type * std::min(strip, D),
                 [&](std::size_t item) {
                   const std::size_t i = item / strips.count(), s = item % strips.count();
                   const std::size_t first = strips.first(s);
                   add_short_run<strip, T>(
                       runs.first(i), runs.length(i), strips.length(s),
                       [&](std::size_t n, std::size_t j, auto part, Batch sum) {
                         return term(n, first + j, part, sum);
                       },
                       of_runs + i * D + first);
                 });
    std::copy_n(of_runs, D, sums);
    for (std::size_t i = 1; i < runs.count(); ++i) {
      for (std::size_t j = 0; j < D; ++j) sums[j] += of_runs[i * D + j];
    }
  }

  // Scratch.
  Buffer<double> sums_;
  Buffer<T> middle_;
  Buffer<double> shift_;
  Buffer<T> shift_in_t_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
