// Two views whose columns have mean 0 and variance 1, and the diagonal of their correlation.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/moments.hpp"
#include "selfsup/kernels/strip_moments.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// One view, standardised. Kept for backward.
template <class T>
struct StandardView {
  product::PaddedMatrix<T> rows;  // ẑ (N, D)
  Buffer<double> squares;         // (D): Σ_n zc_nj²
  Buffer<double> inverse;         // (D): 1/σ_j,  σ_j = sqrt(squares_j/N + ε)

  std::size_t bytes() const { return rows.bytes() + squares.bytes() + inverse.bytes(); }
};

/// Strips of columns, one after the other in a chunk: some for every thread where D is small.
template <class T>
Chunks standard_strips(std::size_t D) {
  constexpr std::size_t narrow = 128 / sizeof(T);
  return {D, std::clamp(D / 4 / narrow * narrow, narrow, strip_length<T>)};
}

template <class T>
class StandardPair {
  using Batch = simd::Batch<T>;

 public:
  /// Standardises the columns of z_a, z_b (N, D), contiguous rows each: ẑ = (z − mean)/σ. Calls
  /// then(chunk, first_of_chunk, first_column, width) for each strip while it is in cache, several
  /// chunks at a time. Returns the sum of all squares, the check value.
  template <class Then>
  double forward(ConstView<T> z_a, ConstView<T> z_b, double epsilon, Then&& then) {
    const std::size_t N = z_a.rows(), D = z_a.cols();
    const Chunks strips = standard_strips<T>(D);
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    for (StandardView<T>* view : {&a_, &b_}) {
      view->rows.reshape(N, D);
      view->squares.grow(D);
      view->inverse.grow(D);
    }
    dots_.grow(D);
    gaps_.grow(D);
    parallel_for(chunks.count(), chunks.size * strips.size * N, [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        const std::size_t first = strips.first(strip), width = strips.length(strip);
        centre(z_a, first, width, epsilon, a_);
        centre(z_b, first, width, epsilon, b_);
        scale(first, width, epsilon);
        then(chunk, i == 0, first, width);
      }
    });
    return total(a_.squares.data(), D) + total(b_.squares.data(), D);
  }

  const StandardView<T>& a() const { return a_; }
  const StandardView<T>& b() const { return b_; }

  /// (D): s_j = Σ_n â_nj·b̂_nj.
  const double* dots() const { return dots_.data(); }

  /// (D): 1 − c_j,  c_j = s_j/N. From the distance of the columns, which keeps its digits where the
  /// views agree: 1 − c = ½(ε/σ_a² + ε/σ_b² + 1/N Σ_n (â − b̂)²).
  const double* gaps() const { return gaps_.data(); }

  /// Returns Σ_j (1 − c_j)².
  double squared_gaps() const {
    double sum = 0;
    for (std::size_t j = 0; j < a_.rows.cols(); ++j) sum += gaps_.data()[j] * gaps_.data()[j];
    return sum;
  }

  /// Throws a NonFiniteError when a column has no variance, which ε = 0 would divide by.
  void require_variance(const char* where) const {
    require_variance(where, "z_a", a_);
    require_variance(where, "z_b", b_);
  }

  std::size_t bytes() const { return a_.bytes() + b_.bytes() + dots_.bytes() + gaps_.bytes(); }

 private:
  static constexpr std::size_t widest = strip_length<T>;

  // Writes the centred columns, their squares and 1/σ.
  static void centre(ConstView<T> z, std::size_t first, std::size_t width, double epsilon,
                     StandardView<T>& view) {
    const auto N = static_cast<double>(z.rows());
    alignas(64) T middle[widest];
    middle_entries(z, first, width, middle);
    const Columns<T> columns{z, first, middle};
    double sums[widest] = {};
    add_rows<widest, T>(
        0, z.rows(), width,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          return sum + columns.about_middle(n, j, part);
        },
        sums);
    alignas(64) T shift[widest];
    for (std::size_t j = 0; j < width; ++j) shift[j] = static_cast<T>(sums[j] / N);
    double* const squares = view.squares.data() + first;
    std::fill_n(squares, width, 0.0);
    add_rows<widest, T>(
        0, z.rows(), width,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          const Batch zc = columns.centred(n, j, part, shift);
          simd::store(view.rows.row(n) + first + j, zc, part);
          return simd::fma(zc, zc, sum);
        },
        squares);
    double* const inverse = view.inverse.data() + first;
    for (std::size_t j = 0; j < width; ++j) inverse[j] = 1 / std::sqrt(squares[j] / N + epsilon);
  }

  // Scales both views' centred columns and writes what their correlation's diagonal is.
  void scale(std::size_t first, std::size_t width, double epsilon) {
    const std::size_t N = a_.rows.rows();
    alignas(64) T by_a[widest], by_b[widest];
    for (std::size_t j = 0; j < width; ++j) {
      by_a[j] = static_cast<T>(a_.inverse.data()[first + j]);
      by_b[j] = static_cast<T>(b_.inverse.data()[first + j]);
    }
    double distances[widest] = {};
    double* const dots = dots_.data() + first;
    std::fill_n(dots, width, 0.0);
    add_rows<widest, T>(
        0, N, width,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          T *const at_a = a_.rows.row(n) + first + j, *const at_b = b_.rows.row(n) + first + j;
          const Batch a = simd::load(at_a, part) * simd::load(by_a + j, part);
          const Batch b = simd::load(at_b, part) * simd::load(by_b + j, part);
          simd::store(at_a, a, part);
          simd::store(at_b, b, part);
          return simd::fma(a, b, sum);
        },
        dots);
    add_rows<widest, T>(
        0, N, width,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          const Batch x = simd::load(a_.rows.row(n) + first + j, part) -
                          simd::load(b_.rows.row(n) + first + j, part);
          return simd::fma(x, x, sum);
        },
        distances);
    for (std::size_t j = 0; j < width; ++j) {
      const double inverse_a = a_.inverse.data()[first + j];
      const double inverse_b = b_.inverse.data()[first + j];
      gaps_.data()[first + j] = (epsilon * inverse_a * inverse_a + epsilon * inverse_b * inverse_b +
                                 distances[j] / static_cast<double>(N)) /
                                2;
    }
  }

  static void require_variance(const char* where, const char* name, const StandardView<T>& view) {
    for (std::size_t j = 0; j < view.rows.cols(); ++j) {
      if (view.squares.data()[j] > 0) continue;
      throw NonFiniteError(std::string(where) + ": column " + std::to_string(j) + " of " + name +
                           " has no variance in " + (sizeof(T) == 4 ? "float" : "double") +
                           ", which epsilon 0 would divide by");
    }
  }

  // Kept for backward.
  StandardView<T> a_;
  StandardView<T> b_;
  Buffer<double> dots_;
  Buffer<double> gaps_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
