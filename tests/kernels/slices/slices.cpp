#include "selfsup/kernels/slices/slices.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::ConstView;
using selfsup::ShapeError;
using selfsup::kernels::Slices;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace rng = selfsup::rng;
namespace tolerance = tests::tolerance;

template <class T>
Matrix<T> copy(ConstView<T> view) {
  Matrix<T> matrix(view.rows(), view.cols());
  for (std::size_t r = 0; r < view.rows(); ++r)
    for (std::size_t c = 0; c < view.cols(); ++c) matrix(r, c) = view(r, c);
  return matrix;
}

template <class T>
Matrix<T> drawn(std::size_t count, std::size_t D, rng::RandomPoint point) {
  Slices<T> slices;
  slices.prepare("X::forward", count, D, point);
  return copy(slices.rows());
}

}  // namespace

TEMPLATE_TEST_CASE("drawn slices are normal vectors of length one, floats in either type", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 130u}) {
    const Matrix<T> u = drawn<T>(37, D, {7, 3});
    std::size_t wrong = 0;
    for (std::size_t s = 0; s < 37; ++s) {
      std::vector<double> normals(D);
      rng::RandomStream(7, 3, s).normals(D, normals.data());
      double squares = 0, length = 0;
      for (const double x : normals) squares += x * x;
      for (std::size_t d = 0; d < D; ++d) {
        const auto u_d = static_cast<double>(u(s, d));
        length += u_d * u_d;
        // A normal number and its share of the length are rounded to float.
        const double expected = normals[d] / std::sqrt(squares);
        if (!(std::abs(u_d - expected) <= tolerance::operations<float>(2))) ++wrong;
        if (u(s, d) != static_cast<T>(static_cast<float>(u(s, d)))) ++wrong;
      }
      INFO("D = " << D << ", slice " << s);
      CHECK(std::abs(length - 1) <= tolerance::operations<float>(2));
    }
    CHECK(wrong == 0);
  }
  CHECK(tests::cast<float>(drawn<double>(5, 17, {7, 3})).entries() ==
        drawn<float>(5, 17, {7, 3}).entries());
}

TEST_CASE("slices are those of their point, however many") {
  const auto few = drawn<float>(3, 17, {7, 3}), many = drawn<float>(50, 17, {7, 3});
  CHECK(std::vector<float>(many.data(), many.data() + 3 * 17) == few.entries());
  CHECK(drawn<float>(3, 17, {8, 3}).entries() != few.entries());
  CHECK(drawn<float>(3, 17, {7, 4}).entries() != few.entries());
  CHECK(drawn<float>(3, 17, {3, 7}).entries() != few.entries());
  CHECK(tests::same_on_any_threads([] { return drawn<float>(300, 100, {7, 3}).entries(); }));
}

TEST_CASE("slices are drawn again for another point, width or number") {
  Slices<float> slices;
  const auto prepare = [&](std::size_t count, std::size_t D, rng::RandomPoint point) {
    slices.prepare("X::forward", count, D, point);
    CHECK(slices.count() == count);
    return copy(slices.rows()).entries() == drawn<float>(count, D, point).entries();
  };
  CHECK(prepare(5, 17, {7, 3}));
  CHECK(prepare(5, 17, {7, 3}));
  CHECK(prepare(5, 17, {7, 4}));
  CHECK(prepare(5, 18, {7, 4}));
  CHECK(prepare(6, 18, {7, 4}));
}

TEST_CASE("slices are shown as rows, as columns and in part") {
  Slices<float> slices;
  slices.prepare("X::forward", 9, 17, {7, 3});
  const auto all = copy(slices.rows()), columns = copy(slices.columns());
  const auto some = copy(slices.rows(2, 5));
  CHECK(all.rows() == 9);
  CHECK(columns.rows() == 17);
  CHECK(some.rows() == 5);
  for (std::size_t s = 0; s < 9; ++s)
    for (std::size_t d = 0; d < 17; ++d) CHECK(columns(d, s) == all(s, d));
  CHECK(some.entries() == std::vector<float>(&all(2, 0), &all(2, 0) + 5 * 17));
}

TEMPLATE_TEST_CASE("given columns are taken as they are, from every layout", "", float, double) {
  using T = TestType;
  const auto u = tests::cast<T>(tests::random_matrix(17, 5, 1));
  for (const Layout layout : tests::layouts) {
    INFO(tests::name(layout));
    Slices<T> slices;
    slices.give(Stored<T>(u, layout));
    slices.prepare("X::forward", 99, 17, {7, 3});
    CHECK(slices.count() == 5);
    CHECK(copy(slices.columns()).entries() == u.entries());
    CHECK(tests::message<ShapeError>([&] {
            slices.prepare("X::forward", 99, 16, {7, 3});
          }) == "X::forward: slices are 17x5, the batch has 16 columns");
  }
}

TEST_CASE("slices are drawn once given ones are taken back or moved away") {
  const auto u = tests::random_matrix(17, 9, 1);  // as many as are drawn
  const auto expected = drawn<double>(9, 17, {7, 3}).entries();
  Slices<double> slices;
  slices.prepare("X::forward", 9, 17, {7, 3});
  slices.give(u);
  slices.take_back();
  slices.prepare("X::forward", 9, 17, {7, 3});
  CHECK(copy(slices.rows()).entries() == expected);
  slices.give(u);
  const Slices<double> moved = std::move(slices);
  CHECK(copy(moved.columns()).entries() == u.entries());
  slices.prepare("X::forward", 9, 17, {7, 3});
  CHECK(copy(slices.rows()).entries() == expected);
}
