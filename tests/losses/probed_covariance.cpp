#include "selfsup/losses/probed_covariance.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "losses/steps.hpp"
#include "message.hpp"
#include "reference/covariance.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace {

using selfsup::ProbedCovariance;
using selfsup::ProbedCovarianceOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

ProbedCovarianceOptions probes(std::size_t count, std::uint64_t seed = 0) {
  ProbedCovarianceOptions options;
  options.probes = count;
  options.seed = seed;
  return options;
}

// The signs of each probe, 64 from each number of its stream.
Matrix<double> signs(const ProbedCovarianceOptions& options, std::size_t D) {
  Matrix<double> omega(D, options.probes);
  for (std::size_t p = 0; p < options.probes; ++p) {
    selfsup::rng::RandomStream random(options.seed, 0, p);
    for (std::size_t first = 0; first < D; first += 64) {
      const std::uint64_t bits = random.bits();
      for (std::size_t i = 0; i < 64 && first + i < D; ++i)
        omega(first + i, p) = (bits >> i & 1) != 0 ? 1 : -1;
    }
  }
  return omega;
}

// Σ_ij C_ij²/Σ_{i≠j} C_ij²: what the subtraction of the diagonal costs.
double amplification(const Matrix<double>& z) {
  const auto c = reference::covariance_matrix(z);
  double all = 0, diagonal = 0;
  for (std::size_t i = 0; i < z.cols(); ++i) {
    for (std::size_t j = 0; j < z.cols(); ++j) all += c(i, j) * c(i, j);
    diagonal += c(i, i) * c(i, i);
  }
  return all / (all - diagonal);
}

tests::LossCase probed_case(const ProbedCovarianceOptions& options) {
  tests::LossCase item;
  item.name = "ProbedCovariance, " + std::to_string(options.probes) + " probes";
  item.header = "probed_covariance";
  item.slow_by_columns = true;
  item.type = "ProbedCovariance";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return reference::probed_covariance(z[0], signs(options, z[0].cols()));
  };
  item.normalizes = false;
  item.centres = true;
  item.min_rows = 2;
  item.min_cols = 2;  // of one column nothing is left of the subtraction
  item.magnifies = [](const auto& z, bool) { return amplification(z[0]); };
  return tests::with_loss<ProbedCovariance>(options, item);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {probed_case(probes(1)), probed_case(probes(16)), probed_case(probes(37, 3))};
});

}  // namespace tests

TEST_CASE("ProbedCovariance: every sign once gives VICReg's covariance term exactly") {
  // Two columns: y = ±C_01 whatever the signs.
  Matrix<double> z(4, 2);
  for (std::size_t n = 0; n < 4; ++n) {
    for (std::size_t j = 0; j < 2; ++j) z(n, j) = tests::golden_a()(n, j);
  }
  const double c = std::pow(reference::covariance_matrix(z)(0, 1), 2);  // 2·C²/D
  for (std::uint64_t step = 0; step < 4; ++step) {
    ProbedCovariance<double> loss(probes(1));
    loss.set_step(step);
    CHECK(std::abs(loss.forward(z) - c) <= tolerance::rounding(8) * c * amplification(z));
  }
}

TEST_CASE("ProbedCovariance: the mean over many steps is VICReg's covariance term") {
  const auto z = tests::golden_a();
  for (const std::size_t count : {1u, 5u}) {
    constexpr std::size_t steps = 4000;
    ProbedCovariance<double> loss(probes(count, 1));
    double sum = 0, squares = 0;
    for (std::size_t step = 0; step < steps; ++step) {
      loss.set_step(step);
      const double value = loss.value(z);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / steps, error = std::sqrt((squares / steps - mean * mean) / steps);
    INFO(count << " probes: mean " << mean << ", standard error " << error);
    CHECK(std::abs(mean - tests::golden::vicreg_covariance_a) <= 4 * error);
    CHECK(error <= 0.05 * mean);
  }
}

TEST_CASE("ProbedCovariance: each forward takes the probes of the next step") {
  tests::check_steps(ProbedCovariance<double>(probes(3)), tests::random_matrix(9, 12, 3));
}

TEST_CASE("ProbedCovariance: collapsed columns give 0 and exactly no gradient") {
  const Matrix<float> z(9, 20, 0.1f);
  Matrix<float> d_z(9, 20, 7);
  ProbedCovariance<float> loss;
  CHECK(loss.forward(z) == 0);
  loss.backward(d_z);
  CHECK(d_z.entries() == std::vector<float>(180, 0));
}

TEST_CASE("ProbedCovariance: no probe and batches of one sample are refused") {
  CHECK(tests::message<selfsup::OptionError>([] { ProbedCovariance<float> none(probes(0)); }) ==
        "ProbedCovariance: probes is 0, at least 1 expected");
  ProbedCovariance<double> loss;
  CHECK_THROWS_AS(loss.forward(tests::random_matrix(1, 5, 3)), selfsup::ShapeError);
}

TEST_CASE("ProbedCovariance: rows of 1e20 overflow in float and are refused by name") {
  auto z = tests::cast<float>(tests::random_matrix(6, 5, 3));
  for (std::size_t n = 0; n < 6; ++n) z(n, 3) = n % 2 == 0 ? 1e20f : -1e20f;
  ProbedCovariance<float> loss;
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z); }) ==
        "ProbedCovariance::forward: overflow in float, largest |z| is 1e+20 in column 3");
}
