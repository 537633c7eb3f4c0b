#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "selfsup/losses/vicreg.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "reference/vicreg.hpp"
#include "threads.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::Branches;
using selfsup::CovarianceRoute;
using selfsup::VicReg;
using selfsup::VicRegOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

// ‖K‖²/(‖K‖² − Σ_j(Σ_n zc_nj²)²) with K = Zc Zcᵀ: what the sample route's subtraction costs.
double amplification(const std::vector<Matrix<double>>& views) {
  double worst = 1;
  for (const auto& z : views) {
    Matrix<double> ignored(z.rows(), z.cols());
    reference::VicReg options;
    double diagonal = 0;
    for (std::size_t j = 0; j < z.cols(); ++j) {
      double mean = 0, square = 0;
      for (std::size_t n = 0; n < z.rows(); ++n) mean += z(n, j) / static_cast<double>(z.rows());
      for (std::size_t n = 0; n < z.rows(); ++n) square += std::pow(z(n, j) - mean, 2);
      diagonal += square * square;
    }
    const double covariance = reference::branch(z, options, 0, 1, ignored).covariance;
    const auto degrees = static_cast<double>(z.rows() - 1);
    const double off_diagonal = covariance * static_cast<double>(z.cols()) * degrees * degrees;
    worst = std::max(worst, (diagonal + off_diagonal) / off_diagonal);
  }
  return worst;
}

reference::VicReg to_reference(const VicRegOptions& options) {
  reference::VicReg result;
  result.invariance_weight = options.invariance_weight;
  result.variance_weight = options.variance_weight;
  result.covariance_weight = options.covariance_weight;
  result.target_std = options.target_std;
  result.epsilon = options.epsilon;
  result.invariance_per_entry = options.invariance_per_entry;
  result.variance_branches = options.variance_branches == Branches::mean ? 0.5 : 1;
  result.covariance_branches = options.covariance_branches == Branches::mean ? 0.5 : 1;
  return result;
}

tests::LossCase vicreg_case(const std::string& name, const VicRegOptions& options,
                            std::optional<tests::Golden> golden = {}, std::size_t arguments = 2) {
  tests::LossCase item;
  item.name = "VicReg " + name;
  item.header = "vicreg";
  item.slow_by_columns = true;
  item.type = "VicReg";
  item.arguments =
      arguments == 2 ? std::vector<std::string>{"z_a", "z_b"} : std::vector<std::string>{"z"};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return arguments == 2 ? reference::vicreg(z[0], z[1], to_reference(options))
                          : reference::vicreg(z[0], to_reference(options));
  };
  item.has_gradient.assign(arguments, true);
  if (arguments == 2) item.exchange = {1, 0};
  item.normalizes = false;
  item.centres = true;
  item.min_rows = 2;
  if (options.covariance_route == CovarianceRoute::sample) {
    item.min_cols = 2;  // with one column nothing is left of the subtraction
  }
  item.magnifies = [route = options.covariance_route](const auto& inputs, bool in_float) {
    if (route == CovarianceRoute::sample) return amplification(inputs);
    // The automatic route promises all digits in float, and in double to lose 20 bits at most.
    const bool may_subtract = route == CovarianceRoute::automatic && !in_float;
    return may_subtract ? std::min(amplification(inputs), 1048576.0) : 1.0;
  };
  item.golden = golden;
  return tests::with_loss<VicReg>(options, item);
}

VicRegOptions with(CovarianceRoute route, VicRegOptions options = {}) {
  options.covariance_route = route;
  return options;
}

VicRegOptions weights(double invariance, double variance, double covariance) {
  VicRegOptions options;
  options.invariance_weight = invariance;
  options.variance_weight = variance;
  options.covariance_weight = covariance;
  return options;
}

template <class T>
tests::Findings against_reference(const VicRegOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = vicreg_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto exact = tests::cast<double>(rounded);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(exact),
                                item.amplification<T>(exact));
}

constexpr CovarianceRoute routes[] = {CovarianceRoute::automatic, CovarianceRoute::sample,
                                      CovarianceRoute::feature};

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  const auto sample = CovarianceRoute::sample, feature = CovarianceRoute::feature;
  VicRegOptions other;
  other.target_std = 2;
  other.epsilon = 0.01;
  return {
      vicreg_case("official", {}, golden::vicreg_official),
      vicreg_case("official, sample route", with(sample), golden::vicreg_official),
      vicreg_case("official, feature route", with(feature), golden::vicreg_official),
      vicreg_case("paper", VicRegOptions::paper(), golden::vicreg_paper),
      vicreg_case("solo_learn", VicRegOptions::solo_learn(), golden::vicreg_solo_learn),
      vicreg_case("vicregl", VicRegOptions::vicregl(), golden::vicreg_vicregl),
      vicreg_case("target 2", other),
      vicreg_case("invariance only", weights(1, 0, 0)),
      vicreg_case("variance only", weights(0, 1, 0)),
      vicreg_case("covariance only, sample route", with(sample, weights(0, 0, 1))),
      vicreg_case("covariance only, feature route", with(feature, weights(0, 0, 1))),
      vicreg_case("without covariance", weights(25, 25, 0)),
      vicreg_case("other weights", weights(3, 2, 0.7)),
      vicreg_case("one view", {}, {}, 1),
      vicreg_case("one view, sample route", with(sample), {}, 1),
      vicreg_case("one view, feature route", with(feature), {}, 1),
  };
});

}  // namespace tests

TEST_CASE("VicReg: the variance hinge is that of each column, added in order") {
  for (const std::size_t D : {1u, 3u, 8u, 13u, 64u, 201u}) {
    const Matrix<double> drawn = tests::random_matrix(1, D, 3);
    // Some columns on either side of the target, and one without variance.
    std::vector<double> squares(D), factor(D, 0.5), expected_factor(D, 0.5);
    for (std::size_t j = 1; j < D; ++j) squares[j] = 40 * drawn(0, j) * drawn(0, j);
    const selfsup::kernels::VarianceHinge hinge{20, D, 1.1, 1e-4};
    double expected = 0;
    for (std::size_t j = 0; j < D; ++j) {
      const double sigma = std::sqrt(squares[j] / 19 + 1e-4);
      expected += std::max(0.0, 1.1 - sigma);
      if (sigma < 1.1) expected_factor[j] -= 0.7 / (19 * static_cast<double>(D)) / sigma;
    }
    INFO(D << " columns");
    CHECK(hinge.value(squares.data()) == expected / static_cast<double>(D));
    hinge.add_gradient(squares.data(), 0.7, factor.data());
    CHECK(factor == expected_factor);
  }
}

TEST_CASE("VicReg: the presets are what the paper and the libraries use") {
  CHECK(VicRegOptions::official().variance_branches == Branches::mean);
  CHECK(VicRegOptions::official().covariance_branches == Branches::sum);
  CHECK_FALSE(VicRegOptions::paper().invariance_per_entry);
}

TEST_CASE("VicReg: the terms are given apart and meet the golden numbers") {
  for (const auto route : routes) {
    VicReg<double> loss(with(route));
    loss.forward(tests::golden_a(), tests::golden_b());
    const auto terms = loss.terms();
    namespace golden = tests::golden;
    CHECK(std::abs(terms.invariance - golden::vicreg_invariance) <= tolerance::golden_double);
    CHECK(std::abs(terms.variance - (golden::vicreg_variance_a + golden::vicreg_variance_b) / 2) <=
          tolerance::golden_double);
    CHECK(std::abs(terms.covariance - golden::vicreg_covariance_a - golden::vicreg_covariance_b) <=
          tolerance::golden_double);
    loss.forward(tests::golden_b());
    CHECK(std::abs(loss.terms().variance - golden::vicreg_variance_b) <= tolerance::golden_double);
    CHECK(std::abs(loss.terms().covariance - golden::vicreg_covariance_b) <=
          tolerance::golden_double);
  }
}

TEST_CASE("VicReg: a term of weight 0 is not computed and shows NaN") {
  VicReg<double> invariance(weights(25, 0, 0)), variance(weights(0, 25, 0)),
      covariance(weights(0, 0, 1));
  for (auto* loss : {&invariance, &variance, &covariance}) {
    loss->forward(tests::golden_a(), tests::golden_b());
  }
  CHECK_FALSE(std::isnan(invariance.terms().invariance));
  CHECK(std::isnan(invariance.terms().variance));
  CHECK(std::isnan(invariance.terms().covariance));
  CHECK(std::isnan(variance.terms().invariance));
  CHECK_FALSE(std::isnan(variance.terms().variance));
  CHECK(std::isnan(covariance.terms().variance));
  CHECK_FALSE(std::isnan(covariance.terms().covariance));
}

TEST_CASE("VicReg: collapsed input gives 24.75 or 49.5 and exactly no gradient") {
  for (const auto route : routes) {
    for (const std::size_t N : {2u, 9u, 65u}) {
      for (const float fill : {0.0f, 0.1f, 1e4f}) {
        const Matrix<float> z(N, 20, fill);
        Matrix<float> d_a(N, 20, 7), d_b(N, 20, 7);
        VicReg<float> official(with(route)), paper(with(route, VicRegOptions::paper()));
        CHECK(std::abs(official.forward(z, z) - 24.75f) <= 24.75f * 1e-6f);
        official.backward(d_a, d_b);
        CHECK(d_a.entries() == std::vector<float>(20 * N, 0));
        CHECK(d_b.entries() == std::vector<float>(20 * N, 0));
        CHECK(std::abs(paper.forward(z, z) - 49.5f) <= 49.5f * 1e-6f);
      }
    }
  }
}

TEST_CASE("VicReg: both routes are right at N = D - 1, D and D + 1") {
  for (const std::size_t D : {2u, 5u, 16u, 33u, 100u}) {
    for (const std::size_t N : {D - 1, D, D + 1}) {
      if (N < 2) continue;
      const auto z = tests::random_views(N, D, N);
      for (const auto route : routes) {
        INFO(N << "x" << D << ", route " << static_cast<int>(route));
        CHECK_NONE(against_reference<float>(with(route), z));
        CHECK_NONE(against_reference<double>(with(route), z));
      }
    }
  }
}

TEST_CASE("VicReg: products larger than a tile are right, on any threads and within any budget") {
  const auto z = tests::random_views(390, 400, 3);
  const auto rounded = tests::cast<float>(z);
  for (const auto route : {CovarianceRoute::sample, CovarianceRoute::feature}) {
    INFO("route " << static_cast<int>(route));
    CHECK_NONE(against_reference<float>(with(route), z));
    const auto item = vicreg_case("", with(route));
    const auto expected = tests::run(*item.make<float>(), item, rounded);
    for (const std::size_t budget : {std::size_t{0}, std::size_t{1} << 18})
      CHECK(tests::run(*item.make<float>(budget), item, rounded) == expected);
    for (const int threads : {1, 3}) {
      const tests::Threads scope(threads);
      CHECK(tests::run(*item.make<float>(), item, rounded) == expected);
    }
  }
}

TEST_CASE("VicReg: more threads than a small Gram matrix has chunks give the same bits") {
  using Shape = std::pair<std::size_t, std::size_t>;
  for (const auto& [N, D] : {Shape{1500, 45}, {37, 1500}, {1500, 1}}) {
    const auto z = tests::cast<float>(tests::random_views(N, D, 3));
    for (const auto& views : {z, decltype(z){z[0]}}) {
      const auto item = vicreg_case("", {}, {}, views.size());
      const auto on_threads = [&](int threads) {
        const tests::Threads scope(threads);
        return tests::run(*item.make<float>(), item, views);
      };
      const auto expected = on_threads(1);
      for (const int threads : {3, 5, 16}) {
        INFO(N << "x" << D << ", " << views.size() << " views, " << threads << " threads");
        CHECK(on_threads(threads) == expected);
      }
    }
  }
}

TEST_CASE("VicReg: one column of 1000 times the others' scale is right on every route") {
  auto z = tests::random_views(20, 33, 7);
  for (auto& view : z) {
    for (std::size_t n = 0; n < 20; ++n) view(n, 5) *= 1000;
  }
  for (const auto route : routes) {
    INFO("route " << static_cast<int>(route));
    CHECK_NONE(against_reference<float>(with(route), z));
    CHECK_NONE(against_reference<double>(with(route), z));
  }
}

TEST_CASE("VicReg: the automatic route leaves the sample space where that would lose digits") {
  // Columns nearly uncorrelated, one of them 1000 times larger: the off-diagonal is what is left
  // of a subtraction of numbers 1e6 times larger.
  Matrix<double> z(8, 9);
  for (std::size_t n = 0; n < 8; ++n) {
    for (std::size_t j = 0; j < 9; ++j) {
      z(n, j) = j == 0 ? (n % 2 == 0 ? 1000 : -1000) : std::sin(static_cast<double>(n * j + j));
    }
  }
  CHECK_NONE(against_reference<float>(weights(0, 0, 1), {z, z}));
}

TEST_CASE("VicReg: an offset of 1e4 costs no digit") {
  for (const auto route : routes) {
    auto z = tests::random_views(20, 33, 7);
    for (auto& view : z) {
      for (double& entry : view.entries()) entry = 1e4 + std::round(entry * 64) / 64;
    }
    INFO("route " << static_cast<int>(route));
    CHECK_NONE(against_reference<float>(with(route), z));
    CHECK_NONE(against_reference<double>(with(route), z));
  }
}

TEST_CASE("VicReg: rows of 1e20 overflow in float and are refused by name") {
  for (const auto route : routes) {
    auto z = tests::cast<float>(tests::random_views(6, 5, 3));
    for (float& entry : z[1].entries()) entry = std::copysign(1.0f, entry);
    for (std::size_t n = 0; n < 6; ++n) z[1](n, 3) *= n % 2 == 0 ? 1e20f : -1e20f;
    VicReg<float> loss(with(route));
    std::string text;
    try {
      loss.forward(z[0], z[1]);
    } catch (const selfsup::NonFiniteError& error) {
      text = error.what();
    }
    CHECK(text == "VicReg::forward: overflow in float, largest |z_b| is 1e+20 in column 3");
    Matrix<float> d_a(6, 5, 7), d_b(6, 5, 7);
    CHECK_THROWS_AS(loss.backward(d_a, d_b), selfsup::StateError);
    CHECK(d_a.entries() == std::vector<float>(30, 7));
  }
}

TEST_CASE("VicReg: no terms are left over after a forward that threw") {
  const auto z = tests::random_views(6, 5, 3);
  const Matrix<double> narrow(6, 4, 1);
  VicReg<double> loss;
  loss.forward(z[0], z[1]);
  CHECK_THROWS_AS(loss.forward(z[0], narrow), selfsup::ShapeError);
  CHECK(std::isnan(loss.terms().invariance));
  CHECK(std::isnan(loss.terms().variance));
  CHECK(std::isnan(loss.terms().covariance));
}

TEST_CASE("VicReg: rows of 1e-20 are collapsed") {
  auto z = tests::cast<float>(tests::random_views(6, 5, 3));
  for (auto& view : z) {
    for (float& entry : view.entries()) entry *= 1e-20f;
  }
  VicReg<float> loss;
  CHECK(std::abs(loss.forward(z[0], z[1]) - 24.75f) <= 24.75f * 1e-6f);
  Matrix<float> d_a(6, 5, 7), d_b(6, 5, 7);
  loss.backward(d_a, d_b);
  for (const float entry : d_a.entries()) CHECK(std::abs(entry) <= 1e-15f);
}

TEST_CASE("VicReg: options out of range are refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double weight : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(VicReg<float>(weights(weight, 25, 1)), selfsup::OptionError);
    CHECK_THROWS_AS(VicReg<float>(weights(25, weight, 1)), selfsup::OptionError);
    CHECK_THROWS_AS(VicReg<float>(weights(25, 25, weight)), selfsup::OptionError);
  }
  VicRegOptions options;
  options.epsilon = -1e-4;
  CHECK_THROWS_AS(VicReg<float>(options), selfsup::OptionError);
  options = {};
  options.target_std = nan;
  CHECK_THROWS_AS(VicReg<float>(options), selfsup::OptionError);
}

TEST_CASE("VicReg: one sample has no variance") {
  const auto z = tests::random_views(1, 5, 3);
  VicReg<double> loss;
  CHECK_THROWS_AS(loss.forward(z[0], z[1]), selfsup::ShapeError);
  CHECK_THROWS_AS(loss.forward(z[0]), selfsup::ShapeError);
}

TEST_CASE("VicReg: backward takes as many outputs as forward took views") {
  const auto z = tests::random_views(6, 5, 3);
  Matrix<double> d_a(6, 5, 7), d_b(6, 5, 7);
  VicReg<double> loss;
  loss.forward(z[0], z[1]);
  CHECK_THROWS_AS(loss.backward(d_a), selfsup::ShapeError);
  loss.forward(z[0]);
  CHECK_THROWS_AS(loss.backward(d_a, d_b), selfsup::ShapeError);
  CHECK(d_a.entries() == std::vector<double>(30, 7));
  CHECK_NOTHROW(loss.backward(d_a));
}

TEST_CASE("VicReg: empty braces skip an output") {
  const auto z = tests::random_views(5, 6, 3);
  VicReg<double> loss;
  loss.forward(z[0], z[1]);
  Matrix<double> both(5, 6), d_b(5, 6), alone(5, 6);
  loss.backward(both, d_b);
  loss.backward(alone, {});
  CHECK(alone.entries() == both.entries());
}
