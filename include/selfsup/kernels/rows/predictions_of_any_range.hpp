// A row of predictions against a row of targets, entry by entry in double: for rows whose squares
// leave the type, and for rows that almost meet.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/finite.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/kernels/rows/norm.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// What one row of p and one row of z give.
enum class RowLoss {
  unit_distance,    ///< |p̂ − ẑ|², computed as that sum: exactly 0 for p = z
  negative_cosine,  ///< −p̂·ẑ
  plain_distance    ///< |p − z|²
};

/// What becomes of a row of p and a row of z.
struct RowForm {
  RowLoss loss;
  double norm_epsilon = RowScaling().norm_epsilon;  ///< of p̂ = p / max(|p|, ε) and ẑ
  double power = 2;                                 ///< a distance is |…|^power
};

/// One row of each side.
template <class T>
struct PredictionPair {
  const T* p;
  const T* z;
  std::size_t D;
};

/// Sums over rows.
struct PredictionSums {
  double loss;
  double check;  ///< not finite when an entry of p or z is not
};

// A row as it is compared, in double.
template <class T>
struct Hat {
  Hat(const T* row, std::size_t D, const RowForm& form)
      : entries(row), unit(length(row, D, form), form.norm_epsilon) {}
  double operator[](std::size_t d) const { return static_cast<double>(entries[d]) * unit.inverse; }
  // What it is divided by.
  static double length(const T* row, std::size_t D, const RowForm& form) {
    if (form.loss == RowLoss::plain_distance) return 1;
    return scaled_norm_of(D, [row](std::size_t d) { return static_cast<double>(row[d]); }).length();
  }
  const T* entries;
  Unit unit;
};

// −cos in double, entry by entry, for rows whose squares leave the type.
template <class T>
SELFSUP_NOINLINE PredictionSums cosine_of_any_range(const PredictionPair<T>& pair,
                                                    const RowForm& form, double weight, T* d_p,
                                                    T* d_z) {
  const std::size_t D = pair.D;
  const Hat<T> p(pair.p, D, form), z(pair.z, D, form);
  const double check = p.unit.check() + z.unit.check();
  if (!is_finite(check)) return {0, check};
  double cosine = 0;
  for (std::size_t d = 0; d < D; ++d) cosine += p[d] * z[d];
  for (std::size_t d = 0; d < D; ++d) {
    if (d_p) d_p[d] = static_cast<T>((cosine * p[d] - z[d]) * weight * p.unit.slope);
    if (d_z) d_z[d] = static_cast<T>((cosine * z[d] - p[d]) * weight * z.unit.slope);
  }
  return {-cosine, check};
}

// |p̂ − ẑ|^power or |p − z|^power likewise. With δ the difference, s = power·|δ|^(power − 2) and c
// = p̂·ẑ the gradients are s(δ − p̂(p̂·δ))/|p| = s(c p̂ − ẑ)/|p| and s(c ẑ − p̂)/|z|, or sδ and −sδ:
// by δ where rows almost meet, where it alone has digits. Rows that meet have none, though for
// power < 2 the slope has no limit there.
template <class T>
SELFSUP_NOINLINE PredictionSums distance_of_any_range(const PredictionPair<T>& pair,
                                                      const RowForm& form, double weight, T* d_p,
                                                      T* d_z) {
  const std::size_t D = pair.D;
  const bool unit_rows = form.loss == RowLoss::unit_distance;
  const Hat<T> p(pair.p, D, form), z(pair.z, D, form);
  double check = p.unit.check() + z.unit.check();
  if (unit_rows && !is_finite(check)) return {0, check};
  const auto difference = [&](std::size_t d) { return p[d] - z[d]; };
  const ScaledNorm norm = scaled_norm_of(D, difference);
  const double length = unit_rows ? std::min<double>(norm.length(), 2) : norm.length();
  if (!unit_rows) check = length * Unit::check_scale;
  if (!is_finite(check)) return {0, check};
  const double slope = length > 0 ? form.power * std::pow(length, form.power - 1) : 0;
  const auto direction = [&](std::size_t d) {
    return slope == 0 ? 0 : difference(d) / norm.scale / norm.relative;
  };
  double cosine = 0, along_p = 0, along_z = 0;
  for (std::size_t d = 0; unit_rows && d < D; ++d) {
    cosine += p[d] * z[d];
    along_p += p[d] * direction(d);
    along_z += z[d] * direction(d);
  }
  const bool almost_meet = length < 0.5;
  const auto tangent = [&](double own, double other, double along, double towards) {
    if (slope == 0 || !unit_rows) return towards;
    return almost_meet ? towards - own * along : (cosine * own - other) / length;
  };
  for (std::size_t d = 0; d < D; ++d) {
    const double to_p = tangent(p[d], z[d], along_p, direction(d));
    const double to_z = tangent(z[d], p[d], -along_z, -direction(d));
    if (d_p) d_p[d] = static_cast<T>(to_p * slope * weight * p.unit.slope);
    if (d_z) d_z[d] = static_cast<T>(to_z * slope * weight * z.unit.slope);
  }
  return {std::pow(length, form.power), check};
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
