// LeJEPA: views that agree, each normally distributed. Maths: docs/losses/lejepa.md.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/option_check.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/slices/sliced_normality.hpp"
#include "selfsup/kernels/slices/slices.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

struct LeJepaOptions {
  double sigreg_weight = 0.05;  ///< 0 <= λ <= 1; the invariance has 1 − λ
  std::size_t slices = 1024;    ///< S > 0, random directions a step
  std::uint64_t seed = 0;       ///< of the directions, which are a function of (seed, step)

  /// The paper's λ and slices (the default).
  static LeJepaOptions paper() { return {}; }
  /// Equal to rbalestr-lab/lejepa `MINIMAL.md` with two views, as its command line has it: λ =
  /// 0.02, 256 directions.
  static LeJepaOptions lejepa_minimal() {
    LeJepaOptions options;
    options.sigreg_weight = 0.02;
    options.slices = 256;
    return options;
  }
};

/// The terms before their weights; NaN where the weight is 0.
struct LeJepaTerms {
  double invariance = std::numeric_limits<double>::quiet_NaN();
  double sigreg = std::numeric_limits<double>::quiet_NaN();
};

/// LeJEPA (Balestriero, LeCun 2025, arXiv:2511.08544) on two views:
///   L = λ·½(SIGReg(z_a) + SIGReg(z_b)) + (1 − λ)·Σ_v (z_v − ½(z_a + z_b))²/(2·N·D),
/// both views along the same directions; SIGReg as in losses/sigreg.hpp. The second term, the mean
/// squared distance to the views' mean, is Σ(z_a − z_b)²/(4·N·D).
///
/// Each forward takes the directions of the next step, 0 at first; value those of the last forward.
template <class T>
class LeJepa : public RunsOn {
 public:
  explicit LeJepa(const LeJepaOptions& options = {}) : options_(options) {
    require_up_to_one("LeJepa: sigreg_weight", options.sigreg_weight);
    require_at_least("LeJepa: slices", options.slices, 1);
  }

  /// The next forward, and value until then, is at that step: to go on where a training was.
  void set_step(std::uint64_t step) {
    slices_.take_back();
    steps_.set(step);
  }

  /// The directions are the columns of u (D, S), as they are, until set_step is called: a copy is
  /// made. Any S > 0. What forward has kept is lost. Throws ShapeError when u is empty,
  /// NonFiniteError when an entry is NaN or infinite.
  void set_slices(ConstView<T> u) {
    require_batches<T>("LeJepa::set_slices", {{"u", u}});
    require_finite<T>("LeJepa::set_slices", {"u", u});
    state_.begin();
    slices_.give(u);
  }

  /// The directions of the last forward or value, (D, S), one a column.
  ConstView<T> slices() const { return slices_.columns(); }

  /// Returns the loss of z_a (N, D), z_b (N, D); keeps its gradients, so that both may change
  /// afterwards. Throws ShapeError for another shape or one that given slices do not fit,
  /// NonFiniteError when an entry is NaN or infinite or the squares overflow.
  T forward(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"LeJepa::forward", {{"z_a", z_a}, {"z_b", z_b}}, 0, true});
  }

  /// The same value and terms; keeps nothing else.
  T value(ConstView<T> z_a, ConstView<T> z_b) {
    return run({"LeJepa::value", {{"z_a", z_a}, {"z_b", z_b}}});
  }

  /// Writes d_loss·dL/dz_a and d_loss·dL/dz_b, both (N, D); `skip` leaves one out. Throws
  /// StateError without a forward that succeeded, ShapeError for another shape.
  void backward(MutView<T> d_z_a, MutView<T> d_z_b, T d_loss = 1) {
    go_back("LeJepa::backward", d_z_a, d_z_b, static_cast<double>(d_loss));
  }

  /// The terms of the last forward or value; all NaN after one that threw.
  const LeJepaTerms& terms() const { return terms_; }

  const LeJepaOptions& options() const { return options_; }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return slices_.bytes() + d_z_a_.bytes() + d_z_b_.bytes() + difference_.bytes() +
           normality_.bytes() + matmul_.bytes() + moments_.bytes() + rows_.bytes() +
           copy_a_.bytes() + copy_b_.bytes();
  }

 private:
  T run(const Call<T>& call) {
    const RunOn threads = lent();
    state_.begin();
    terms_ = {};
    require_batches(call.where, call.arguments);
    N_ = call[0].rows();
    D_ = call[0].cols();
    const ConstView<T> z_a = copy_a_.of(call[0]), z_b = copy_b_.of(call[1]);
    const double sigreg_weight = options_.sigreg_weight;
    LeJepaTerms terms;
    double loss = 0, check = 0;
    if (sigreg_weight > 0) {
      slices_.prepare(call.where, options_.slices, D_, {options_.seed, steps_.of(call.keeps)});
      // (1) projections, (2) their distance from the normal distribution, (2') (1') their gradient
      const auto a = normality_.forward(z_a, slices_, matmul_, call.keeps ? &d_z_a_ : nullptr);
      const auto b = normality_.forward(z_b, slices_, matmul_, call.keeps ? &d_z_b_ : nullptr);
      terms.sigreg = (a.statistic + b.statistic) / (2 * static_cast<double>(slices_.count()));
      loss += sigreg_weight * terms.sigreg;
      check += a.check + b.check;
    }
    if (sigreg_weight < 1) {
      // (3) invariance
      terms.invariance = moments_.difference(z_a, z_b, difference_) / (4 * entries());
      loss += (1 - sigreg_weight) * terms.invariance;
      check += terms.invariance;
    }
    if (!is_finite(check)) throw_non_finite(call.where, call.arguments);
    const T value = end(call, loss, state_);
    terms_ = terms;
    if (call.keeps) steps_.advance();
    return value;
  }

  void go_back(const char* where, MutView<T> d_z_a, MutView<T> d_z_b, double d_loss) {
    const RunOn threads = lent();
    state_.require(where);
    require_output(where, "d_z_a", d_z_a, N_, D_);
    require_output(where, "d_z_b", d_z_b, N_, D_);
    if (!d_z_a.contiguous_rows() || !d_z_b.contiguous_rows()) rows_.reshape(N_, D_);
    go_back(d_z_a_, 1, d_loss, d_z_a);
    go_back(d_z_b_, -1, d_loss, d_z_b);
  }
  // `side` is the sign of the view in z_a − z_b.
  void go_back(const product::PaddedMatrix<T>& of_sigreg, int side, double d_loss, MutView<T> d_z) {
    if (d_z.empty()) return;
    const double sigreg_weight = options_.sigreg_weight;
    const bool with_sigreg = sigreg_weight > 0, with_difference = sigreg_weight < 1;
    // (3') invariance, and the sum
    kernels::write_sum<T>({with_sigreg ? &of_sigreg : nullptr, d_loss * sigreg_weight / 2},
                          {with_difference ? &difference_ : nullptr,
                           side * d_loss * (1 - sigreg_weight) / (2 * entries())},
                          rows_, d_z);
  }

  double entries() const { return static_cast<double>(N_) * static_cast<double>(D_); }

  LeJepaOptions options_;
  rng::StepCount steps_;
  // Kept for backward.
  kernels::Slices<T> slices_;
  product::PaddedMatrix<T> d_z_a_;       // of SIGReg, for d_mean = 1 (N, D)
  product::PaddedMatrix<T> d_z_b_;       // (N, D)
  product::PaddedMatrix<T> difference_;  // z_a − z_b (N, D)
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  PassState state_;
  LeJepaTerms terms_;
  // Scratch.
  kernels::SlicedNormality<T> normality_;
  Matmul<T> matmul_;
  kernels::Moments<T> moments_;
  product::PaddedMatrix<T> rows_;  // (N, D)
  ContiguousRows<T> copy_a_;
  ContiguousRows<T> copy_b_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
