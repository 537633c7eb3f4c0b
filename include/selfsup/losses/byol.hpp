// The loss of BYOL. Maths: docs/losses/byol.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/option_check.hpp"
#include "selfsup/kernels/rows/prediction_loss.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {

/// How two directions of a loss become one number.
enum class Directions { sum, mean };

enum class ByolForm {
  normalised,  ///< |p̂ − ẑ|², 0..4 a direction
  plain        ///< |p − z|²
};

struct ByolOptions {
  Directions directions = Directions::sum;  ///< the paper's sum, 0..8
  ByolForm form = ByolForm::normalised;     ///< the paper's
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
  StopGradient stop_gradient = StopGradient::target;  ///< which side is a constant
};

/// BYOL (Grill et al. 2020, arXiv:2006.07733, equation 2): the squared distance of the normalised
/// prediction p of one view from the normalised target projection z of the other, the mean over the
/// batch,
///   L = 1/N Σ_n |p̂_n − ẑ_n|² = 2 − 2·mean cos.
/// The default equals google-deepmind/deepmind-research `byol_experiment.py`: the two directions
/// are summed.
template <class T>
class Byol : public kernels::PredictionLoss<T> {
  using Base = kernels::PredictionLoss<T>;

 public:
  explicit Byol(const ByolOptions& options = {})
      : Base({"Byol::forward", "Byol::value", "Byol::backward"}, row_form(options),
             options.directions == Directions::mean ? 0.5 : 1, options.stop_gradient),
        options_(options) {
    require_norm_epsilon("Byol: norm_epsilon", options.norm_epsilon);
  }

  const ByolOptions& options() const { return options_; }

 private:
  static kernels::RowForm row_form(const ByolOptions& options) {
    if (options.form == ByolForm::plain) return {kernels::RowLoss::plain_distance};
    return {kernels::RowLoss::unit_distance, options.norm_epsilon};
  }

  ByolOptions options_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
