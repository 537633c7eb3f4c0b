// Rows scaled to length one, and the gradient back through the scaling.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// How rows become what a loss compares: as they are, or z / max(|z|, ε).
struct RowScaling {
  bool normalize = true;
  double norm_epsilon = 1e-12;
};

/// A norm as the product of two numbers that are both in range: 1 and itself, or the largest |z_d|
/// of the row and the norm relative to that.
struct ScaledNorm {
  double scale;
  double relative;

  /// Not finite when an entry of the row is not.
  double length() const { return scale * relative; }
};

/// What scaling by 1 / max(|z|, ε) multiplies by: a row by `inverse`, a tangential gradient by
/// `slope`, which is 0 below ε by definition.
struct Unit {
  Unit(double row_length, double norm_epsilon)
      : length(row_length),
        inverse(1 / std::max(row_length, norm_epsilon)),
        slope(row_length < norm_epsilon ? 0 : inverse) {}

  /// Not finite when the length is not, or has no inverse; sums of it stay in range.
  double check() const { return is_finite(inverse) ? length * check_scale : inverse; }
  static constexpr double check_scale = 0x1p-64;

  double length;
  double inverse;
  double slope;
};

/// True for a sum of squares that neither overflowed nor lost small entries, far enough from both
/// that products and quotients of two such norms are in range too.
template <class T>
bool in_range(double squares) {
  constexpr double epsilon = std::numeric_limits<T>::epsilon();
  return squares >= static_cast<double>(std::numeric_limits<T>::min()) / epsilon &&
         squares <= static_cast<double>(std::numeric_limits<T>::max()) * epsilon &&
         is_finite(squares);
}

/// The norm of D numbers entry(d) of any magnitude, in double and relative to the largest.
template <class Entry>
ScaledNorm scaled_norm_of(std::size_t D, Entry&& entry) {
  double scale = 0;
  for (std::size_t d = 0; d < D; ++d) scale = std::max(scale, std::abs(entry(d)));
  double sum = 0;
  for (std::size_t d = 0; d < D; ++d) {
    const double x = scale == 0 ? entry(d) : entry(d) / scale;
    sum += x * x;
  }
  return {scale, std::sqrt(sum)};
}

/// The norm of a row of any magnitude: a sum of squares that leaves the type's range is taken
/// again.
template <class T>
ScaledNorm scaled_norm(const T* z, std::size_t D) {
  const double squares = simd::dot(z, z, D);
  if (in_range<T>(squares)) return {1, std::sqrt(squares)};
  return scaled_norm_of(D, [z](std::size_t d) { return static_cast<double>(z[d]); });
}

/// Throws the NonFiniteError of norms that are not finite or, where ε is 0, have no inverse.
template <class T>
[[noreturn]] void throw_no_norm(const char* where, std::initializer_list<Named<T>> batches,
                                const RowScaling& scaling) {
  std::string zeros;
  for (const Named<T>& batch : batches) {
    for (std::size_t r = 0; r < batch.view.rows(); ++r) {
      T largest = 0;
      for (std::size_t c = 0; c < batch.view.cols(); ++c) {
        const T x = batch.view(r, c);
        if (!is_finite(x)) throw_non_finite(where, batches);
        largest = std::max(largest, std::abs(x));
      }
      if (zeros.empty() && !is_finite(1 / static_cast<double>(largest)))
        zeros = std::string(batch.name) + " is 0 in row " + std::to_string(r);
    }
  }
  const bool divided_by_length = scaling.normalize && scaling.norm_epsilon == 0;
  if (!divided_by_length || zeros.empty()) throw_non_finite(where, batches);
  throw NonFiniteError(std::string(where) + ": " + zeros +
                       ", which has no direction with norm_epsilon 0");
}

/// Copies rows with their norms taken out, and keeps what the gradient needs.
template <class T>
class L2Normalize {
 public:
  /// Writes ẑ_n = z_n / max(|z_n|, ε), or z_n as it is, for the rows of all views, each (N, D) with
  /// contiguous rows, one view below the other. Returns the sum of all norms, the check value: not
  /// finite when any entry or 1 / max(|z_n|, ε) is not.
  double forward(std::initializer_list<ConstView<T>> views, const RowScaling& scaling,
                 product::PaddedMatrix<T>& unit) {
    const std::size_t N = views.begin()->rows(), D = unit.cols();
    slope_.grow(unit.rows());
    const Chunks chunks = row_chunks(N, D);
    const std::size_t count = views.size() * chunks.count();
    double* sums = chunk_sums_.grow(2 * count);
    double* longest = sums + count;
    parallel_for(count, [&](std::size_t item) {
      const std::size_t view = item / chunks.count(), chunk = item % chunks.count();
      double sum = 0, most = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i, row = view * N + n;
        const double check = normalize_row(views.begin()[view].row(n), D, scaling, unit.row(row),
                                           slope_.data()[row]);
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

  /// Writes dz_n = factor · (dẑ_n − ẑ_n (ẑ_n·dẑ_n)) / |z_n| for the rows of all views, and 0 for a
  /// row below ε; an empty d_z writes nothing. Returns Σ_n factor · (ẑ_n·dẑ_n) over all rows, of
  /// views with an empty d_z, too. complete(row) comes before a row of d_unit is read.
  template <class Complete>
  double backward(const product::PaddedMatrix<T>& unit, product::PaddedMatrix<T>& d_unit,
                  double factor, bool normalize, std::initializer_list<MutView<T>> d_views,
                  Complete&& complete) {
    const std::size_t N = unit.rows() / d_views.size();
    const Chunks chunks = row_chunks(N, unit.cols());
    const std::size_t count = d_views.size() * chunks.count();
    double* sums = chunk_sums_.grow(count);
    parallel_for(count, [&](std::size_t item) {
      const std::size_t view = item / chunks.count(), chunk = item % chunks.count();
      const MutView<T>& d_z = d_views.begin()[view];
      double sum = 0;
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i, row = view * N + n;
        const T* u = unit.row(row);
        T* d_u = d_unit.row(row);
        complete(row);
        const double along = simd::dot(u, d_u, unit.cols());
        sum += along;
        if (d_z.empty()) continue;
        T* out = d_z.contiguous_rows() ? d_z.row(n) : d_u;
        write_gradient(u, d_u, unit.cols(), normalize ? along : 0, factor * slope_.data()[row],
                       out);
        if (out == d_u) write_row(d_z, n, d_u);
      }
      sums[item] = sum;
    });
    double total = 0;
    for (std::size_t item = 0; item < count; ++item) total += sums[item];
    return factor * total;
  }

  double backward(const product::PaddedMatrix<T>& unit, product::PaddedMatrix<T>& d_unit,
                  double factor, bool normalize, std::initializer_list<MutView<T>> d_views) {
    return backward(unit, d_unit, factor, normalize, d_views, [](std::size_t) {});
  }

  /// The largest norm among the rows of the last forward, before any scaling.
  double longest() const { return longest_; }

  std::size_t bytes() const { return slope_.bytes() + chunk_sums_.bytes(); }

 private:
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
  Buffer<double> slope_;
  double longest_ = 0;
  // Scratch.
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
