// The gradient of a view from that of its standardised columns, put together from its parts in one
// pass.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/standardize.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/stream.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// A product P (N, D) in the gradient of a view, whole or to be made strip by strip.
template <class T>
struct GradientProduct {
  enum class Form {
    none,        // no P
    whole,       // `matrix` is P
    of_samples,  // P = matrix·own, matrix (N, N)
    of_features  // P = other·matrix, matrix (D, D)
  };
  Form form = Form::none;
  const product::PaddedMatrix<T>* matrix = nullptr;
  const double* along = nullptr;  // of_features: Σ_n P_nj·own_nj (D)
};

/// With factors f,
///   dẑ = weight_of_product·P + other·diag(f),
///   dz_j = (dẑ_j − ẑ_j·mean(dẑ_j∘ẑ_j))/σ_j.
/// The backward of centring has nothing left to subtract: columns of P and of `other` sum to 0.
template <class T>
class StandardGradient {
  using Batch = simd::Batch<T>;
  using Form = typename GradientProduct<T>::Form;

 public:
  struct Output {
    const StandardView<T>& own;
    const StandardView<T>& other;
    const double* dots;  // (D): Σ_n own_nj·other_nj
    GradientProduct<T> product;
    double product_weight;
    MutView<T> d_z;  // nothing is written to an empty one
  };

  /// Takes what write will need, so that it cannot run out of memory.
  void reserve(std::size_t N, std::size_t D, const GradientProduct<T>& product) {
    factors_.grow(D);
    for (Buffer<T>* factors : {&of_product_, &of_other_, &of_own_}) factors->grow(2 * D);
    product_.grow(team_size(output_strips(N, D, product.form).count()) *
                  strip_entries(N, D, product.form));
  }

  /// Sets f_j = gap_weight·(1 − c_j) + dot_weight·s_j.
  void set_factors(const StandardPair<T>& pair, double gap_weight, double dot_weight) {
    for (std::size_t j = 0; j < pair.a().rows.cols(); ++j)
      factors_[j] = gap_weight * pair.gaps()[j] + dot_weight * pair.dots()[j];
  }

  /// Writes weight·dz (N, D) of both views, whose products have the same form: strip by strip of
  /// both, as each reads the other's columns, too.
  void write(const Output& a, const Output& b, double weight) {
    const std::size_t N = a.own.rows.rows(), D = a.own.rows.cols();
    const Form form = a.product.form;
    const bool by_rows = form == Form::of_features;
    const Written both[] = {{a, of_product_.data(), of_other_.data(), of_own_.data()},
                            {b, of_product_.data() + D, of_other_.data() + D, of_own_.data() + D}};
    for (const Written& view : both)
      if (by_rows) share_out(view, 0, D, view.out.product.along);
    const Chunks strips = output_strips(N, D, form);
    const std::size_t entries = strip_entries(N, D, form);
    const Chunks items = row_chunks(strips.count(), strips.size * (by_rows ? D : N));
    parallel_for(items.count(), [&](std::size_t item, std::size_t share) {
      T* const room = product_.data() + share * entries;
      for (std::size_t i = 0; i < items.length(item); ++i) {
        const std::size_t strip = items.first(item) + i;
        const std::size_t first = strips.first(strip), length = strips.length(strip);
        for (const Written& view : both) {
          if (view.out.d_z.empty()) continue;
          if (by_rows) {
            write_rows(view, first, length, weight, room);
          } else {
            write_columns(view, first, length, weight, room);
          }
        }
      }
      simd::end_of_stream();
    });
  }

  std::size_t bytes() const {
    return factors_.bytes() + of_product_.bytes() + of_other_.bytes() + of_own_.bytes() +
           product_.bytes();
  }

 private:
  static constexpr std::size_t widest = product::Blocking<T>::tile;
  static_assert(strip_length<T> <= widest, "a strip of columns is no wider than a tile");

  // Part of P: entry (r, c) is data[r·stride + c]; null where there is none.
  struct Part {
    const T* data;
    std::size_t stride;
  };
  // A view, and what each part of its gradient is multiplied by, a column.
  struct Written {
    const Output& out;
    T* of_product;
    T* of_other;
    T* of_own;
  };
  // Part of the batch.
  struct Block {
    std::size_t row0, rows, col0, cols;
  };

  // Strips of the result, shorter ones where else some thread would have none. No entry depends on
  // the strip that it is computed in.
  static Chunks output_strips(std::size_t N, std::size_t D, Form form) {
    Chunks strips = form == Form::of_features ? strips_of<T>(N) : standard_strips<T>(D);
    while (strips.count() < max_threads() && strips.size > strip_length<T> / 4) strips.size /= 2;
    return strips;
  }
  static std::size_t product_stride(std::size_t D, Form form) {
    return product::PaddedMatrix<T>::stride_for(
        form == Form::of_features ? D : std::min(D, standard_strips<T>(D).size));
  }
  // A strip of P.
  static std::size_t strip_entries(std::size_t N, std::size_t D, Form form) {
    if (form == Form::none || form == Form::whole) return 0;
    return (form == Form::of_features ? std::min(strip_length<T>, N) : N) * product_stride(D, form);
  }

  // Some rows, once share_out() has been called for all columns.
  static void write_rows(const Written& view, std::size_t first, std::size_t rows, double weight,
                         T* room) {
    const product::PaddedMatrix<T>&other = view.out.other.rows, &right = *view.out.product.matrix;
    const std::size_t D = other.cols(), stride = product_stride(D, Form::of_features);
    product::block_product(rows, D, D, product::LeftByRows<T>{other.row(first), other.stride()},
                           product::Right<T>{right.row(0), right.stride()},
                           product::Entries<T>{room, stride, product::Output::write});
    write_block(view, {room, stride}, {first, rows, 0, D}, weight);
  }

  // Some whole columns.
  void write_columns(const Written& view, std::size_t first, std::size_t width, double weight,
                     T* room) const {
    const product::PaddedMatrix<T>& own = view.out.own.rows;
    const GradientProduct<T>& product = view.out.product;
    const std::size_t N = own.rows();
    Part p{nullptr, 0};
    if (product.form == Form::whole) {
      p = {product.matrix->row(0) + first, product.matrix->stride()};
    } else if (product.form == Form::of_samples) {
      const product::PaddedMatrix<T>& gram = *product.matrix;
      p = {room, product_stride(own.cols(), Form::of_samples)};
      product::block_product(N, width, N, product::LeftByRows<T>{gram.row(0), gram.stride()},
                             product::Right<T>{own.row(0) + first, own.stride()},
                             product::Entries<T>{room, p.stride, product::Output::write});
    }
    double along[widest] = {};
    if (p.data) {
      add_rows<widest, T>(
          0, N, width,
          [&](std::size_t n, std::size_t j, auto part, Batch sum) {
            return simd::fma(simd::load(p.data + n * p.stride + j, part),
                             simd::load(own.row(n) + first + j, part), sum);
          },
          along);
    }
    share_out(view, first, width, along);
    write_block(view, p, {0, N, first, width}, weight);
  }

  // Sets what each part of the gradient is multiplied by in some columns; along_j = Σ_n P_nj·ẑ_nj.
  void share_out(const Written& view, std::size_t first, std::size_t width,
                 const double* along) const {
    const Output& out = view.out;
    const auto N = static_cast<double>(out.own.rows.rows());
    for (std::size_t j = first; j < first + width; ++j) {
      const double inverse = out.own.inverse[j], factor = factors_[j];
      const double mean = simd::fma(out.product_weight, along[j - first], factor * out.dots[j]) / N;
      view.of_product[j] = static_cast<T>(inverse * out.product_weight);
      view.of_other[j] = static_cast<T>(inverse * factor);
      view.of_own[j] = static_cast<T>(-inverse * mean);
    }
  }

  static void write_block(const Written& view, const Part& p, const Block& block, double weight) {
    const MutView<T> d_z = view.out.d_z;
    const Batch weights(static_cast<T>(weight));
    const bool in_place = d_z.contiguous_rows();
    const bool streamed = in_place && simd::exceeds_caches(d_z.rows() * d_z.cols() * sizeof(T));
    const T *const of_product = view.of_product + block.col0,
                   *const of_other = view.of_other + block.col0,
                   *const of_own = view.of_own + block.col0;
    alignas(64) T entries[widest];
    for (std::size_t r = 0; r < block.rows; ++r) {
      const std::size_t n = block.row0 + r;
      const T* const own = view.out.own.rows.row(n) + block.col0;
      const T* const other = view.out.other.rows.row(n) + block.col0;
      const T* const product = p.data ? p.data + r * p.stride : nullptr;
      T* const out = in_place ? d_z.row(n) + block.col0 : entries;
      simd::write_batches(out, block.cols, streamed, [&](std::size_t j, auto part) {
        Batch sum = simd::load(own + j, part) * simd::load(of_own + j, part);
        sum = simd::fma(simd::load(other + j, part), simd::load(of_other + j, part), sum);
        if (product)
          sum = simd::fma(simd::load(product + j, part), simd::load(of_product + j, part), sum);
        return sum * weights;
      });
      if (in_place) continue;
      for (std::size_t j = 0; j < block.cols; ++j) d_z(n, block.col0 + j) = entries[j];
    }
  }

  // Scratch.
  Buffer<double> factors_;
  Buffer<T> of_product_;
  Buffer<T> of_other_;
  Buffer<T> of_own_;
  Buffer<T> product_;  // a strip a share
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
