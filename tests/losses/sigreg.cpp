#include "selfsup/losses/sigreg.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "losses/steps.hpp"
#include "message.hpp"
#include "reference/sigreg.hpp"
#include "threads.hpp"

#include "selfsup/random/random.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::SigReg;
using selfsup::SigRegOptions;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

SigRegOptions with_slices(std::size_t count, std::uint64_t seed = 0) {
  SigRegOptions options;
  options.slices = count;
  options.seed = seed;
  return options;
}

template <class T>
Matrix<double> copy_of(selfsup::ConstView<T> view) {
  Matrix<double> copy(view.rows(), view.cols());
  for (std::size_t r = 0; r < view.rows(); ++r) {
    for (std::size_t c = 0; c < view.cols(); ++c) copy(r, c) = static_cast<double>(view(r, c));
  }
  return copy;
}

// The directions that a loss of these options draws for D columns.
Matrix<double> slices_of(const SigRegOptions& options, std::size_t D, std::uint64_t step = 0) {
  SigReg<double> loss(options);
  loss.set_step(step);
  loss.value(Matrix<double>(1, D));
  return copy_of(loss.slices());
}

tests::LossCase sigreg_case(const SigRegOptions& options) {
  tests::LossCase item;
  item.name = "SigReg, " + std::to_string(options.slices) + " slices";
  item.header = "sigreg";
  item.slow_by_rows = true;
  item.type = "SigReg";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return reference::sigreg(z[0], slices_of(options, z[0].cols()));
  };
  item.normalizes = false;
  item.by_angles = true;
  return tests::with_loss<SigReg>(options, item);
}

// What one slice gives when all samples lie at 0, divided by N: Σ ω_q(1 − φ_q)².
double collapsed() {
  double sum = 0;
  for (int q = 1; q <= 16; ++q) {
    const double t = 3.0 * q / 16, phi = std::exp(-t * t / 2);
    sum += phi * 3 / 16 * (q == 16 ? 1 : 2) * (1 - phi) * (1 - phi);
  }
  return sum;
}

}  // namespace

// The first stands for the loss in the largest batches: along one slice alone a few samples near
// the normal distribution magnify the rounding of their projections.
namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  return {sigreg_case(with_slices(37, 5)), sigreg_case(with_slices(1))};
});

}  // namespace tests

TEMPLATE_TEST_CASE("SigReg: the golden number, along given slices", "", float, double) {
  using T = TestType;
  const auto u = tests::golden_slices();
  SigReg<T> loss;
  loss.set_slices(tests::cast<T>(u));
  const auto a = tests::cast<T>(tests::golden_a());
  Matrix<T> d_a(4, 3, T(7));
  const double allowed =
      std::is_same_v<T, float> ? tolerance::golden_float : tolerance::golden_double;
  const auto value = static_cast<double>(loss.forward(a));
  CHECK(std::abs(value - tests::golden::sigreg) <= allowed);
  loss.backward(d_a);
  CHECK(std::abs(static_cast<double>(d_a(0, 0)) - tests::golden::sigreg_d_a00) <= allowed);
  const auto expected = reference::sigreg(tests::golden_a(), u);
  CHECK(std::abs(expected.value - tests::golden::sigreg) <= tolerance::golden_double);
  CHECK(std::abs(expected.gradients[0](0, 0) - tests::golden::sigreg_d_a00) <=
        tolerance::golden_double);
}

TEST_CASE("SigReg: samples at 0 give the closed form and exactly no gradient") {
  for (const std::size_t N : {1u, 2u, 35u}) {
    SigReg<float> loss(with_slices(19));
    const Matrix<float> z(N, 6);
    Matrix<float> d_z(N, 6, 7);
    const double expected = static_cast<double>(N) * collapsed();
    CHECK(std::abs(static_cast<double>(loss.forward(z)) - expected) <=
          tolerance::float_value * expected);
    loss.backward(d_z);
    CHECK(d_z.entries() == std::vector<float>(6 * N, 0));
  }
}

TEST_CASE("SigReg: normal samples give the expected value, whatever their number") {
  // E|mean e^(itx) − φ|² = (1 − φ²)/N.
  double expected = 0;
  for (int q = 1; q <= 16; ++q) {
    const double t = 3.0 * q / 16, phi = std::exp(-t * t / 2);
    expected += phi * 3 / 16 * (q == 16 ? 1 : 2) * (1 - phi * phi);
  }
  constexpr std::size_t batches = 200;
  for (const std::size_t N : {3u, 40u}) {
    double sum = 0, squares = 0;
    SigReg<double> loss(with_slices(8));
    for (std::size_t batch = 0; batch < batches; ++batch) {
      selfsup::rng::RandomStream random(11, batch, N);
      Matrix<double> z(N, 12);
      random.normals(z.entries().size(), z.entries().data());
      const double value = loss.value(z);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / batches;
    const double error = std::sqrt((squares / batches - mean * mean) / batches);
    INFO("mean " << mean << ", expected " << expected << ", standard error " << error);
    CHECK(std::abs(mean - expected) <= 4 * error);
    CHECK(error <= 0.05 * expected);
  }
}

TEST_CASE("SigReg: turning samples and slices together changes nothing") {
  const auto z = tests::random_matrix(9, 2, 3);
  auto u = slices_of(with_slices(5), 2);
  SigReg<double> loss;
  loss.set_slices(u);
  const double before = loss.value(z);
  const auto turned = [](Matrix<double> rows) {
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const double x = rows(r, 0), y = rows(r, 1);
      rows(r, 0) = 0.6 * x - 0.8 * y;
      rows(r, 1) = 0.8 * x + 0.6 * y;
    }
    return rows;
  };
  for (std::size_t s = 0; s < 5; ++s) {
    const double x = u(0, s), y = u(1, s);
    u(0, s) = 0.6 * x - 0.8 * y;
    u(1, s) = 0.8 * x + 0.6 * y;
  }
  loss.set_slices(u);
  CHECK(std::abs(loss.value(turned(z)) - before) <= tolerance::rounding(40) * before);
}

TEST_CASE("SigReg: slices are unit vectors, a function of seed and step, the same in both types") {
  const std::size_t D = 7;
  SigReg<float> in_float(with_slices(20, 3));
  SigReg<double> in_double(with_slices(20, 3));
  in_float.set_step(8);
  in_double.set_step(8);
  in_float.value(Matrix<float>(2, D));
  in_double.value(Matrix<double>(5, D));
  const auto u = copy_of(in_double.slices());
  CHECK(copy_of(in_float.slices()).entries() == u.entries());
  for (std::size_t s = 0; s < 20; ++s) {
    double square = 0;
    for (std::size_t d = 0; d < D; ++d) square += u(d, s) * u(d, s);
    CHECK(std::abs(square - 1) <= tolerance::operations<float>(2));
  }
  CHECK(slices_of(with_slices(20, 3), D, 8).entries() == u.entries());
  CHECK(slices_of(with_slices(20, 3), D, 9).entries() != u.entries());
  CHECK(slices_of(with_slices(20, 4), D, 8).entries() != u.entries());
  // More slices begin with the same ones.
  CHECK(slices_of(with_slices(30, 3), D, 8)(4, 19) == u(4, 19));
}

TEST_CASE("SigReg: slices are the same numbers on every machine") {
  const auto u = slices_of(with_slices(2, 3), 3, 8);
  CHECK(u.entries() == std::vector<double>{0x1.4f2706p-1, 0x1.bec628p-1, 0x1.7f4bfp-1,
                                           0x1.4a1e62p-6, -0x1.aeda76p-4, 0x1.f3b8d8p-2});
}

TEST_CASE("SigReg: each forward takes the slices of the next step, unless some are given") {
  const auto z = tests::random_matrix(9, 5, 3);
  tests::check_steps(SigReg<double>(with_slices(4)), z);
  SigReg<double> loss(with_slices(4));
  const double first = loss.forward(z), second = loss.forward(z);
  loss.set_slices(slices_of(with_slices(4), 5, 0));
  CHECK(loss.forward(z) == first);
  CHECK(loss.forward(z) == first);
  loss.set_step(1);
  CHECK(loss.forward(z) == second);
}

TEST_CASE("SigReg: set_step leaves what forward has kept, set_slices does not") {
  const auto z = tests::random_matrix(9, 5, 3);
  Matrix<double> before(9, 5), after(9, 5);
  SigReg<double> loss(with_slices(4));
  const auto u = slices_of(with_slices(4), 5, 7);
  for (const bool given : {false, true}) {
    if (given) loss.set_slices(u);
    loss.forward(z);
    loss.backward(before);
    loss.set_step(1);
    loss.backward(after);
    CHECK(after.entries() == before.entries());
  }
  loss.forward(z);
  loss.set_slices(u);
  CHECK_THROWS_AS(loss.backward(after), selfsup::StateError);
  CHECK(after.entries() == before.entries());
}

TEST_CASE("SigReg: given slices that do not fit are refused") {
  const auto u = slices_of(with_slices(4), 5);
  SigReg<double> loss;
  loss.set_slices(u);
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.forward(tests::random_matrix(9, 6, 3)); }) ==
        "SigReg::forward: slices are 5x4, the batch has 6 columns");
  CHECK_NOTHROW(loss.forward(tests::random_matrix(9, 5, 3)));
  CHECK_THROWS_AS(loss.set_slices({}), selfsup::ShapeError);
  CHECK(tests::message<selfsup::OptionError>([] { SigReg<float> none(with_slices(0)); }) ==
        "SigReg: slices is 0, at least 1 expected");
}

TEST_CASE("SigReg: the presets are what the released code uses") {
  CHECK(SigRegOptions::lejepa().slices == 1024);
  CHECK(SigRegOptions::lejepa_minimal().slices == 256);
}

TEST_CASE("SigReg: an offset, large entries and tiny ones give finite numbers") {
  for (const float scale : {1e20f, 1e4f, 1e-20f}) {
    auto z = tests::cast<float>(tests::random_matrix(9, 5, 3));
    for (float& entry : z.entries()) entry = scale == 1e4f ? entry + scale : entry * scale;
    SigReg<float> loss(with_slices(20));
    Matrix<float> d_z(9, 5);
    CHECK(std::isfinite(loss.forward(z)));
    loss.backward(d_z);
    for (const float entry : d_z.entries()) CHECK(std::isfinite(entry));
  }
}

TEST_CASE("SigReg: projections that overflow are refused") {
  Matrix<float> z(3, 4, 3e38f);
  SigReg<float> loss(with_slices(50));
  CHECK(tests::message<selfsup::NonFiniteError>([&] { loss.forward(z); }) ==
        "SigReg::forward: overflow in float, largest |z| is 3e+38 in column 0");
}

TEMPLATE_TEST_CASE("SigReg: thousands of slices give the value and gradient of their definition",
                   "", float, double) {
  using T = TestType;
  constexpr bool in_float = std::is_same_v<T, float>;
  for (const std::size_t N : {3u, 300u}) {
    const auto options = with_slices(1300, 2);
    const auto z = tests::cast<T>(tests::random_matrix(N, 5, 3));
    const auto expected = reference::sigreg(tests::cast<double>(z), slices_of(options, 5));
    SigReg<T> loss(options);
    Matrix<T> d_z(N, 5, T(7));
    const auto value = static_cast<double>(loss.forward(z));
    CHECK(SigReg<T>(options).value(z) == static_cast<T>(value));
    CHECK(std::abs(value - expected.value) <=
          (in_float ? tolerance::float_value : tolerance::rounding(40)) * expected.value);
    loss.backward(d_z);
    double error = 0, size = 0;
    for (std::size_t i = 0; i < d_z.entries().size(); ++i) {
      const double entry = expected.gradients[0].entries()[i];
      error = std::max(error, std::abs(static_cast<double>(d_z.entries()[i]) - entry));
      size = std::max(size, std::abs(entry));
    }
    CHECK(error <= (in_float ? tolerance::float_gradient : tolerance::golden_double) * size);
  }
}

TEST_CASE("SigReg: many threads, which take longer strips of slices, give the same bits") {
  const auto z = tests::cast<float>(tests::random_matrix(270, 19, 4));
  SigRegOptions options;
  options.slices = 1500;
  const auto on_threads = [&](int threads) {
    const tests::Threads scope(threads);
    selfsup::SigReg<float> loss(options);
    Matrix<float> d_z(270, 19);
    const float value = loss.forward(z);
    loss.backward(d_z);
    return std::pair(value, d_z.entries());
  };
  const auto expected = on_threads(1);
  for (const int threads : {3, 24, 50}) {
    INFO(threads << " threads");
    CHECK(on_threads(threads) == expected);
  }
}

TEST_CASE("SigReg: memory does not grow with samples times slices") {
  const auto z = tests::cast<float>(tests::random_matrix(2000, 3, 3));
  Matrix<float> d_z(2000, 3);
  const auto bytes = [&](std::size_t slices) {
    SigReg<float> loss(with_slices(slices));
    loss.forward(z);
    loss.backward(d_z);
    return loss.bytes();
  };
  CHECK(bytes(4096) - bytes(1024) <= 3072 * 80);  // a slice is a line of 64 bytes
}

TEST_CASE("SigReg: a gradient without contiguous rows leaves what forward has kept") {
  const auto z = tests::random_matrix(9, 5, 3);
  SigReg<double> loss(with_slices(4));
  Matrix<double> before(9, 5), after(9, 5), transposed(5, 9);
  loss.forward(z);
  loss.backward(before);
  loss.backward(selfsup::MutView<double>(transposed).transposed(), 3);
  loss.backward(after);
  CHECK(after.entries() == before.entries());
}
