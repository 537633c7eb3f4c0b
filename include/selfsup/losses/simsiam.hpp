// The loss of SimSiam. Maths: docs/losses/simsiam.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/option_check.hpp"
#include "selfsup/kernels/rows/prediction_loss.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {

struct SimSiamOptions {
  StopGradient stop_gradient = StopGradient::target;  ///< which side is a constant
  double norm_epsilon = 1e-12;  ///< ε >= 0 of z/max(|z|, ε); with 0 a row of zeros is an error
};

/// SimSiam (Chen and He 2020, arXiv:2011.10566, equations 1 and 2): the negative cosine of the
/// prediction p of one view and the projection z of the other, the mean over the batch,
///   D(p, z) = −1/N Σ_n p̂_n·ẑ_n,   L = ½ D(p_a, z_b) + ½ D(p_b, z_a).
/// Equal to facebookresearch/simsiam `main_simsiam.py`; −1..1.
template <class T>
class SimSiam : public kernels::PredictionLoss<T> {
  using Base = kernels::PredictionLoss<T>;

 public:
  explicit SimSiam(const SimSiamOptions& options = {})
      : Base({"SimSiam::forward", "SimSiam::value", "SimSiam::backward"},
             {kernels::RowLoss::negative_cosine, options.norm_epsilon}, 0.5, options.stop_gradient),
        options_(options) {
    require_norm_epsilon("SimSiam: norm_epsilon", options.norm_epsilon);
  }

  const SimSiamOptions& options() const { return options_; }

 private:
  SimSiamOptions options_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
