#include "selfsup/core/check.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "message.hpp"

#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

using selfsup::ConstView;
using selfsup::MutView;
using tests::Matrix;
using tests::message;

// Code compiled with other flags catches the std bases.
static_assert(std::is_base_of_v<std::invalid_argument, selfsup::ShapeError>);
static_assert(std::is_base_of_v<std::invalid_argument, selfsup::OptionError>);
static_assert(std::is_base_of_v<std::runtime_error, selfsup::NonFiniteError>);
static_assert(std::is_base_of_v<std::logic_error, selfsup::StateError>);

}  // namespace

TEST_CASE("batches of one shape pass, others are named") {
  const Matrix<float> a(256, 128), b(256, 127), c(255, 128);
  using selfsup::ShapeError;
  const auto require = [](const Matrix<float>& x, const Matrix<float>& y, std::size_t rows) {
    selfsup::require_batches<float>("VicReg::forward", {{"z_a", x}, {"z_b", y}}, rows);
  };
  CHECK_NOTHROW(require(a, a, 2));
  CHECK(message<ShapeError>([&] { require(a, b, 1); }) ==
        "VicReg::forward: z_b is 256x127, z_a is 256x128");
  CHECK(message<ShapeError>([&] { require(a, c, 1); }) ==
        "VicReg::forward: z_b is 255x128, z_a is 256x128");
  CHECK(message<ShapeError>([&] { require(Matrix<float>(1, 4), Matrix<float>(1, 4), 2); }) ==
        "VicReg::forward: z_a is 1x4, at least 2x1 expected");
  CHECK_THROWS_AS(require(Matrix<float>(0, 4), Matrix<float>(0, 4), 1), ShapeError);
  CHECK_THROWS_AS(require(Matrix<float>(4, 0), Matrix<float>(4, 0), 1), ShapeError);
}

TEST_CASE("an output is skipped, fits or is named") {
  Matrix<double> right(4, 3), wrong(3, 4);
  const auto require = [](MutView<double> output) {
    selfsup::require_output<double>("Byol::backward", "d_p", output, 4, 3);
  };
  CHECK_NOTHROW(require({}));
  CHECK_NOTHROW(require(right));
  CHECK(message<selfsup::ShapeError>([&] { require(wrong); }) ==
        "Byol::backward: d_p is 3x4, forward's batch is 4x3");
}

TEST_CASE("an entry that is not finite is found, an overflow explained") {
  Matrix<float> a(5, 4, 1), b(5, 4, 2);
  const auto thrown = [&] {
    return message<selfsup::NonFiniteError>([&] {
      selfsup::throw_non_finite<float>("VicReg::forward", {{"z_a", a}, {"z_b", b}});
    });
  };
  b(2, 1) = -1e20f;
  CHECK(thrown() == "VicReg::forward: overflow in float, largest |z_b| is 1e+20 in column 1");
  b(3, 2) = std::numeric_limits<float>::infinity();
  CHECK(thrown() == "VicReg::forward: z_b is infinite in row 3, column 2");
  a(4, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(thrown() == "VicReg::forward: z_a is NaN in row 4, column 3");
}
