#include "objective.hpp"

#include "bank_objective.hpp"

#include "selfsup/losses/alignment.hpp"
#include "selfsup/losses/barlow_twins.hpp"
#include "selfsup/losses/byol.hpp"
#include "selfsup/losses/fft_covariance.hpp"
#include "selfsup/losses/grouped_covariance.hpp"
#include "selfsup/losses/info_nce.hpp"
#include "selfsup/losses/lejepa.hpp"
#include "selfsup/losses/nt_xent.hpp"
#include "selfsup/losses/probed_covariance.hpp"
#include "selfsup/losses/siglip.hpp"
#include "selfsup/losses/simsiam.hpp"
#include "selfsup/losses/sup_con.hpp"
#include "selfsup/losses/uniformity.hpp"
#include "selfsup/losses/vicreg.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace trainer {
namespace {

using selfsup::MutView;

// out += x.
template <class T>
void add(const Matrix<T>& x, MutView<T> out) {
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t c = 0; c < out.cols(); ++c) out(r, c) += x(r, c);
  }
}

template <class Loss, class = void>
struct DrawsEachStep : std::false_type {};
template <class Loss>
struct DrawsEachStep<Loss, std::void_t<decltype(std::declval<Loss>().set_step(0))>>
    : std::true_type {};

template <class Loss>
void set_step(Loss& loss, std::size_t step) {
  if constexpr (DrawsEachStep<Loss>::value) loss.set_step(step);
}

// Both views play the same part.
template <class T, class Loss>
class JointObjective : public Objective<T> {
 public:
  explicit JointObjective(const Loss& loss) : loss_(loss) {}
  T evaluate(const Outputs<T>& batch, Pair<MutView<T>> d_z, Pair<MutView<T>>) override {
    set_step(loss_, batch.step);
    const T loss = loss_.forward(batch.outputs.a, batch.outputs.b);
    loss_.backward(d_z.a, d_z.b);
    return loss;
  }

 private:
  Loss loss_;
};

// A loss of both views, and weight times one of each view alone.
template <class T, class Joint, class Single>
class SumObjective : public Objective<T> {
 public:
  SumObjective(const Joint& joint, const Single& single, double weight)
      : joint_(joint), single_(single), weight_(static_cast<T>(weight)) {}
  T evaluate(const Outputs<T>& batch, Pair<MutView<T>> d_z, Pair<MutView<T>>) override {
    set_step(single_, batch.step);
    const T joint = joint_.forward(batch.outputs.a, batch.outputs.b);
    joint_.backward(d_z.a, d_z.b);
    if (weight_ == 0) return joint;
    return joint +
           weight_ * (add_single(batch.outputs.a, d_z.a) + add_single(batch.outputs.b, d_z.b));
  }

 private:
  T add_single(selfsup::ConstView<T> z, MutView<T> d_z) {
    const T loss = single_.forward(z);
    d_single_.resize(z.rows(), z.cols());
    single_.backward(d_single_, weight_);
    add(d_single_, d_z);
    return loss;
  }

  Joint joint_;
  Single single_;
  T weight_;
  Matrix<T> d_single_;
};

// Each view's prediction against the other view's target.
template <class T, class Loss>
class PredictiveObjective : public Objective<T> {
 public:
  explicit PredictiveObjective(const Loss& loss) : loss_(loss) {}
  T evaluate(const Outputs<T>& batch, Pair<MutView<T>> d_p, Pair<MutView<T>> d_z) override {
    const T loss =
        loss_.forward(batch.outputs.a, batch.outputs.b, batch.targets.a, batch.targets.b);
    if (loss_.options().stop_gradient == selfsup::StopGradient::none) {
      loss_.backward(d_p.a, d_p.b, d_z.a, d_z.b);
    } else {
      loss_.backward(d_p.a, d_p.b);
    }
    return loss;
  }

 private:
  Loss loss_;
};

// Both views in one batch, with the labels of their images.
template <class T>
class SupervisedObjective : public Objective<T> {
 public:
  explicit SupervisedObjective(const selfsup::SupConOptions& options) : loss_(options) {}
  T evaluate(const Outputs<T>& batch, Pair<MutView<T>> d_z, Pair<MutView<T>>) override {
    const std::size_t N = batch.outputs.a.rows();
    z_.resize(2 * N, batch.outputs.a.cols());
    d_z_.resize(2 * N, z_.cols());
    labels_.resize(2 * N);
    for (std::size_t n = 0; n < N; ++n) {
      std::copy_n(batch.outputs.a.row(n), z_.cols(), z_.row(n));
      std::copy_n(batch.outputs.b.row(n), z_.cols(), z_.row(N + n));
      labels_[n] = labels_[N + n] = batch.labels[n];
    }
    const T loss = loss_.forward(z_, labels_);
    loss_.backward(d_z_);
    for (std::size_t n = 0; n < N; ++n) {
      std::copy_n(d_z_.row(n), z_.cols(), d_z.a.row(n));
      std::copy_n(d_z_.row(N + n), z_.cols(), d_z.b.row(n));
    }
    return loss;
  }

 private:
  selfsup::SupCon<T> loss_;
  Matrix<T> z_;
  Matrix<T> d_z_;
  std::vector<std::int64_t> labels_;
};

template <class T, class Loss>
std::unique_ptr<Objective<T>> joint(const Loss& loss) {
  return std::make_unique<JointObjective<T, Loss>>(loss);
}

std::size_t whole(const Recipe& recipe, const char* setting) {
  return static_cast<std::size_t>(recipe[setting]);
}

template <class T>
std::unique_ptr<Objective<T>> make_nt_xent(const Recipe& recipe) {
  selfsup::NtXentOptions options;
  options.temperature = recipe["temperature"];
  options.decoupled = recipe.method == Method::dcl;
  if (recipe.method == Method::ntxent) options.hardest = whole(recipe, "hardest");
  if (recipe.method == Method::hcl) {
    options.positive_prior = recipe["positive-prior"];
    options.hard_negative_beta = recipe["hard-negative-beta"];
  }
  return joint<T>(selfsup::NtXent<T>(options));
}

template <class T>
std::unique_ptr<Objective<T>> make_info_nce(const Recipe& recipe) {
  selfsup::InfoNceOptions options;
  options.temperature = recipe["temperature"];
  options.symmetric = true;
  options.hardest = whole(recipe, "hardest");
  options.label_smoothing = recipe["label-smoothing"];
  return joint<T>(selfsup::InfoNce<T>(options));
}

template <class T>
std::unique_ptr<Objective<T>> make_siglip(const Recipe& recipe) {
  selfsup::SigLipOptions options;
  options.scale = recipe["logit-scale"];
  options.bias = recipe["logit-bias"];
  return joint<T>(selfsup::SigLip<T>(options));
}

selfsup::VicRegOptions vicreg_options(const Recipe& recipe) {
  selfsup::VicRegOptions options;
  options.invariance_weight = recipe["invariance-weight"];
  options.variance_weight = recipe["variance-weight"];
  options.covariance_weight = recipe["covariance-weight"];
  return options;
}

template <class T, class Covariance>
std::unique_ptr<Objective<T>> make_approximate_vicreg(const Recipe& recipe,
                                                      const Covariance& covariance) {
  selfsup::VicRegOptions options = vicreg_options(recipe);
  const double weight = std::exchange(options.covariance_weight, 0.0);
  const selfsup::VicReg<T> vicreg(options);
  return std::make_unique<SumObjective<T, selfsup::VicReg<T>, Covariance>>(vicreg, covariance,
                                                                           weight);
}

template <class T>
std::unique_ptr<Objective<T>> make_align_uniform(const Recipe& recipe) {
  selfsup::AlignmentOptions alignment;
  alignment.power = recipe["alignment-power"];
  selfsup::UniformityOptions uniformity;
  uniformity.scale = recipe["uniformity-scale"];
  using Sum = SumObjective<T, selfsup::Alignment<T>, selfsup::Uniformity<T>>;
  return std::make_unique<Sum>(selfsup::Alignment<T>(alignment), selfsup::Uniformity<T>(uniformity),
                               recipe["uniformity-weight"] / 2);
}

}  // namespace

template <class T>
std::unique_ptr<Objective<T>> make_objective(const Recipe& recipe, std::size_t width) {
  switch (recipe.method) {
    case Method::ntxent:
    case Method::dcl:
    case Method::hcl:
      return make_nt_xent<T>(recipe);
    case Method::infonce:
      return make_info_nce<T>(recipe);
    case Method::moco:
      return std::make_unique<BankObjective<T>>(recipe["temperature"], whole(recipe, "bank"),
                                                width);
    case Method::supcon: {
      selfsup::SupConOptions options;
      options.temperature = recipe["temperature"];
      return std::make_unique<SupervisedObjective<T>>(options);
    }
    case Method::siglip:
      return make_siglip<T>(recipe);
    case Method::byol: {
      const selfsup::Byol<T> loss;
      return std::make_unique<PredictiveObjective<T, selfsup::Byol<T>>>(loss);
    }
    case Method::simsiam: {
      selfsup::SimSiamOptions options;
      if (recipe["stop-gradient"] == 0) options.stop_gradient = selfsup::StopGradient::none;
      const selfsup::SimSiam<T> loss(options);
      return std::make_unique<PredictiveObjective<T, selfsup::SimSiam<T>>>(loss);
    }
    case Method::vicreg:
      return joint<T>(selfsup::VicReg<T>(vicreg_options(recipe)));
    case Method::vicreg_grouped: {
      selfsup::GroupedCovarianceOptions options;
      options.group_size = whole(recipe, "group-size");
      return make_approximate_vicreg<T>(recipe, selfsup::GroupedCovariance<T>(options));
    }
    case Method::vicreg_probed: {
      selfsup::ProbedCovarianceOptions options;
      options.probes = whole(recipe, "probes");
      return make_approximate_vicreg<T>(recipe, selfsup::ProbedCovariance<T>(options));
    }
    case Method::vicreg_fft: {
      selfsup::FftCovarianceOptions options;
      options.exponent = whole(recipe, "exponent");
      return make_approximate_vicreg<T>(recipe, selfsup::FftCovariance<T>(options));
    }
    case Method::barlow: {
      selfsup::BarlowTwinsOptions options;
      options.off_diagonal_weight = recipe["off-diagonal-weight"];
      return joint<T>(selfsup::BarlowTwins<T>(options));
    }
    case Method::align_uniform:
      return make_align_uniform<T>(recipe);
    case Method::lejepa:
      break;
  }
  selfsup::LeJepaOptions options;
  options.sigreg_weight = recipe["sigreg-weight"];
  options.slices = whole(recipe, "slices");
  return joint<T>(selfsup::LeJepa<T>(options));
}

template std::unique_ptr<Objective<float>> make_objective(const Recipe&, std::size_t);
template std::unique_ptr<Objective<double>> make_objective(const Recipe&, std::size_t);

}  // namespace trainer
