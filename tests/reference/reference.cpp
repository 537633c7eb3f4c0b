// The references are an oracle only if they are right themselves: each meets the golden numbers and
// its own central differences.
#include "catch.hpp"
#include "golden.hpp"
#include "matrix.hpp"
#include "reference/alignment.hpp"
#include "reference/barlow_twins.hpp"
#include "reference/byol.hpp"
#include "reference/covariance.hpp"
#include "reference/info_nce.hpp"
#include "reference/nt_xent.hpp"
#include "reference/siglip.hpp"
#include "reference/sigreg.hpp"
#include "reference/simsiam.hpp"
#include "reference/sup_con.hpp"
#include "reference/uniformity.hpp"
#include "reference/vicreg.hpp"
#include "tolerances.hpp"

#include "selfsup/testing/gradcheck.hpp"

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace {

using tests::Golden;
using tests::Matrix;
namespace golden = tests::golden;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

struct ReferenceCase {
  std::string name;
  std::function<reference::Result(const std::vector<Matrix<double>>&)> reference;
  std::size_t arguments = 2;
  std::optional<Golden> golden = {};
};

// Any columns, as many entries long as z is wide.
Matrix<double> directions(const Matrix<double>& z) { return tests::random_matrix(z.cols(), 3, 9); }

std::vector<std::size_t> reversed(const Matrix<double>& z) {
  std::vector<std::size_t> order;
  for (std::size_t j = z.cols(); j-- > 0;) order.push_back(j);
  return order;
}

reference::Softmax softmax(double temperature, double divisor, bool normalized = true) {
  reference::Softmax form;
  form.temperature = temperature;
  form.divisor = divisor;
  form.normalized = normalized;
  return form;
}

std::vector<ReferenceCase> reference_cases() {
  using Inputs = const std::vector<Matrix<double>>&;
  const auto vicreg = [](const reference::VicReg& options) {
    return [=](Inputs z) { return reference::vicreg(z[0], z[1], options); };
  };
  const auto count = [](Inputs z) { return static_cast<double>(z[0].rows()); };
  // Both views stacked, labels 0, 0, 1, 1 in each.
  const auto sup_con = [](Inputs z, bool inside) {
    const std::size_t N = z[0].rows();
    std::vector<std::int64_t> labels;
    for (std::size_t i = 0; i < 2 * N; ++i) labels.push_back(static_cast<std::int64_t>(i % N / 2));
    const auto found = reference::sup_con(tests::stacked(z), labels, 0.1, inside, true, true);
    return reference::Result{found.value, tests::unstacked(found.gradients[0], 2)};
  };
  reference::VicReg official, paper, solo_learn, vicregl;
  paper.invariance_per_entry = false;
  paper.variance_branches = solo_learn.variance_branches = 1;
  vicregl.covariance_branches = 0.5;
  return {
      {"NtXent 0.5",
       [=](Inputs z) { return reference::nt_xent(z[0], z[1], softmax(0.5, 2 * count(z))); }, 2,
       golden::nt_xent_05},
      {"NtXent 0.1",
       [=](Inputs z) { return reference::nt_xent(z[0], z[1], softmax(0.1, 2 * count(z))); }, 2,
       golden::nt_xent_01},
      {"NtXent without normalisation",
       [=](Inputs z) { return reference::nt_xent(z[0], z[1], softmax(1, 1, false)); }},
      {"InfoNce 0.1",
       [=](Inputs z) { return reference::info_nce(z[0], z[1], false, softmax(0.1, count(z))); }, 2,
       golden::info_nce_01},
      {"InfoNce symmetric",
       [=](Inputs z) { return reference::info_nce(z[0], z[1], true, softmax(0.1, 2 * count(z))); },
       2, golden::info_nce_symmetric_01},
      {"InfoNce without normalisation",
       [=](Inputs z) { return reference::info_nce(z[0], z[1], false, softmax(2, 1, false)); }},
      {"NtXent decoupled",
       [=](Inputs z) {
         reference::Softmax form = softmax(0.1, 2 * count(z));
         form.decoupled = true;
         return reference::nt_xent(z[0], z[1], form);
       },
       2, golden::nt_xent_decoupled_01},
      {"NtXent hcl",
       [=](Inputs z) {
         reference::Softmax form = softmax(0.5, 2 * count(z));
         form.positive_prior = 0.1;
         form.hard_negative_beta = 1;
         return reference::nt_xent(z[0], z[1], form);
       },
       2, golden::nt_xent_hcl},
      {"InfoNce label smoothing",
       [=](Inputs z) {
         reference::Softmax form = softmax(0.1, count(z));
         form.label_smoothing = 0.1;
         return reference::info_nce(z[0], z[1], false, form);
       },
       2, golden::info_nce_01_smoothing_01},
      {"InfoNce negatives",
       [=](Inputs z) {
         return reference::info_nce_against(z[0], z[1], z[2], true, softmax(0.1, count(z)));
       },
       3},
      {"Byol", [](Inputs z) { return reference::byol(z[0], z[1], true); }, 2, golden::byol},
      {"Byol plain", [](Inputs z) { return reference::byol(z[0], z[1], false); }},
      {"Byol both directions",
       [](Inputs z) {
         const auto one = [](const auto& p, const auto& t) { return reference::byol(p, t, true); };
         return reference::both_directions(one, z, 1);
       },
       4},
      {"SimSiam", [](Inputs z) { return reference::simsiam(z[0], z[1]); }, 2, golden::simsiam},
      {"VicReg official", vicreg(official), 2, golden::vicreg_official},
      {"VicReg paper", vicreg(paper), 2, golden::vicreg_paper},
      {"VicReg solo_learn", vicreg(solo_learn), 2, golden::vicreg_solo_learn},
      {"VicReg vicregl", vicreg(vicregl), 2, golden::vicreg_vicregl},
      {"VicReg one view", [=](Inputs z) { return reference::vicreg(z[0], official); }, 1},
      {"SupCon outside", [=](Inputs z) { return sup_con(z, false); }, 2, golden::sup_con_outside},
      {"SupCon inside", [=](Inputs z) { return sup_con(z, true); }, 2, golden::sup_con_inside},
      {"SigLip",
       [=](Inputs z) -> reference::Result {
         return reference::siglip(z[0], z[1], 10, -10, true, count(z));
       },
       2, golden::siglip},
      {"SigLip without normalisation",
       [](Inputs z) -> reference::Result {
         return reference::siglip(z[0], z[1], 0.5, -1, false, 1);
       }},
      {"Alignment", [](Inputs z) { return reference::alignment(z[0], z[1], 2, true); }, 2,
       golden::alignment},
      {"Alignment, the distance without normalisation",
       [](Inputs z) { return reference::alignment(z[0], z[1], 1, false); }},
      {"Uniformity", [](Inputs z) { return reference::uniformity(z[0], 2, true); }, 1,
       golden::uniformity},
      {"Uniformity without normalisation",
       [](Inputs z) { return reference::uniformity(z[0], 0.3, false); }, 1},
      {"SIGReg", [](Inputs z) { return reference::sigreg(z[0], directions(z[0])); }, 1},
      {"LeJEPA", [](Inputs z) { return reference::lejepa(z[0], z[1], directions(z[0]), 0.3); }},
      {"covariance in groups",
       [](Inputs z) {
         std::vector<std::size_t> group(z[0].cols());
         for (std::size_t j = 0; j < group.size(); ++j) group[j] = j % 2;
         return reference::grouped_covariance(z[0], group);
       },
       1},
      {"covariance by probes",
       [](Inputs z) { return reference::probed_covariance(z[0], directions(z[0])); }, 1},
      {"covariance by circular diagonals, q = 2",
       [](Inputs z) { return reference::circular_covariance(z[0], reversed(z[0]), 2, 0.5); }, 1},
      {"covariance by circular diagonals, q = 1",
       [](Inputs z) { return reference::circular_covariance(z[0], reversed(z[0]), 1, 0.5); }, 1},
      {"BarlowTwins 0.005",
       [](Inputs z) {
         return reference::barlow_twins(z[0], z[1], {0.005, 1, 1e-5});
       },
       2, golden::barlow_twins_005},
  };
}

}  // namespace

TEST_CASE("references meet the golden numbers") {
  const std::vector<Matrix<double>> inputs{tests::golden_a(), tests::golden_b()};
  for (const auto& item : reference_cases()) {
    if (!item.golden) continue;
    INFO(item.name);
    const auto found = item.reference(inputs);
    CHECK(std::abs(found.value - item.golden->value) <= tolerance::golden_double);
    CHECK(std::abs(found.gradients[0](0, 0) - item.golden->d_a00) <= tolerance::golden_double);
    if (item.arguments == 1) continue;
    CHECK(std::abs(found.gradients[1](0, 0) - item.golden->d_b00) <= tolerance::golden_double);
  }
}

TEST_CASE("the NtXent reference meets the golden derivative by the temperature") {
  const auto found = reference::nt_xent(tests::golden_a(), tests::golden_b(), softmax(0.5, 8));
  CHECK(std::abs(found.d_temperature - golden::nt_xent_05_d_temperature) <=
        tolerance::golden_double);
}

TEST_CASE("the SigLip reference meets the golden derivatives by scale and bias") {
  const auto found = reference::siglip(tests::golden_a(), tests::golden_b(), 10, -10, true, 4);
  CHECK(std::abs(found.d_scale - golden::siglip_d_scale) <= tolerance::golden_double);
  CHECK(std::abs(found.d_bias - golden::siglip_d_bias) <= tolerance::golden_double);
}

TEST_CASE("the VicReg reference meets the golden terms") {
  Matrix<double> ignored(4, 3);
  const auto a = reference::branch(tests::golden_a(), {}, 1, 1, ignored);
  const auto b = reference::branch(tests::golden_b(), {}, 1, 1, ignored);
  CHECK(std::abs(a.variance - golden::vicreg_variance_a) <= tolerance::golden_double);
  CHECK(std::abs(b.variance - golden::vicreg_variance_b) <= tolerance::golden_double);
  CHECK(std::abs(a.covariance - golden::vicreg_covariance_a) <= tolerance::golden_double);
  CHECK(std::abs(b.covariance - golden::vicreg_covariance_b) <= tolerance::golden_double);
}

TEST_CASE("references meet central differences") {
  for (const auto& item : reference_cases()) {
    const auto inputs = tests::random_views(5, 4, 7, item.arguments);
    const auto matrices = [](const std::vector<selfsup::ConstView<double>>& views) {
      std::vector<Matrix<double>> copies;
      for (const auto& view : views) {
        copies.emplace_back(view.rows(), view.cols());
        std::copy(view.data(), view.data() + view.rows() * view.cols(), copies.back().data());
      }
      return copies;
    };
    const auto report = selfsup::gradcheck(
        [&](const auto& views) { return item.reference(matrices(views)).value; },
        [&](const auto& views) {
          std::vector<std::vector<double>> gradients;
          for (const auto& gradient : item.reference(matrices(views)).gradients) {
            gradients.push_back(gradient.entries());
          }
          return gradients;
        },
        {inputs.begin(), inputs.end()});
    INFO(item.name << ": " << report);
    CHECK(report.passes(tolerance::difference));
  }
}

TEST_CASE("the SupCon reference's derivative by the temperature meets central differences") {
  const auto z = tests::random_matrix(6, 4, 7);
  for (const bool inside : {true, false}) {
    const auto sup_con = [&](double t) {
      return reference::sup_con(z, {0, 1, 2, 0, 0, 1}, t, inside, true, true);
    };
    const double h = 1e-4;
    const double numeric = (sup_con(1 + h).value - sup_con(1 - h).value) / (2 * h);
    CHECK(std::abs(sup_con(1).d_temperature - numeric) <= 1e-6 * std::abs(numeric));
  }
}

TEST_CASE("the references' derivative by the temperature meets central differences") {
  const auto z = tests::random_views(5, 4, 7);
  for (const bool normalized : {true, false}) {
    for (const bool symmetric : {true, false}) {
      const auto info_nce = [&](double t) {
        return reference::info_nce(z[0], z[1], symmetric, softmax(t, 5, normalized));
      };
      const double h = 1e-4;
      const double numeric = (info_nce(1 + h).value - info_nce(1 - h).value) / (2 * h);
      CHECK(std::abs(info_nce(1).d_temperature - numeric) <= 1e-6 * std::abs(numeric));
    }
  }
}
