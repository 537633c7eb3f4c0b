// An argument of a loss with its rows scaled to length one, and its gradient on the way back.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/call.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/norm.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// ẑ of one view z (N, D), or of two with the second below the first.
template <class T>
class UnitRows {
 public:
  /// Takes ẑ_n = z_n / max(|z_n|, ε), or z_n as it is, for the rows of all views, which may change
  /// afterwards. Returns the sum of all norms, the check value: not finite when any entry or 1 /
  /// max(|z_n|, ε) is not.
  double take(std::initializer_list<ConstView<T>> views, const RowScaling& scaling) {
    const std::size_t N = views.begin()->rows(), D = views.begin()->cols();
    normalized_ = scaling.normalize;
    rows_.reshape(views.size() * N, D);
    slope_.grow(rows_.rows());
    std::array<ConstView<T>, most_views> contiguous;
    for (std::size_t v = 0; v < views.size(); ++v) contiguous[v] = copies_[v].of(views.begin()[v]);
    const Chunks chunks = row_chunks(N, D);
    const std::size_t count = views.size() * chunks.count();
    double* sums = chunk_sums_.grow(2 * count);
    double* longest = sums + count;
    parallel_for(count, [&](std::size_t item) {
      const std::size_t view = item / chunks.count(), chunk = item % chunks.count();
      double sum = 0, most = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i, row = view * N + n;
        const double check =
            normalize_row(contiguous[view].row(n), D, scaling, rows_.row(row), slope_[row]);
        sum += check;
        most = std::max(most, check);
      }
      sums[item] = sum;
      longest[item] = most;
    });
    double total = 0;
    longest_ = 0;
    for (std::size_t item = 0; item < count; ++item) {
      total += sums[item];
      longest_ = std::max(longest_, longest[item] / Unit::check_scale);
    }
    return total;
  }

  /// ẑ of the last take; a loss may move it as a whole.
  product::PaddedMatrix<T>& rows() { return rows_; }
  const product::PaddedMatrix<T>& rows() const { return rows_; }
  bool normalized() const { return normalized_; }
  /// Where dL/dẑ is written before backward().
  product::PaddedMatrix<T>& d_rows() { return d_rows_; }
  /// The largest norm of a row that was taken, before any scaling.
  double longest() const { return longest_; }

  /// Writes dz_n = factor · (dẑ_n − ẑ_n (ẑ_n·dẑ_n)) / |z_n| for the rows of all views, and 0 for a
  /// row below ε; an empty d_z writes nothing. Returns Σ_n factor · (ẑ_n·dẑ_n) over all rows, of
  /// views with an empty d_z, too. complete(row) comes before a row of d_rows() is read.
  template <class Complete>
  double backward(double factor, std::initializer_list<MutView<T>> d_views, Complete&& complete) {
    const std::size_t N = rows_.rows() / d_views.size(), D = rows_.cols();
    const Chunks chunks = row_chunks(N, D);
    const std::size_t count = d_views.size() * chunks.count();
    double* sums = chunk_sums_.grow(count);
    parallel_for(count, [&](std::size_t item) {
      const std::size_t view = item / chunks.count(), chunk = item % chunks.count();
      const MutView<T>& d_z = d_views.begin()[view];
      double sum = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i, row = view * N + n;
        const T* u = rows_.row(row);
        T* d_u = d_rows_.row(row);
        complete(row);
        const double along = simd::dot(u, d_u, D);
        sum += along;
        if (d_z.empty()) continue;
        T* out = d_z.contiguous_rows() ? d_z.row(n) : d_u;
        write_gradient(u, d_u, D, normalized_ ? along : 0, factor * slope_[row], out);
        if (out == d_u) write_row(d_z, n, d_u);
      }
      sums[item] = sum;
    });
    double total = 0;
    for (std::size_t item = 0; item < count; ++item) total += sums[item];
    return factor * total;
  }
  double backward(double factor, std::initializer_list<MutView<T>> d_views) {
    return backward(factor, d_views, [](std::size_t) {});
  }

  std::size_t bytes() const {
    return rows_.bytes() + d_rows_.bytes() + slope_.bytes() + chunk_sums_.bytes() +
           copies_[0].bytes() + copies_[1].bytes();
  }

 private:
  static constexpr std::size_t most_views = 2;

  // Returns the row's check; slope becomes the factor of the row's gradient.
  static double normalize_row(const T* z, std::size_t D, const RowScaling& scaling, T* out,
                              double& slope) {
    const ScaledNorm norm = scaled_norm(z, D);
    if (!scaling.normalize) {
      slope = 1;
      std::copy_n(z, D, out);
      return norm.length() * Unit::check_scale;
    }
    const Unit unit(norm.length(), scaling.norm_epsilon);
    slope = unit.slope;
    if (norm.scale == 1) {
      const simd::Batch<T> factor(static_cast<T>(unit.inverse));
      simd::for_batches<T>(0, D, [&](std::size_t d, auto part) {
        simd::store(out + d, simd::load(z + d, part) * factor, part);
      });
    } else {  // 1/|z| may lie outside the type
      for (std::size_t d = 0; d < D; ++d)
        out[d] = static_cast<T>(static_cast<double>(z[d]) * unit.inverse);
    }
    return unit.check();
  }

  static void write_gradient(const T* u, const T* d_u, std::size_t D, double along, double factor,
                             T* d_z) {
    const simd::Batch<T> minus_along(static_cast<T>(-along)), scale(static_cast<T>(factor));
    if (is_finite(static_cast<T>(factor))) {
      simd::for_batches<T>(0, D, [&](std::size_t d, auto part) {
        const auto tangent =
            simd::fma(simd::load(u + d, part), minus_along, simd::load(d_u + d, part));
        simd::store(d_z + d, tangent * scale, part);
      });
      return;
    }
    for (std::size_t d = 0; d < D; ++d) {  // 1/|z| outside the type, the gradient perhaps inside
      d_z[d] = static_cast<T>((static_cast<double>(d_u[d]) - static_cast<double>(u[d]) * along) *
                              factor);
    }
  }

  // Kept for backward.
  product::PaddedMatrix<T> rows_;
  Buffer<double> slope_;
  double longest_ = 0;
  bool normalized_ = true;
  // Scratch.
  product::PaddedMatrix<T> d_rows_;
  Buffer<double> chunk_sums_;
  std::array<ContiguousRows<T>, most_views> copies_;
};

/// Takes the rows of some arguments of a call, from one of them on, each into an object of its own.
/// Throws the NonFiniteError of the call when a norm is not finite or has no inverse.
template <class T>
void take_rows(const Call<T>& call, std::size_t first, const RowScaling& scaling,
               std::initializer_list<UnitRows<T>*> of_arguments) {
  double norms = 0;
  for (UnitRows<T>* const rows : of_arguments) norms += rows->take({call[first++]}, scaling);
  if (!is_finite(norms)) throw_no_norm(call.where, call.arguments, scaling);
}
template <class T>
void take_rows(const Call<T>& call, const RowScaling& scaling,
               std::initializer_list<UnitRows<T>*> of_arguments) {
  take_rows(call, 0, scaling, of_arguments);
}

/// Takes the rows of all arguments, one below the other, into one object.
template <class T>
void take_stacked(const Call<T>& call, const RowScaling& scaling, UnitRows<T>& rows) {
  const double norms = rows.take({call[0], call[1]}, scaling);
  if (!is_finite(norms)) throw_no_norm(call.where, call.arguments, scaling);
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
