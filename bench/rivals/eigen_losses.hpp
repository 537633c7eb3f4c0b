// The losses as one writes them with Eigen alone: whole matrices of similarities or covariances,
// the gradient by hand. Each function returns the loss and writes its gradients.
#pragma once

#include "bench/rivals/inputs.hpp"

#include <Eigen/Core>

namespace rivals {

using Column = Eigen::VectorXf;
using Row = Eigen::RowVectorXf;

/// Rows scaled to length 1, and the way back.
struct UnitRows {
  Column lengths;
  Batch rows;

  explicit UnitRows(const Batch& z)
      : lengths(z.rowwise().norm()), rows(lengths.cwiseInverse().asDiagonal() * z) {}

  Batch backward(const Batch& d) const {
    const Column along = rows.cwiseProduct(d).rowwise().sum();
    return lengths.cwiseInverse().asDiagonal() * (d - along.asDiagonal() * rows);
  }
};

inline Column row_dots(const Batch& a, const Batch& b) { return a.cwiseProduct(b).rowwise().sum(); }

inline float nt_xent(const Batch& z_a, const Batch& z_b, float temperature, Batch& d_z_a,
                     Batch& d_z_b) {
  const Eigen::Index N = z_a.rows(), M = 2 * N;
  Batch z(M, z_a.cols());
  z << z_a, z_b;
  const UnitRows unit(z);
  Batch partner(M, z.cols());
  partner << unit.rows.bottomRows(N), unit.rows.topRows(N);
  // No cosine is above 1, so e^(−1/τ) keeps every exponential in range.
  Batch weights =
      ((unit.rows * unit.rows.transpose()).array() / temperature - 1 / temperature).exp();
  weights.diagonal().setZero();
  const Column sums = weights.rowwise().sum();
  const auto anchors = static_cast<float>(M);
  const float loss =
      sums.array().log().mean() + (1 - row_dots(unit.rows, partner).mean()) / temperature;

  // A similarity s_ij stands in the rows of both i and j.
  const Column inverse = sums.cwiseInverse();
  weights.array() *= (inverse.replicate(1, M) + inverse.transpose().replicate(M, 1)).array();
  const Batch d_z = unit.backward((weights * unit.rows - 2 * partner) / (anchors * temperature));
  d_z_a = d_z.topRows(N);
  d_z_b = d_z.bottomRows(N);
  return loss;
}

inline float info_nce_clip(const Batch& query, const Batch& key, float temperature, Batch& d_query,
                           Batch& d_key) {
  const Eigen::Index N = query.rows();
  const UnitRows q(query), k(key);
  Batch weights = ((q.rows * k.rows.transpose()).array() / temperature - 1 / temperature).exp();
  const Column key_sums = weights.rowwise().sum();
  const Row query_sums = weights.colwise().sum();
  const float loss = (key_sums.array().log().mean() + query_sums.array().log().mean()) / 2 +
                     (1 - row_dots(q.rows, k.rows).mean()) / temperature;

  weights.array() *=
      (key_sums.cwiseInverse().replicate(1, N) + query_sums.cwiseInverse().replicate(N, 1)).array();
  weights.diagonal().array() -= 2;
  weights /= 2 * static_cast<float>(N) * temperature;
  d_query = q.backward(weights * k.rows);
  d_key = k.backward(weights.transpose() * q.rows);
  return loss;
}

/// The own key among a bank of unit rows; keys and bank are constants.
inline float info_nce_bank(const Batch& query, const Batch& key, const Batch& bank,
                           float temperature, Batch& d_query) {
  const UnitRows q(query), k(key);
  const Column own = row_dots(q.rows, k.rows);
  const Column own_weights = (own.array() / temperature - 1 / temperature).exp();
  const Batch weights = ((q.rows * bank.transpose()).array() / temperature - 1 / temperature).exp();
  const Column sums = own_weights + weights.rowwise().sum();
  const float loss = sums.array().log().mean() + (1 - own.mean()) / temperature;

  const Column own_share = own_weights.cwiseQuotient(sums).array() - 1;
  d_query = q.backward(
      (sums.cwiseInverse().asDiagonal() * (weights * bank) + own_share.asDiagonal() * k.rows) /
      (static_cast<float>(query.rows()) * temperature));
  return loss;
}

/// One direction of BYOL.
inline float byol(const Batch& p, const Batch& z, Batch& d_p) {
  const auto N = static_cast<float>(p.rows());
  const UnitRows prediction(p), target(z);
  const Batch difference = prediction.rows - target.rows;
  d_p = prediction.backward(2 / N * difference);
  return difference.squaredNorm() / N;
}

/// One direction of SimSiam, and its half of the mean of both.
inline float simsiam(const Batch& p, const Batch& z, Batch& d_p) {
  const UnitRows prediction(p), target(z);
  d_p = prediction.backward(target.rows * (-0.5F / static_cast<float>(p.rows())));
  return -0.5F * row_dots(prediction.rows, target.rows).mean();
}

/// Row by row: one running sum in float over D² squares would lose the fourth digit.
inline float sum_of_squares(const Batch& x) { return x.rowwise().squaredNorm().sum(); }

/// Over D × D features, or over N × N samples.
enum class Route { feature, sample };

/// VICReg's variance and covariance of one view.
inline float variance_and_covariance(const Batch& z, Route route, Batch& d_z) {
  const auto freedom = static_cast<float>(z.rows() - 1), D = static_cast<float>(z.cols());
  const Batch centred = z.rowwise() - z.colwise().mean();
  const Row variance = centred.colwise().squaredNorm() / freedom;
  const Row deviation = (variance.array() + 1e-4F).sqrt();
  const Row slope = (deviation.array() < 1).select(-12.5F / (D * freedom) / deviation.array(), 0);
  d_z = centred * slope.asDiagonal();
  float covariance = 0;
  if (route == Route::feature) {
    Batch product = centred.transpose() * centred / freedom;
    product.diagonal().setZero();
    covariance = sum_of_squares(product) / D;
    d_z += 4 / (D * freedom) * (centred * product);
  } else {
    const Batch product = centred * centred.transpose() / freedom;
    covariance = (sum_of_squares(product) - variance.squaredNorm()) / D;
    d_z += 4 / (D * freedom) * (product * centred - centred * variance.asDiagonal());
  }
  return 12.5F * (1 - deviation.array()).max(0).mean() + covariance;
}

inline float vicreg(const Batch& z_a, const Batch& z_b, Route route, Batch& d_z_a, Batch& d_z_b) {
  const auto entries = static_cast<float>(z_a.size());
  const float rest =
      variance_and_covariance(z_a, route, d_z_a) + variance_and_covariance(z_b, route, d_z_b);
  const Batch difference = z_a - z_b;
  d_z_a += 50 / entries * difference;
  d_z_b -= 50 / entries * difference;
  return 25 / entries * difference.squaredNorm() + rest;
}

/// Columns of mean 0 and variance 1, and the way back.
struct StandardColumns {
  Batch rows;
  Row inverse_deviation;

  explicit StandardColumns(const Batch& z) : rows(z.rowwise() - z.colwise().mean()) {
    const auto N = static_cast<float>(z.rows());
    inverse_deviation = (rows.colwise().squaredNorm().array() / N + 1e-5F).rsqrt();
    rows *= inverse_deviation.asDiagonal();
  }

  Batch backward(const Batch& d) const {
    const Row along = rows.cwiseProduct(d).colwise().mean();
    const Batch across = d - rows * along.asDiagonal();
    return (across.rowwise() - d.colwise().mean()) * inverse_deviation.asDiagonal();
  }
};

inline float barlow_twins(const Batch& z_a, const Batch& z_b, float off_diagonal_weight,
                          Batch& d_z_a, Batch& d_z_b) {
  const auto N = static_cast<float>(z_a.rows());
  const StandardColumns a(z_a), b(z_b);
  Batch correlation = a.rows.transpose() * b.rows / N;
  const Column diagonal = correlation.diagonal();
  correlation.diagonal().setZero();
  const float loss =
      (diagonal.array() - 1).square().sum() + off_diagonal_weight * sum_of_squares(correlation);

  correlation *= 2 * off_diagonal_weight / N;
  correlation.diagonal() = (diagonal.array() - 1) * (2 / N);
  d_z_a = a.backward(b.rows * correlation.transpose());
  d_z_b = b.backward(a.rows * correlation);
  return loss;
}

}  // namespace rivals
