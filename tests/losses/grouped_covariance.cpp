#include "selfsup/losses/grouped_covariance.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "losses/steps.hpp"
#include "message.hpp"
#include "reference/covariance.hpp"
#include "reference/vicreg.hpp"

#include "selfsup/random/random.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::GroupedCovariance;
using selfsup::GroupedCovarianceOptions;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

GroupedCovarianceOptions groups_of(std::size_t size, std::uint64_t seed = 0) {
  GroupedCovarianceOptions options;
  options.group_size = size;
  options.seed = seed;
  return options;
}

// The group of each of D columns: as even as can be, dealt in the order of the shuffle.
std::vector<std::size_t> groups(const GroupedCovarianceOptions& options, std::size_t D) {
  std::vector<std::size_t> order(D), group(D);
  selfsup::rng::shuffle({options.seed, 0}, D, order.data());
  const std::size_t count = (D + options.group_size - 1) / options.group_size;
  std::size_t next = 0;
  for (std::size_t g = 0; g < count; ++g) {
    const std::size_t size = D / count + (g < D % count ? 1 : 0);
    for (std::size_t i = 0; i < size; ++i) group[order[next++]] = g;
  }
  return group;
}

// ‖K‖²/(‖K‖² − Σ_j s_j²) of the worst group: what the sample route's subtraction costs.
double amplification(const Matrix<double>& z, const std::vector<std::size_t>& group) {
  const auto c = reference::covariance_matrix(z);
  std::vector<double> all(z.cols()), off(z.cols());
  for (std::size_t i = 0; i < z.cols(); ++i) {
    for (std::size_t j = 0; j < z.cols(); ++j) {
      if (group[i] != group[j]) continue;
      all[group[i]] += c(i, j) * c(i, j);
      if (i != j) off[group[i]] += c(i, j) * c(i, j);
    }
  }
  double worst = 1;
  for (std::size_t g = 0; g < z.cols(); ++g) {
    if (off[g] > 0) worst = std::max(worst, all[g] / off[g]);
  }
  return worst;
}

tests::LossCase grouped_case(const GroupedCovarianceOptions& options) {
  tests::LossCase item;
  item.name = "GroupedCovariance, groups of " + std::to_string(options.group_size);
  item.header = "grouped_covariance";
  item.slow_by_columns = true;
  item.type = "GroupedCovariance";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return reference::grouped_covariance(z[0], groups(options, z[0].cols()));
  };
  item.normalizes = false;
  item.centres = true;
  item.min_rows = 2;
  // As VICReg's automatic route: all digits in float, 20 bits fewer at most in double.
  item.magnifies = [=](const auto& z, bool in_float) {
    return in_float ? 1.0 : std::min(amplification(z[0], groups(options, z[0].cols())), 1048576.0);
  };
  return tests::with_loss<GroupedCovariance>(options, item);
}

double exact(const Matrix<double>& z) {
  Matrix<double> ignored(z.rows(), z.cols());
  return reference::branch(z, {}, 0, 1, ignored).covariance;
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {grouped_case(groups_of(2)), grouped_case(groups_of(7, 3)), grouped_case(groups_of(500))};
});

}  // namespace tests

TEST_CASE("GroupedCovariance: one group is VICReg's covariance term") {
  for (const auto& z : {tests::golden_a(), tests::random_views(9, 12, 3)[0]}) {
    GroupedCovariance<double> loss;
    Matrix<double> d_z(z.rows(), z.cols()), expected(z.rows(), z.cols());
    const double value = loss.forward(z);
    loss.backward(d_z);
    const double c = reference::branch(z, {}, 0, 1, expected).covariance;
    CHECK(std::abs(value - c) <= tolerance::rounding(24) * c);
    CHECK(tests::gradient_error<double>({d_z}, {expected}).ratio <= tolerance::rounding(24));
  }
  GroupedCovariance<double> loss;
  CHECK(std::abs(loss.forward(tests::golden_a()) - tests::golden::vicreg_covariance_a) <=
        tolerance::golden_double);
}

TEST_CASE("GroupedCovariance: the largest group_size there is means one group") {
  const auto z = tests::random_matrix(9, 7, 3);
  GroupedCovariance<double> exact(groups_of(7)),
      largest(groups_of(std::numeric_limits<std::size_t>::max()));
  CHECK(largest.forward(z) == exact.forward(z));
}

TEST_CASE("GroupedCovariance: the mean over many steps is VICReg's covariance term") {
  const auto z = tests::random_views(12, 11, 5)[0];
  for (const std::size_t size : {2u, 4u, 10u}) {  // groups of unequal sizes among them
    constexpr std::size_t steps = 2000;
    GroupedCovariance<double> loss(groups_of(size, 1));
    double sum = 0, squares = 0;
    for (std::size_t step = 0; step < steps; ++step) {
      loss.set_step(step);
      const double value = loss.value(z);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / steps, error = std::sqrt((squares / steps - mean * mean) / steps);
    INFO("groups of " << size << ": mean " << mean << ", exact " << exact(z) << ", standard error "
                      << error);
    CHECK(std::abs(mean - exact(z)) <= 4 * error);
    CHECK(error <= 0.05 * exact(z));
  }
}

TEST_CASE("GroupedCovariance: each forward takes the groups of the next step") {
  tests::check_steps(GroupedCovariance<double>(groups_of(3)), tests::random_matrix(9, 12, 3));
}

TEST_CASE("GroupedCovariance: groups larger than a tile are right, within any budget") {
  const auto z = tests::random_views(30, 801, 3);
  const auto item = grouped_case(groups_of(401));
  const auto tall = tests::random_views(420, 401, 3);
  for (const auto& views : {std::vector{z[0]}, std::vector{tall[0]}}) {
    const auto rounded = tests::cast<float>(views);
    const auto loss = item.make<float>();
    CHECK_NONE(tests::check_reference(item, *loss, rounded, item.reference(views), 1));
    CHECK(tests::run(*item.make<float>(0), item, rounded) == tests::run(*loss, item, rounded));
  }
}

TEST_CASE("GroupedCovariance: collapsed columns give 0 and exactly no gradient") {
  const Matrix<float> z(9, 20, 0.1f);
  Matrix<float> d_z(9, 20, 7);
  GroupedCovariance<float> loss(groups_of(4));
  CHECK(loss.forward(z) == 0);
  loss.backward(d_z);
  CHECK(d_z.entries() == std::vector<float>(180, 0));
}

TEST_CASE("GroupedCovariance: groups of one column and batches of one sample are refused") {
  CHECK(tests::message<selfsup::OptionError>([] { GroupedCovariance<float> x(groups_of(1)); }) ==
        "GroupedCovariance: group_size is 1, at least 2 expected");
  GroupedCovariance<double> loss;
  CHECK_THROWS_AS(loss.forward(tests::random_matrix(1, 5, 3)), selfsup::ShapeError);
}

TEST_CASE("GroupedCovariance: rows of 1e20 overflow in float and are refused by name") {
  auto z = tests::cast<float>(tests::random_matrix(6, 5, 3));
  for (std::size_t n = 0; n < 6; ++n) z(n, 3) = n % 2 == 0 ? 1e20f : -1e20f;
  GroupedCovariance<float> loss(groups_of(2));
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z); }) ==
        "GroupedCovariance::forward: overflow in float, largest |z| is 1e+20 in column 3");
}
