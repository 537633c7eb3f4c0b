#include "selfsup/losses/info_nce.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "reference/info_nce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using selfsup::InfoNce;
using selfsup::InfoNceOptions;
using selfsup::Reduction;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

tests::LossCase info_nce_case(const std::string& name, const InfoNceOptions& options,
                              std::optional<tests::Golden> golden = {}) {
  tests::LossCase item;
  item.name = "InfoNce " + name;
  item.header = "info_nce";
  item.type = "InfoNce";
  item.arguments = {"query", "key"};
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    const double rows = static_cast<double>(z[0].rows());
    double divisor = options.symmetric ? 2 * rows : rows;
    if (options.reduction == Reduction::view_means) divisor = rows;
    if (options.reduction == Reduction::sum) divisor = 1;
    return reference::info_nce(z[0], z[1], options.temperature, options.symmetric,
                               options.normalize, divisor);
  };
  if (options.symmetric) item.exchange = {1, 0};
  item.normalizes = options.normalize;
  item.temperature = options.temperature;
  if (item.temperature < 0.05) item.noise = 4;  // else all losses would be as small as 1e-40
  if (!options.normalize) {
    // The accuracy promised is that of cosines; larger similarities have larger rounding.
    item.magnifies = [options](const auto& inputs, bool in_float) {
      const double reach = tests::largest_square(inputs);
      return std::max(1.0, in_float ? 0.1 / options.temperature * reach : reach);
    };
  }
  item.golden = golden;
  return tests::with_loss<InfoNce>(options, item);
}

InfoNceOptions with(double temperature, bool symmetric, bool normalize = true,
                    Reduction reduction = Reduction::mean) {
  InfoNceOptions options;
  options.temperature = temperature;
  options.symmetric = symmetric;
  options.normalize = normalize;
  options.reduction = reduction;
  return options;
}

template <class T>
tests::Findings against_reference(const InfoNceOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = info_nce_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(tests::cast<double>(rounded)),
                                1);
}

}  // namespace

std::vector<tests::LossCase> tests::info_nce_cases() {
  return {
      info_nce_case("default", {}, golden::info_nce_01),
      info_nce_case("symmetric", with(0.1, true), golden::info_nce_symmetric_01),
      info_nce_case("clip", InfoNceOptions::clip()),
      info_nce_case("0.5", with(0.5, false)),
      info_nce_case("0.01, an online maximum in float", with(0.01, false)),
      info_nce_case("symmetric, 0.01", with(0.01, true)),
      info_nce_case("symmetric, 0.002, an online maximum in double", with(0.002, true)),
      info_nce_case("sum", with(0.1, false, true, Reduction::sum)),
      info_nce_case("symmetric sum", with(0.1, true, true, Reduction::sum)),
      info_nce_case("symmetric view_means", with(0.1, true, true, Reduction::view_means)),
      info_nce_case("without normalisation", with(1, false, false)),
      info_nce_case("symmetric without normalisation", with(0.2, true, false)),
  };
}

TEST_CASE("InfoNce: the clip preset is symmetric at 0.07") {
  CHECK(InfoNceOptions::clip().symmetric);
  CHECK(InfoNceOptions::clip().temperature == 0.07);
}

TEST_CASE("InfoNce: identical rows give ln N and no gradient") {
  for (const bool symmetric : {false, true}) {
    for (const std::size_t N : {2u, 3u, 17u, 200u}) {
      const Matrix<double> z(N, 5, 0.7);
      Matrix<double> d_query(N, 5), d_key(N, 5);
      InfoNce<double> loss(with(0.1, symmetric));
      const double expected = std::log(static_cast<double>(N));
      CHECK(std::abs(loss.forward(z, z) - expected) <= tolerance::rounding(N, 0.1) * expected);
      loss.backward(d_query, d_key);
      for (const double x : d_query.entries()) CHECK(std::abs(x) <= tolerance::rounding(N, 0.1));
      for (const double x : d_key.entries()) CHECK(std::abs(x) <= tolerance::rounding(N, 0.1));
    }
  }
}

TEST_CASE("InfoNce: equal orthonormal views give ln(e^(1/t) + N - 1) - 1/t") {
  for (const double temperature : {0.05, 0.5, 5.0}) {
    Matrix<double> z(6, 8);
    for (std::size_t n = 0; n < 6; ++n) z(n, n) = 2;
    const double expected = std::log1p(5 * std::exp(-1 / temperature));
    for (const bool symmetric : {false, true}) {
      InfoNce<double> loss(with(temperature, symmetric));
      CHECK(std::abs(loss.forward(z, z) - expected) <=
            tolerance::rounding(6, temperature) * expected);
    }
  }
}

TEST_CASE("InfoNce: a single sample has no negatives, so exactly 0") {
  const auto z = tests::cast<float>(tests::random_views(1, 9, 1));
  for (const bool symmetric : {false, true}) {
    for (const double temperature : {1e-3, 0.1, 1e3}) {
      Matrix<float> d_query(1, 9, 7), d_key(1, 9, 7);
      InfoNce<float> loss(with(temperature, symmetric));
      CHECK(loss.forward(z[0], z[1]) == 0);
      loss.backward(d_query, d_key);
      CHECK(d_query.entries() == std::vector<float>(9, 0));
      CHECK(d_key.entries() == std::vector<float>(9, 0));
    }
  }
}

TEST_CASE("InfoNce: temperatures from 1e-3 to 1e3 are finite and right") {
  for (const double temperature : {1e-3, 1e-2, 1.0, 1e3}) {
    for (const std::size_t rows : {3u, 50u, 150u}) {
      INFO("temperature " << temperature << ", " << rows << " rows");
      const auto z = tests::random_views(rows, 20, 5);
      CHECK_NONE(against_reference<float>(with(temperature, false), z));
      CHECK_NONE(against_reference<float>(with(temperature, true), z));
      CHECK_NONE(against_reference<double>(with(temperature, true), z));
    }
  }
}

TEST_CASE("InfoNce: rows of zeros, duplicates and opposites are right") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](4, d) = z[1](7, d) = 0;
    z[0](1, d) = z[0](2, d) = z[1](2, d) = z[0](5, d);
    z[1](5, d) = -z[0](5, d);
  }
  for (const bool symmetric : {false, true}) {
    CHECK_NONE(against_reference<float>(with(0.1, symmetric), z));
    CHECK_NONE(against_reference<double>(with(0.1, symmetric), z));
  }
}

TEST_CASE("InfoNce: the temperature can be changed, and is checked") {
  InfoNce<double> loss(with(0.5, true)), other(with(0.2, true));
  const auto a = tests::golden_a(), b = tests::golden_b();
  CHECK_THROWS_AS(loss.d_temperature(), selfsup::StateError);
  loss.set_temperature(0.2);
  CHECK(loss.forward(a, b) == other.forward(a, b));
  for (const double temperature : {0.0, -0.1, std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(loss.set_temperature(temperature), selfsup::OptionError);
    CHECK_THROWS_AS(InfoNce<float>(with(temperature, false)), selfsup::OptionError);
  }
}
