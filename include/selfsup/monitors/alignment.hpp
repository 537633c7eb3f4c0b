// How close the two views of a sample are (arXiv:2005.10242).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/prediction_rows.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {

/// mean_n |â_n − b̂_n|^power of the l2-normalised rows of z_a, z_b (N, D): 0 when every sample's
/// views agree. The value of the loss Alignment.
template <class T>
double alignment(ConstView<T> z_a, ConstView<T> z_b, double power = 2) {
  require_positive<T>("alignment: power", power);
  require_batches<T>("alignment", {{"z_a", z_a}, {"z_b", z_b}});
  ContiguousRows<T> copy_a, copy_b;
  kernels::PredictionRows<T> kernel;
  kernels::RowForm form{kernels::RowLoss::unit_distance};
  form.power = power;
  const auto sums = kernel.forward(copy_a.of(z_a), copy_b.of(z_b), form, 0, nullptr, nullptr);
  if (!is_finite(sums.check)) throw_non_finite<T>("alignment", {{"z_a", z_a}, {"z_b", z_b}});
  return sums.loss / static_cast<double>(z_a.rows());
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
