// Norms of rows of any magnitude, and what scaling by them multiplies by.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
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

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
