// The sum of squared off-diagonal cross-correlations of two standardised views Â, B̂ (N, D), by one
// of two ways.
//
// Feature space, S = Âᵀ B̂ (D, D):
//   Σ_{i≠j} S_ij²,  ½ d/dÂ = B̂ offdiag(S)ᵀ,  ½ d/dB̂ = Â offdiag(S).
// Sample space, K_A = Â Âᵀ and K_B = B̂ B̂ᵀ (N, N), with s_j = S_jj:
//   ⟨K_A, K_B⟩ − Σ_j s_j²,  ½ d/dÂ = K_B Â − B̂ diag(s),  ½ d/dB̂ = K_A B̂ − Â diag(s).
//
// Both are exact. Sample space subtracts, so its rounding error grows by a = ⟨K_A, K_B⟩ / (⟨K_A,
// K_B⟩ − Σ_j s_j²). It needs no tile twice: ⟨K_A, K_B⟩ = ⟨Â, K_B Â⟩, so forward makes each tile of
// K_B and multiplies it by Â at once, backward each tile of K_A and multiplies it by B̂.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/columns/covariance.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/squares_visitor.hpp"
#include "selfsup/kernels/columns/standard_gradient.hpp"
#include "selfsup/kernels/columns/standardize.hpp"
#include "selfsup/kernels/columns/strip_grams.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/product/small_product.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {
template <class T>
class CrossCorrelation {
  using Form = typename GradientProduct<T>::Form;

 public:
  /// Chooses the route for batches (N, D). Where takes_strips(), add_strip() of every strip of both
  /// standardised views comes before forward().
  void plan(std::size_t N, std::size_t D, CovarianceRoute route) {
    automatic_ = route == CovarianceRoute::automatic;
    in_samples_ = route == CovarianceRoute::sample || (automatic_ && N < D);
    fits_ = product::SmallGram<T>::fits(in_samples_ ? N : D);
    takes_strips_ = false;
    if (!in_samples_ || !fits_) return;
    const Chunks strips = standard_strips<T>(D);
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    gram_a_.begin(N, chunks.count());
    gram_b_.begin(N, chunks.count());
    takes_strips_ = !step_by_step(chunks);
    if (takes_strips_) transposed_.reshape(chunks.count() * strips.size, N);
    strip_size_ = strips.size;
  }
  bool takes_strips() const { return takes_strips_; }

  /// Adds some columns of both views to K_A and K_B. Chunks may come side by side.
  void add_strip(const StandardPair<T>& pair, std::size_t chunk, bool first_of_chunk,
                 std::size_t first, std::size_t width) {
    add_strip(pair.a().rows, gram_a_, chunk, first_of_chunk, first, width);
    add_strip(pair.b().rows, gram_b_, chunk, first_of_chunk, first, width);
  }

  /// Returns Σ_{i≠j} (Âᵀ B̂)_ij².
  double forward(const StandardPair<T>& pair, std::size_t memory_budget) {
    const std::size_t D = pair.a().rows.cols();
    if (may_leave_samples(pair)) reserve_features(pair.a().rows.rows(), D);
    if (in_samples_) {
      const double all = fits_ ? product_of_grams(pair) : product_in_samples(pair);
      double diagonal = 0;
      for (std::size_t j = 0; j < D; ++j) diagonal += pair.dots()[j] * pair.dots()[j];
      const double off_diagonal = all - diagonal;
      if (!automatic_ || off_diagonal * largest_amplification<T> >= all)
        return std::max<double>(off_diagonal, 0);
      in_samples_ = false;
      fits_ = product::SmallGram<T>::fits(D);
      memory_budget = std::min(memory_budget, walk_.kept_bytes());
    }
    if (!fits_) {
      walk_.rectangular_columns(pair.a().rows, pair.b().rows, memory_budget, visitor());
      return total(tile_sums_.data(), walk_.tiles());
    }
    row_sums_.grow(D);
    small_product_in_features(pair);
    return total(row_sums_.data(), D);
  }

  /// Takes what backward will need, so that it cannot run out of memory.
  void reserve_backward(const StandardPair<T>& pair) {
    const std::size_t N = pair.a().rows.rows(), D = pair.a().rows.cols();
    const bool may_leave = may_leave_samples(pair) && !product::SmallGram<T>::fits(D);
    if (!fits_) walk_.reserve_backward();
    if (!fits_ || may_leave) product_b_.reshape(N, D);
    if ((!fits_ && !in_samples_) || may_leave) product_a_.reshape(N, D);
  }

  /// The form of both products of a batch (N, D) whose entries send it to feature space.
  static GradientProduct<T> product_in_features(std::size_t D) {
    return {product::SmallGram<T>::fits(D) ? Form::of_features : Form::whole, nullptr, nullptr};
  }

  /// Makes the products that the gradients of both views, or of one, contain.
  void backward(const StandardPair<T>& pair, bool with_a, bool with_b) {
    if (fits_) return;
    if (in_samples_) {
      if (with_b) walk_.symmetric_times(pair.a().rows, pair.b().rows, product_b_);
    } else if (with_a || with_b) {
      walk_.rectangular_columns_backward(pair.a().rows, pair.b().rows,
                                         with_a ? &product_a_ : nullptr,
                                         with_b ? &product_b_ : nullptr, visitor());
    }
  }

  /// After backward(): P with ½ d/dÂ = P − B̂ diag(s) in sample space, P in feature space.
  GradientProduct<T> product_of_a() const {
    if (!fits_) return {Form::whole, &product_a_, nullptr};
    if (in_samples_) return {Form::of_samples, &gram_b_.matrix(), nullptr};
    return {Form::of_features, &transposed_, row_sums_.data()};
  }
  /// The same of ½ d/dB̂ = P − Â diag(s).
  GradientProduct<T> product_of_b() const {
    if (!fits_) return {Form::whole, &product_b_, nullptr};
    if (in_samples_) return {Form::of_samples, &gram_a_.matrix(), nullptr};
    return {Form::of_features, &small_.matrix(), col_sums_.data()};
  }

  /// Whether backward's caller must subtract the diagonal.
  bool in_samples() const { return in_samples_; }

  std::size_t bytes() const {
    return gram_a_.bytes() + gram_b_.bytes() + small_.bytes() + walk_.bytes() + product_a_.bytes() +
           product_b_.bytes() + transposed_.bytes() + row_sums_.bytes() + col_sums_.bytes() +
           tile_sums_.bytes();
  }

 private:
  struct ViewAndGram {
    const StandardView<T>& view;
    product::SmallGram<T>& gram;

    const product::PaddedMatrix<T>& rows() const { return view.rows; }
  };

  OffDiagonalVisitor<T> visitor() { return OffDiagonalVisitor<T>(tile_sums_); }

  void add_strip(const product::PaddedMatrix<T>& rows, product::SmallGram<T>& gram,
                 std::size_t chunk, bool first_of_chunk, std::size_t first, std::size_t width) {
    T* const x = transposed_.row(chunk * strip_size_);
    simd::transpose(rows.row(0) + first, rows.stride(), rows.rows(), width, x,
                    transposed_.stride());
    gram.add(chunk, x, transposed_.stride(), width, first_of_chunk);
  }

  bool may_leave_samples(const StandardPair<T>& pair) const {
    return automatic_ && pair.a().rows.rows() < pair.a().rows.cols();
  }

  // What feature space takes once sample space was left, as OffDiagonalSquares has it.
  void reserve_features(std::size_t N, std::size_t D) {
    if (!product::SmallGram<T>::fits(D)) {
      tile_sums_.grow(walk_.reserve_rectangular_columns(N, D, D));
      return;
    }
    row_sums_.grow(D);
    small_.begin(D, D, product::SmallGram<T>::chunks(strips_of<T>(N).count()).count());
    transposed_.reshape(D, D);
    col_sums_.grow(D);
  }

  // ⟨K_A, K_B⟩
  double product_of_grams(const StandardPair<T>& pair) {
    if (!takes_strips_) {
      const Chunks strips{pair.a().rows.cols(), strip_size_};
      const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
      const std::initializer_list<ViewAndGram> views = {{pair.a(), gram_a_}, {pair.b(), gram_b_}};
      reserve_strips_of_columns(views, strips, chunks, transposed_);
      add_strips_of_columns(views, strips, chunks, transposed_);
    }
    gram_a_.finish(true);
    gram_b_.finish(true);
    return inner(gram_a_.matrix(), gram_b_.matrix());
  }
  double product_in_samples(const StandardPair<T>& pair) {
    walk_.symmetric_times(pair.b().rows, pair.a().rows, product_a_);
    return inner(product_a_, pair.a().rows);
  }

  double inner(const product::PaddedMatrix<T>& x, const product::PaddedMatrix<T>& y) {
    double* const sums = row_sums_.grow(x.rows());
    parallel_for(x.rows(), x.cols(),
                 [&](std::size_t r) { sums[r] = simd::dot(x.row(r), y.row(r), x.cols()); });
    return total(sums, x.rows());
  }

  // Sᵀ, too, and the sums of squares of the rows of both: those of row j are Σ_n P_nj ẑ_nj.
  void small_product_in_features(const StandardPair<T>& pair) {
    const product::PaddedMatrix<T>&a = pair.a().rows, &b = pair.b().rows;
    const std::size_t D = a.cols();
    const Chunks strips = strips_of<T>(a.rows());
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    small_.begin(D, D, chunks.count());
    const auto left = [&](std::size_t strip) {
      return product::LeftByCols<T>{a.row(strips.first(strip)), a.stride()};
    };
    const auto right = [&](std::size_t strip) {
      return product::Right<T>{b.row(strips.first(strip)), b.stride()};
    };
    // More threads than chunks share out the columns, too; fewer find the next strip in cache.
    const bool by_panels = step_by_step(chunks);
    const std::size_t panels = by_panels ? small_.panels() : 1;
    parallel_for(panels * chunks.count(), chunks.size * strips.size * D, [&](std::size_t item) {
      const std::size_t chunk = item % chunks.count(), panel = item / chunks.count();
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i, length = strips.length(strip);
        if (by_panels) {
          small_.add_panel(chunk, panel, left(strip), right(strip), length, i == 0);
        } else {
          small_.add(chunk, left(strip), right(strip), length, i == 0,
                     strip_of(a, b, strips, strip + 1));
        }
      }
    });
    product::PaddedMatrix<T>& s = small_.finish();
    for (std::size_t j = 0; j < D; ++j) s.row(j)[j] = 0;
    transposed_.reshape(D, D);
    simd::transpose(s.row(0), s.stride(), D, D, transposed_.row(0), transposed_.stride());
    col_sums_.grow(D);
    parallel_for(D, 2 * D, [&](std::size_t j) {
      row_sums_[j] = simd::dot(s.row(j), s.row(j), D);
      col_sums_[j] = simd::dot(transposed_.row(j), transposed_.row(j), D);
    });
  }

  static product::Later strip_of(const product::PaddedMatrix<T>& a,
                                 const product::PaddedMatrix<T>& b, const Chunks& strips,
                                 std::size_t strip) {
    if (strip >= strips.count()) return {};
    const std::size_t first = strips.first(strip), rows = strips.length(strip);
    return {product::region(a.row(first), a.stride(), rows, a.cols()),
            product::region(b.row(first), b.stride(), rows, b.cols())};
  }

  // Kept for backward.
  bool automatic_ = true;
  bool in_samples_ = false;
  bool fits_ = false;  // the product of the route fits a tile
  bool takes_strips_ = false;
  product::SmallGram<T> gram_a_;         // K_A
  product::SmallGram<T> gram_b_;         // K_B
  product::SmallProduct<T> small_;       // S, its diagonal 0
  product::PaddedMatrix<T> transposed_;  // Sᵀ; in sample space scratch, a strip a chunk or share
  Buffer<double> row_sums_;              // of squares, of S
  Buffer<double> col_sums_;
  product::TileWalk<T> walk_;
  product::PaddedMatrix<T> product_a_;  // (N, D)
  // Scratch.
  product::PaddedMatrix<T> product_b_;  // (N, D)
  Buffer<double> tile_sums_;
  std::size_t strip_size_ = 0;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
