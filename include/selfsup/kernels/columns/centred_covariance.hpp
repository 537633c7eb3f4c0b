// One or two views with centred columns: the sums of squares of each column, of the difference of
// the views and of the covariances off the diagonal, and the gradient of what is made of them. By
// which product the covariances come is decided here, and known nowhere else.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/centred_gradient.hpp"
#include "selfsup/kernels/columns/covariance.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/strip_moments.hpp"
#include "selfsup/kernels/columns/variance_hinge.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class CentredCovariance {
 public:
  struct Wanted {
    bool difference;  // of two views
    bool covariance;
  };
  /// Sums over all columns, and views.
  struct Sums {
    double squares = 0;       ///< Σ zc², the check value: not finite when an entry is not
    double difference = 0;    ///< Σ (z_a − z_b)²
    double off_diagonal = 0;  ///< Σ_{i≠j} (Zcᵀ Zc)_ij²
  };

  /// One view or two, (N, D) each, which may change afterwards.
  Sums forward(const Call<T>& call, const Wanted& wanted, CovarianceRoute route) {
    views_ = call.arguments.size();
    wanted_ = wanted;
    N_ = call[0].rows();
    D_ = call[0].cols();
    for (Branch& branch : branches_) branch.covariance.plan(N_, D_, route);
    const bool from_gram = wanted.covariance && branches_[0].covariance.gram_fits();
    const Sums sums = from_gram ? centre_with_gram(call) : centre(call);
    return wanted.covariance && is_finite(sums.squares)
               ? Sums{sums.squares, sums.difference,
                      off_diagonal_squares(from_gram, call.memory_budget / views_)}
               : sums;
  }

  std::size_t views() const { return views_; }
  std::size_t rows() const { return N_; }
  std::size_t cols() const { return D_; }
  /// Σ_n zc_nj² of each column of a view.
  const double* squares(std::size_t view) const { return branches_[view].centred.squares.data(); }

  /// What a view's gradient is made of.
  struct Weights {
    double difference;  // of z_a − z_b for the first view, of z_b − z_a for the second
    double covariance;  // of Zc offdiag(Zcᵀ Zc)
    double hinge;       // of the variance hinge's
  };
  /// Writes d_z (N, D) of each view, an empty one not; centring asks for nothing more, every part
  /// sums to 0 over a column.
  void backward(const Weights& weights, const VarianceHinge& hinge,
                std::initializer_list<NamedOutput<T>> outputs) {
    reserve_backward(outputs);
    double side = 1;
    Branch* own = branches_.data();
    for (const NamedOutput<T>& d_z : outputs) {
      if (!d_z.view.empty()) write_gradient(*own, weights, side, hinge, d_z.view);
      ++own;
      side = -1;
    }
  }

  std::size_t bytes() const {
    std::size_t total = difference_.bytes() + product_.bytes() + moments_.bytes() +
                        strips_.bytes() + gradient_.bytes();
    for (const Branch& branch : branches_) total += branch.bytes();
    return total;
  }

 private:
  struct Branch {
    CentredView<T> centred;
    OffDiagonalSquares<T> covariance;
    ContiguousRows<T> copy;

    std::size_t bytes() const { return centred.bytes() + covariance.bytes() + copy.bytes(); }
  };

  Sums centre(const Call<T>& call) {
    Sums sums;
    std::array<ConstView<T>, 2> z;
    for (std::size_t view = 0; view < views_; ++view) {
      z[view] = branches_[view].copy.of(call[view]);
      sums.squares += moments_.centre(z[view], branches_[view].centred);
    }
    if (wanted_.difference) sums.difference = moments_.difference(z[0], z[1], difference_);
    return sums;
  }

  // The products that fit a tile are made while the strips are in cache.
  Sums centre_with_gram(const Call<T>& call) {
    auto* const difference = wanted_.difference ? &difference_ : nullptr;
    const auto view = [&](std::size_t v) {
      Branch& branch = branches_[v];
      return typename StripMoments<T>::View{branch.copy.of(call[v]), branch.centred,
                                            branch.covariance.gram()};
    };
    const auto strips = [&](auto views) {
      return branches_[0].covariance.in_samples() ? strips_.in_samples(views, difference)
                                                  : strips_.in_features(views, difference);
    };
    using Views = std::initializer_list<typename StripMoments<T>::View>;
    const auto sums = views_ == 1 ? strips(Views{view(0)}) : strips(Views{view(0), view(1)});
    return {sums.squares, sums.difference, 0};
  }

  double off_diagonal_squares(bool from_gram, std::size_t memory_budget) {
    double sum = 0;
    for (std::size_t view = 0; view < views_; ++view) {
      Branch& own = branches_[view];
      sum += from_gram ? own.covariance.forward_from_gram(own.centred, memory_budget)
                       : own.covariance.forward(own.centred, memory_budget);
    }
    return sum;
  }

  // Takes all memory before the first output is written.
  void reserve_backward(std::initializer_list<NamedOutput<T>> outputs) {
    for (const NamedOutput<T>& d_z : outputs) gradient_.reserve(N_, D_, {d_z.view});
    if (!wanted_.covariance) return;
    for (std::size_t view = 0; view < views_; ++view) {
      branches_[view].covariance.reserve_backward();
      if (branches_[view].covariance.may_need_product(N_, D_)) product_.reshape(N_, D_);
    }
  }

  void write_gradient(Branch& own, const Weights& weights, double side, const VarianceHinge& hinge,
                      MutView<T> d_z) {
    gradient_.clear_factors(D_);
    const bool from_gram = wanted_.covariance && own.covariance.gram_fits();
    if (wanted_.covariance && !from_gram) own.covariance.backward(own.centred, product_);
    if (wanted_.covariance && own.covariance.in_samples())
      gradient_.subtract_diagonal(own.centred, weights.covariance);
    gradient_.add(hinge, own.centred, weights.hinge);
    const typename CentredGradient<T>::Parts parts{own.centred,
                                                   wanted_.difference ? &difference_ : nullptr,
                                                   side * weights.difference, weights.covariance};
    if (from_gram) {
      gradient_.write_with_gram(parts, own.covariance.gram().matrix(), own.covariance.in_samples(),
                                d_z);
    } else {
      gradient_.write(parts, wanted_.covariance ? &product_ : nullptr, d_z);
    }
  }

  // Kept for backward.
  std::array<Branch, 2> branches_;
  product::PaddedMatrix<T> difference_;  // z_a − z_b (N, D)
  Wanted wanted_{};
  std::size_t views_ = 0;
  std::size_t N_ = 0;
  std::size_t D_ = 0;
  // Scratch.
  product::PaddedMatrix<T> product_;  // (N, D)
  Moments<T> moments_;
  StripMoments<T> strips_;
  CentredGradient<T> gradient_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
