#include "selfsup/losses/siglip.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/siglip.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::Reduction;
using selfsup::SigLip;
using selfsup::SigLipOptions;
using tests::Matrix;
namespace golden = tests::golden;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

reference::SigLip expected_of(const SigLipOptions& options, const std::vector<Matrix<double>>& z) {
  const double divisor = options.reduction == Reduction::sum ? 1 : static_cast<double>(z[0].rows());
  return reference::siglip(z[0], z[1], options.scale, options.bias, options.normalize, divisor);
}

tests::LossCase siglip_case(const std::string& name, const SigLipOptions& options,
                            std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "SigLip " + name;
  item.header = "siglip";
  item.slow_by_rows = true;
  item.type = "SigLip";
  item.arguments = {"image", "text"};
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    return expected_of(options, z);
  };
  item.exchange = {1, 0};
  item.normalizes = options.normalize;
  item.temperature = 1 / options.scale;
  if (!options.normalize) {
    // The accuracy promised is that of cosines; larger similarities have larger rounding.
    item.magnifies = [options](const auto& inputs, bool in_float) {
      const double reach = tests::largest_square(inputs);
      return std::max(1.0, in_float ? 0.1 * options.scale * reach : reach);
    };
  }
  item.golden = golden;
  return tests::with_loss<SigLip>(options, item);
}

SigLipOptions with(double scale, double bias, bool normalize = true,
                   Reduction reduction = Reduction::mean) {
  SigLipOptions options;
  options.scale = scale;
  options.bias = bias;
  options.normalize = normalize;
  options.reduction = reduction;
  return options;
}

template <class T>
tests::Findings against_reference(const SigLipOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = siglip_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(tests::cast<double>(rounded)),
                                1);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {
      siglip_case("default", {}, golden::siglip),
      siglip_case("1, 0", with(1, 0)),
      siglip_case("30, -12", with(30, -12)),
      siglip_case("sum", with(10, -10, true, Reduction::sum)),
      siglip_case("without normalisation", with(0.5, -2, false)),
  };
});

}  // namespace tests

TEST_CASE("SigLip: the derivatives by scale and bias meet the golden numbers") {
  SigLip<double> loss;
  Matrix<double> d_image(4, 3), d_text(4, 3);
  loss.forward(tests::golden_a(), tests::golden_b());
  loss.backward(d_image, d_text);
  CHECK(std::abs(loss.d_scale() - golden::siglip_d_scale) <= tolerance::golden_double);
  CHECK(std::abs(loss.d_bias() - golden::siglip_d_bias) <= tolerance::golden_double);
}

TEMPLATE_TEST_CASE("SigLip: the derivatives by scale and bias meet the reference", "", float,
                   double) {
  using T = TestType;
  for (const SigLipOptions& options :
       {SigLipOptions{}, with(1, 0), with(20, 3, true, Reduction::sum), with(0.5, -2, false)}) {
    for (const std::size_t rows : {1u, 9u, 205u}) {
      const auto z = tests::random_views(rows, 33, rows);
      const auto expected = expected_of(options, z);
      const auto inputs = tests::cast<T>(z);
      Matrix<T> d_image(rows, 33), d_text(rows, 33);
      SigLip<T> loss(options);
      loss.forward(inputs[0], inputs[1]);
      loss.backward(d_image, d_text, T(3));
      // Each of the pairs' terms is at most 1 (by b) or the largest similarity (by t).
      const double pairs = 3 * expected.value * (options.normalize ? 1 : 20);
      const double allowed = sizeof(T) == 4 ? tolerance::float_gradient : 1e-13;
      INFO(rows << " rows, scale " << options.scale);
      CHECK(std::abs(loss.d_scale() - 3 * expected.d_scale) <= allowed * pairs);
      CHECK(std::abs(loss.d_bias() - 3 * expected.d_bias) <= allowed * pairs);
      // Both ways to ⟨S, dL/dS⟩ give it, whichever output is skipped.
      const double d_scale = loss.d_scale(), d_bias = loss.d_bias();
      loss.backward(d_image, {}, T(3));
      CHECK(std::abs(loss.d_scale() - d_scale) <= allowed * pairs);
      loss.backward({}, d_text, T(3));
      CHECK(std::abs(loss.d_scale() - d_scale) <= allowed * pairs);
      CHECK(loss.d_bias() == d_bias);
    }
  }
}

TEST_CASE("SigLip: the derivatives by scale and bias meet central differences") {
  const auto z = tests::random_views(7, 5, 3);
  const auto value = [&](double scale, double bias) {
    return SigLip<double>(with(scale, bias)).value(z[0], z[1]);
  };
  SigLip<double> loss(with(3, -2));
  Matrix<double> d_image(7, 5), d_text(7, 5);
  loss.forward(z[0], z[1]);
  loss.backward(d_image, d_text);
  const double h = 1e-5;
  CHECK(std::abs(loss.d_scale() - (value(3 + h, -2) - value(3 - h, -2)) / (2 * h)) <= 1e-8);
  CHECK(std::abs(loss.d_bias() - (value(3, -2 + h) - value(3, -2 - h)) / (2 * h)) <= 1e-8);
}

TEST_CASE("SigLip: orthonormal pairs give softplus(-t - b) + (N - 1) softplus(b)") {
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  for (const auto& [scale, bias] : {std::pair{10.0, -10.0}, std::pair{2.0, 0.5}, {1e-3, -3.0}}) {
    Matrix<double> z(6, 8);
    for (std::size_t n = 0; n < 6; ++n) z(n, n) = 2;
    const double expected = softplus(-scale - bias) + 5 * softplus(bias);
    CHECK(std::abs(SigLip<double>(with(scale, bias)).forward(z, z) - expected) <=
          tolerance::rounding(6, 1 / scale) * expected);
  }
}

TEST_CASE("SigLip: from hopeless to perfect, finite and right") {
  for (const double scale : {1e-3, 1.0, 100.0, 1e3}) {
    for (const double bias : {-100.0, -10.0, 0.0, 10.0, 100.0}) {
      for (const std::size_t rows : {3u, 50u}) {
        INFO("scale " << scale << ", bias " << bias << ", " << rows << " rows");
        const auto z = tests::random_views(rows, 20, 5);
        // What is added to a similarity is rounded at its magnitude.
        const double reach = std::max(1.0, std::abs(bias) / std::max(scale, 10.0));
        const auto item = siglip_case("", with(scale, bias));
        CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(z),
                                          item.reference(z), reach));
        CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, item.reference(z), reach));
      }
    }
  }
}

TEST_CASE("SigLip: rows of zeros, duplicates and opposites are right") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](4, d) = z[1](7, d) = 0;
    z[0](1, d) = z[0](2, d) = z[1](2, d) = z[0](5, d);
    z[1](5, d) = -z[0](5, d);
  }
  CHECK_NONE(against_reference<float>({}, z));
  CHECK_NONE(against_reference<double>({}, z));
}

TEST_CASE("SigLip: similarities that overflow are an error") {
  for (const float big : {1e20f, 1e25f, 1e37f}) {
    auto z = tests::cast<float>(tests::random_views(9, 5, 1));
    for (auto& view : z) {
      for (float& entry : view.entries()) entry *= big;
    }
    SigLip<float> loss(with(10, -10, false));
    const auto found = tests::message<selfsup::NonFiniteError>([&] { loss.forward(z[0], z[1]); });
    CHECK(found.find("SigLip::forward: overflow in float, largest |") == 0);
  }
}

TEST_CASE("SigLip: scale and bias can be changed between steps, and are checked") {
  SigLip<double> loss, other(with(3, -2));
  const auto a = tests::golden_a(), b = tests::golden_b();
  Matrix<double> d_a(4, 3), d_b(4, 3), e_a(4, 3), e_b(4, 3);
  CHECK_THROWS_AS(loss.d_scale(), selfsup::StateError);
  CHECK_THROWS_AS(loss.d_bias(), selfsup::StateError);
  loss.forward(a, b);
  loss.backward(d_a, d_b);
  loss.set_scale(3);
  loss.set_bias(-2);
  loss.backward(e_a, e_b);  // of the forward that was
  CHECK(e_a.entries() == d_a.entries());
  CHECK(loss.forward(a, b) == other.forward(a, b));
  for (const double wrong :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(loss.set_scale(wrong), selfsup::OptionError);
    CHECK_THROWS_AS(loss.set_bias(wrong), selfsup::OptionError);
    CHECK_THROWS_AS(SigLip<float>(with(10, wrong)), selfsup::OptionError);
  }
  for (const double wrong : {0.0, -1.0}) {
    CHECK_THROWS_AS(loss.set_scale(wrong), selfsup::OptionError);
    CHECK_THROWS_AS(SigLip<float>(with(wrong, 0)), selfsup::OptionError);
  }
  CHECK(loss.options().scale == 3);
  CHECK(loss.options().bias == -2);
  CHECK_THROWS_AS(SigLip<float>(with(1e-39, 0)), selfsup::OptionError);
  CHECK_THROWS_AS(SigLip<float>(with(10, 1e50)), selfsup::OptionError);
  CHECK_NOTHROW(SigLip<double>(with(1e-39, 1e50)));
  CHECK_THROWS_AS(SigLip<float>(with(10, -10, true, Reduction::view_means)), selfsup::OptionError);
}

TEMPLATE_TEST_CASE("SigLip: rows shorter than norm_epsilon are divided by it", "", float, double) {
  tests::check_norm_epsilon<TestType, SigLipOptions>(
      [](const SigLipOptions& options) { return siglip_case("", options); });
}
