// How evenly the embeddings are spread over the sphere (arXiv:2005.10242).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/gaussian.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"

#include <algorithm>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// log mean_{i<j} e^(−scale·|ẑ_i − ẑ_j|²) of the l2-normalised rows of z, (N, D) with N > 1: 0 when
/// they have collapsed, lower the more evenly they are spread. The value of the loss Uniformity.
/// Costs N²·D/2 multiply-adds, in tiles.
template <class T>
double uniformity(ConstView<T> z, double scale = 2) {
  require_positive<T>("uniformity: scale", scale);
  require_batches<T>("uniformity", {{"z", z}}, 2);
  kernels::UnitRows<T> unit;
  kernels::take_rows<T>({"uniformity", {{"z", z}}}, {}, {&unit});
  return std::max(kernels::PairGaussian<T>().forward(unit.rows(), scale, true, 0), -4 * scale);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
