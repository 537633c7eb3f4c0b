// Two views whose columns have mean 0 and variance 1, the diagonal of their correlation, and the
// way back.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/moments.hpp"
#include "selfsup/kernels/strip_moments.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/stream.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
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
    const Columns<T> columns{z, first};
    double sums[widest] = {};
    add_rows<widest, T>(
        0, z.rows(), width,
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          return sum + columns.about_first_row(n, j, part);
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

/// The gradient of a view from that of its standardised columns,
///   dẑ = product_weight·P + other·diag(factor),
///   dz_j = (dẑ_j − ẑ_j·mean(dẑ_j∘ẑ_j))/σ_j.
/// The backward of centring has nothing left to subtract: columns of P and of `other` sum to 0.
template <class T>
class StandardGradient {
  using Batch = simd::Batch<T>;

 public:
  struct Parts {
    const StandardView<T>& own;
    const StandardView<T>& other;
    const double* dots;                       // (D): Σ_n own_nj·other_nj
    const product::PaddedMatrix<T>* product;  // P (N, D), or null
    const product::PaddedMatrix<T>* gram;     // K (N, N) with P = K·own, or null
    double product_weight;
  };

  /// Takes what write will need, so that it cannot run out of memory.
  void reserve(std::size_t N, std::size_t D, bool with_gram) {
    factors_.grow(D);
    if (with_gram) product_.grow(product_entries(N, D));
  }

  /// Sets factor_j = gap_weight·(1 − c_j) + dot_weight·s_j.
  void set_factors(const StandardPair<T>& pair, double gap_weight, double dot_weight) {
    for (std::size_t j = 0; j < pair.a().rows.cols(); ++j)
      factors_.data()[j] = gap_weight * pair.gaps()[j] + dot_weight * pair.dots()[j];
  }

  /// Writes weight·d_z (N, D). Without P its part is left out.
  void write(const Parts& parts, double weight, MutView<T> d_z) {
    const std::size_t N = d_z.rows(), D = d_z.cols();
    const Chunks strips = standard_strips<T>(D);
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    const std::size_t entries = product_entries(N, D) / chunks.count();
    parallel_for(chunks.count(), chunks.size * strips.size * N, [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        const std::size_t first = strips.first(strip), width = strips.length(strip);
        Strip p{nullptr, 0};
        if (parts.gram) {
          p = multiply(parts, first, width, product_.data() + chunk * entries);
        } else if (parts.product) {
          p = {parts.product->row(0) + first, parts.product->stride()};
        }
        write_strip(parts, p, first, width, weight, d_z);
      }
      simd::end_of_stream();
    });
  }

  std::size_t bytes() const { return product_.bytes() + factors_.bytes(); }

 private:
  static constexpr std::size_t widest = strip_length<T>;

  // Some columns of P.
  struct Strip {
    const T* data;
    std::size_t stride;
  };

  static std::size_t product_stride(std::size_t D) {
    return product::PaddedMatrix<T>::stride_for(standard_strips<T>(D).size);
  }
  static std::size_t product_entries(std::size_t N, std::size_t D) {
    const Chunks strips = standard_strips<T>(D);
    return product::SmallGram<T>::chunks(strips.count()).count() * N * product_stride(D);
  }

  static Strip multiply(const Parts& parts, std::size_t first, std::size_t width, T* product) {
    const product::PaddedMatrix<T>& own = parts.own.rows;
    const std::size_t N = own.rows(), stride = product_stride(own.cols());
    product::block_product(N, width, N,
                           product::LeftByRows<T>{parts.gram->row(0), parts.gram->stride()},
                           product::Right<T>{own.row(0) + first, own.stride()}, product, stride,
                           product::Output::write);
    return {product, stride};
  }

  void write_strip(const Parts& parts, const Strip& p, std::size_t first, std::size_t width,
                   double weight, MutView<T> d_z) const {
    const std::size_t N = d_z.rows();
    double along[widest] = {};  // Σ_n P_nj·ẑ_nj
    if (p.data) {
      add_rows<widest, T>(
          0, N, width,
          [&](std::size_t n, std::size_t j, auto part, Batch sum) {
            return simd::fma(simd::load(p.data + n * p.stride + j, part),
                             simd::load(parts.own.rows.row(n) + first + j, part), sum);
          },
          along);
    }
    // Each part of the gradient has a factor a column.
    alignas(64) T of_product[widest], of_other[widest], of_own[widest];
    for (std::size_t j = 0; j < width; ++j) {
      const double inverse = parts.own.inverse.data()[first + j];
      const double factor = factors_.data()[first + j];
      const double mean = (parts.product_weight * along[j] + factor * parts.dots[first + j]) /
                          static_cast<double>(N);
      of_product[j] = static_cast<T>(inverse * parts.product_weight);
      of_other[j] = static_cast<T>(inverse * factor);
      of_own[j] = static_cast<T>(-inverse * mean);
    }
    const Batch weights(static_cast<T>(weight));
    const bool in_place = d_z.contiguous_rows();
    const bool streamed = in_place && simd::exceeds_caches(N * d_z.cols() * sizeof(T));
    alignas(64) T entries[widest];
    for (std::size_t n = 0; n < N; ++n) {
      const T* const own = parts.own.rows.row(n) + first;
      const T* const other = parts.other.rows.row(n) + first;
      const T* const product = p.data ? p.data + n * p.stride : nullptr;
      T* const out = in_place ? d_z.row(n) + first : entries;
      simd::write_batches(out, width, streamed, [&](std::size_t j, auto part) {
        Batch sum = simd::load(own + j, part) * simd::load(of_own + j, part);
        sum = simd::fma(simd::load(other + j, part), simd::load(of_other + j, part), sum);
        if (product)
          sum = simd::fma(simd::load(product + j, part), simd::load(of_product + j, part), sum);
        return sum * weights;
      });
      if (in_place) continue;
      for (std::size_t j = 0; j < width; ++j) d_z(n, first + j) = entries[j];
    }
  }

  // Scratch.
  Buffer<double> factors_;
  Buffer<T> product_;  // a strip a chunk
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
