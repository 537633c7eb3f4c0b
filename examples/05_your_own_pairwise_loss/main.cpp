// A loss over all pairs of rows that the library does not have, by what one pair costs:
// similarities of two views should be those of the identity, L = 1/N² Σ_ij (s_ij − [i = j])², s the
// cosine.
#include <Eigen/Core>
#include <iostream>
#include <selfsup/core/call.hpp>
#include <selfsup/kernels/pairs/matched_pairs.hpp>
#include <selfsup/kernels/rows/unit_rows.hpp>
#include <selfsup/testing/gradcheck.hpp>

namespace kernels = selfsup::kernels;

template <class T>
struct SquareEntry {
  using Batch = selfsup::simd::Batch<T>;
  static constexpr T left_out = 0;  // a pair with the product 0 costs nothing
  template <class Part>
  kernels::Cost<Batch> operator()(const Batch& s, std::size_t, std::size_t, Part) const {
    return {s * s, s + s};
  }
  kernels::Cost<double> positive(double s) const { return {(1 - s) * (1 - s), 2 * (s - 1)}; }
};

template <class T>
class IdentityLoss {
 public:
  struct Options {};
  explicit IdentityLoss(Options = {}) {}
  Options options() const { return {}; }
  T forward(selfsup::ConstView<T> z_a, selfsup::ConstView<T> z_b) { return run(z_a, z_b, true); }
  T value(selfsup::ConstView<T> z_a, selfsup::ConstView<T> z_b) { return run(z_a, z_b, false); }
  void backward(selfsup::MutView<T> d_z_a, selfsup::MutView<T> d_z_b) {
    state_.require("IdentityLoss::backward");
    pairs_.backward(a_.rows(), b_.rows(), &a_.d_rows(), &b_.d_rows());  // W b, Wᵀ a
    a_.backward(weight_, {d_z_a});                                      // through z/|z|
    b_.backward(weight_, {d_z_b});
  }

 private:
  T run(selfsup::ConstView<T> z_a, selfsup::ConstView<T> z_b, bool keeps) {
    const selfsup::Call<T> call{"IdentityLoss", {{"z_a", z_a}, {"z_b", z_b}}, 256u << 20, keeps};
    state_.begin();
    selfsup::require_batches(call.where, call.arguments);
    kernels::take_rows(call, {}, {&a_, &b_});
    weight_ = 1 / static_cast<double>(z_a.rows() * z_a.rows());
    return end(call, weight_ * pairs_.forward(a_.rows(), b_.rows(), {}, call.memory_budget).cost,
               state_);
  }
  kernels::UnitRows<T> a_, b_;
  kernels::MatchedPairs<T, SquareEntry<T>> pairs_;
  selfsup::PassState state_;
  double weight_ = 1;
};

int main() {
  const Eigen::MatrixXd z_a = Eigen::MatrixXd::Random(7, 5), z_b = Eigen::MatrixXd::Random(7, 5);
  const auto report = selfsup::gradcheck(IdentityLoss<double>(), {z_a, z_b});
  std::cout << "loss " << report.value << ", " << report << '\n';
  return report ? 0 : 1;
}
