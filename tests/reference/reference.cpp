// The references are an oracle only if they are right themselves: each meets the golden numbers and
// its own central differences.
#include "catch.hpp"
#include "golden.hpp"
#include "matrix.hpp"
#include "reference/byol.hpp"
#include "reference/info_nce.hpp"
#include "reference/nt_xent.hpp"
#include "reference/simsiam.hpp"
#include "reference/vicreg.hpp"
#include "tolerances.hpp"

#include "selfsup/testing/gradcheck.hpp"

#include <cmath>
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
    CHECK(std::abs(found.gradients[1](0, 0) - item.golden->d_b00) <= tolerance::golden_double);
  }
}

TEST_CASE("the NtXent reference meets the golden derivative by the temperature") {
  const auto found = reference::nt_xent(tests::golden_a(), tests::golden_b(), softmax(0.5, 8));
  CHECK(std::abs(found.d_temperature - golden::nt_xent_05_d_temperature) <=
        tolerance::golden_double);
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
