// Two views whose columns have mean 0 and variance 1, and the diagonal of their correlation.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/run_sums.hpp"
#include "selfsup/kernels/columns/standard_view.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
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

template <class T>
class StandardPair {
  using Batch = simd::Batch<T>;

 public:
  /// Standardises the columns of z_a, z_b (N, D), contiguous rows each: ẑ = (z − mean)/σ. Returns
  /// the sum of all squares, the check value.
  double forward(ConstView<T> z_a, ConstView<T> z_b, double epsilon) {
    begin(z_a.rows(), z_a.cols());
    standardise_by_runs(input_a(z_a), input_b(z_b), epsilon, run_strips(z_a.rows(), z_a.cols()));
    return squares();
  }

  /// The same in SmallGram's chunks of strips, several at a time. Calls then(chunk, first_of_chunk,
  /// first_column, width) for each strip while it is in cache.
  template <class Then>
  double forward(ConstView<T> z_a, ConstView<T> z_b, double epsilon, Then&& then) {
    begin(z_a.rows(), z_a.cols());
    const Chunks strips = standard_strips<T>(z_a.cols());
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    parallel_for(chunks.count(), chunks.size * strips.size * z_a.rows(), [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        standardise(input_a(z_a), input_b(z_b), epsilon, strips, strip);
        then(chunk, i == 0, strips.first(strip), strips.length(strip));
      }
    });
    return squares();
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
    for (std::size_t j = 0; j < a_.rows.cols(); ++j) sum += gaps_[j] * gaps_[j];
    return sum;
  }

  /// Throws a NonFiniteError when a column has no variance, which ε = 0 would divide by.
  void require_variance(const char* where) const {
    require_variance(where, "z_a", a_);
    require_variance(where, "z_b", b_);
  }

  std::size_t bytes() const {
    return a_.bytes() + b_.bytes() + dots_.bytes() + gaps_.bytes() + middles_.bytes() +
           shifts_.bytes() + run_sums_.bytes();
  }

 private:
  static constexpr std::size_t widest = 1024;
  static constexpr std::size_t rows_ahead = 8;
  using Block = typename RunSums<widest>::Block;

  // A view and what its columns are centred by.
  struct Input {
    ConstView<T> z;
    StandardView<T>& view;
    T* middles;
    T* shifts;
  };
  // Long parts of rows, which memory gives fastest; shorter ones where else some thread would have
  // no run of rows to itself. No sum depends on them.
  static Chunks run_strips(std::size_t N, std::size_t D) {
    Chunks strips{D, std::min(D, widest)};
    while (Chunks{N, rows_in_type}.count() * strips.count() < 2 * max_threads() &&
           strips.size > strip_length<T> / 2)
      strips.size /= 2;
    return strips;
  }

  void begin(std::size_t N, std::size_t D) {
    for (StandardView<T>* view : {&a_, &b_}) {
      view->rows.reshape(N, D);
      view->squares.grow(D);
      view->inverse.grow(D);
    }
    dots_.grow(D);
    gaps_.grow(D);
    middles_.grow(2 * D);
    shifts_.grow(2 * D);
  }
  Input input_a(ConstView<T> z) { return {z, a_, middles_.data(), shifts_.data()}; }
  Input input_b(ConstView<T> z) {
    return {z, b_, middles_.data() + z.cols(), shifts_.data() + z.cols()};
  }
  double squares() const {
    const std::size_t D = a_.rows.cols();
    return total(a_.squares.data(), D) + total(b_.squares.data(), D);
  }

  // All rows of a strip: z less its middle entries first, into rows whose stride spreads them over
  // the sets of a cache.
  void standardise(Input a, Input b, double epsilon, const Chunks& strips, std::size_t strip) {
    const Block block{0, a.z.rows(), strips.first(strip), strips.length(strip)};
    for (Input* input : {&a, &b}) {
      double sums[strip_length<T>] = {}, squares[strip_length<T>] = {};
      T* const middles = input->middles + block.col;
      middle_entries(input->z, block.col, block.cols, middles);
      add_entries(*input, block, sums, &input->view.rows);
      input->z = input->view.rows.view();
      std::fill_n(middles, block.cols, T(0));
      set_shifts(*input, block.col, block.cols, sums);
      add_squares(*input, block, squares);
      set_inverse(*input, block.col, block.cols, squares, epsilon);
    }
    double dots[strip_length<T>] = {}, distances[strip_length<T>] = {};
    scale(a, b, block, dots, distances);
    set_gaps(block.col, block.cols, dots, distances, epsilon);
  }

  // All strips, step by step.
  void standardise_by_runs(const Input& a, const Input& b, double epsilon, const Chunks& strips) {
    for (const Input* input : {&a, &b}) middle_entries(input->z, 0, strips.total, input->middles);
    run_sums_.step(
        a.z.rows(), strips,
        [&](const Block& block, double* sums_a, double* sums_b) {
          add_entries(a, block, sums_a);
          add_entries(b, block, sums_b);
        },
        [&](std::size_t col, std::size_t cols, const double* sums_a, const double* sums_b) {
          set_shifts(a, col, cols, sums_a);
          set_shifts(b, col, cols, sums_b);
        });
    run_sums_.step(
        a.z.rows(), strips,
        [&](const Block& block, double* squares_a, double* squares_b) {
          add_squares(a, block, squares_a);
          add_squares(b, block, squares_b);
        },
        [&](std::size_t col, std::size_t cols, const double* squares_a, const double* squares_b) {
          set_inverse(a, col, cols, squares_a, epsilon);
          set_inverse(b, col, cols, squares_b, epsilon);
        });
    run_sums_.step(
        a.z.rows(), strips,
        [&](const Block& block, double* dots, double* distances) {
          scale(a, b, block, dots, distances);
        },
        [&](std::size_t col, std::size_t cols, const double* dots, const double* distances) {
          set_gaps(col, cols, dots, distances, epsilon);
        });
  }

  // Adds z less its middle entries to sums[0 … cols − 1]; writes that unless `about` is null.
  static void add_entries(const Input& input, const Block& block, double* sums,
                          product::PaddedMatrix<T>* about = nullptr) {
    const Columns<T> columns{input.z, block.col, input.middles + block.col};
    const std::size_t last = input.z.rows() - 1;
    add_rows<widest, T>(
        block.row, block.rows, block.cols,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          simd::prefetch(input.z.row(std::min(n + rows_ahead, last)) + block.col + j);
          const Batch x = columns.about_middle(n, j, part);
          if (about) simd::store(about->row(n) + block.col + j, x, part);
          return sum + x;
        },
        sums);
  }
  static void set_shifts(const Input& input, std::size_t col, std::size_t cols,
                         const double* sums) {
    const auto N = static_cast<double>(input.z.rows());
    for (std::size_t j = 0; j < cols; ++j) input.shifts[col + j] = static_cast<T>(sums[j] / N);
  }

  // Adds the squares of zc.
  static void add_squares(const Input& input, const Block& block, double* squares) {
    const Columns<T> columns{input.z, block.col, input.middles + block.col};
    const T* const shift = input.shifts + block.col;
    add_rows<widest, T>(
        block.row, block.rows, block.cols,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          const Batch zc = columns.centred(n, j, part, shift);
          return simd::fma(zc, zc, sum);
        },
        squares);
  }
  static void set_inverse(const Input& input, std::size_t col, std::size_t cols,
                          const double* squares, double epsilon) {
    const auto N = static_cast<double>(input.z.rows());
    std::copy_n(squares, cols, input.view.squares.data() + col);
    double* const inverse = input.view.inverse.data() + col;
    for (std::size_t j = 0; j < cols; ++j) inverse[j] = 1 / std::sqrt(squares[j] / N + epsilon);
  }

  // Writes ẑ of both views; adds â·b̂ and (â − b̂)².
  void scale(const Input& a, const Input& b, const Block& block, double* dots, double* distances) {
    const Columns<T> columns_a{a.z, block.col, a.middles + block.col};
    const Columns<T> columns_b{b.z, block.col, b.middles + block.col};
    const T *const shift_a = a.shifts + block.col, *const shift_b = b.shifts + block.col;
    alignas(64) T by_a[widest], by_b[widest];
    for (std::size_t j = 0; j < block.cols; ++j) {
      by_a[j] = static_cast<T>(a_.inverse[block.col + j]);
      by_b[j] = static_cast<T>(b_.inverse[block.col + j]);
    }
    const Chunks runs{block.rows, rows_in_type};
    for (std::size_t run = 0; run < runs.count(); ++run) {
      const std::size_t first = block.row + runs.first(run), rows = runs.length(run);
      add_short_run<widest, T>(
          first, rows, block.cols,
          [&](std::size_t n, std::size_t j, auto part, Batch sum) {
            const Batch a_n = columns_a.centred(n, j, part, shift_a) * simd::load(by_a + j, part);
            const Batch b_n = columns_b.centred(n, j, part, shift_b) * simd::load(by_b + j, part);
            simd::store(a_.rows.row(n) + block.col + j, a_n, part);
            simd::store(b_.rows.row(n) + block.col + j, b_n, part);
            return simd::fma(a_n, b_n, sum);
          },
          dots);
      add_short_run<widest, T>(
          first, rows, block.cols,
          [&](std::size_t n, std::size_t j, auto part, Batch sum) {
            const Batch x = simd::load(a_.rows.row(n) + block.col + j, part) -
                            simd::load(b_.rows.row(n) + block.col + j, part);
            return simd::fma(x, x, sum);
          },
          distances);
    }
  }
  void set_gaps(std::size_t col, std::size_t cols, const double* dots, const double* distances,
                double epsilon) {
    const auto N = static_cast<double>(a_.rows.rows());
    std::copy_n(dots, cols, dots_.data() + col);
    for (std::size_t j = 0; j < cols; ++j) {
      const double inverse_a = a_.inverse[col + j], inverse_b = b_.inverse[col + j];
      gaps_[col + j] = (simd::fma(epsilon * inverse_a, inverse_a, epsilon * inverse_b * inverse_b) +
                        distances[j] / N) /
                       2;
    }
  }

  static void require_variance(const char* where, const char* name, const StandardView<T>& view) {
    for (std::size_t j = 0; j < view.rows.cols(); ++j) {
      if (view.squares[j] > 0) continue;
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
  // Scratch.
  Buffer<T> middles_;  // (2, D)
  Buffer<T> shifts_;
  RunSums<widest> run_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
