#include "selfsup/momentum/ema.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace {

using tests::Matrix;

template <class T>
void check_update() {
  const auto online = tests::cast<T>(tests::random_matrix(5, 7, 1));
  const auto target = tests::cast<T>(tests::random_matrix(5, 7, 2));
  for (const double rate : {0.0, 0.25, 0.99, 0.996}) {
    Matrix<T> updated = target;
    selfsup::ema_update<T>(updated, online, rate);
    double worst = 0;
    for (std::size_t i = 0; i < 35; ++i) {
      const auto x = static_cast<double>(target.entries()[i]);
      const auto y = static_cast<double>(online.entries()[i]);
      const double expected = rate * x + (1 - rate) * y;
      worst = tests::worse(worst, std::abs(static_cast<double>(updated.entries()[i]) - expected));
    }
    CHECK(worst <= tests::tolerance::operations<T>(4));  // entries lie in [−1, 1]
  }
}

template <class T>
void check_exact() {
  const auto online = tests::cast<T>(tests::random_matrix(5, 7, 1));
  for (const double rate : {0.0, 0.3, 0.996, 1.0}) {
    Matrix<T> same = online;
    selfsup::ema_update<T>(same, online, rate);
    CHECK(same.entries() == online.entries());
  }
  const auto target = tests::cast<T>(tests::random_matrix(5, 7, 2));
  Matrix<T> kept = target;
  selfsup::ema_update<T>(kept, online, 1);
  CHECK(kept.entries() == target.entries());
}

}  // namespace

TEST_CASE("a target moves towards the online value") {
  check_update<float>();
  check_update<double>();
}

TEST_CASE("a fixed point and rate 1 are exact") {
  check_exact<float>();
  check_exact<double>();
}

TEST_CASE("any layout is updated in place") {
  const auto online = tests::random_matrix(4, 3, 1);
  const auto target = tests::random_matrix(4, 3, 2);
  Matrix<double> expected = target;
  selfsup::ema_update<double>(expected, online, 0.5);
  for (const auto layout : tests::layouts) {
    INFO(tests::name(layout));
    tests::Stored<double> stored(target, layout);
    selfsup::ema_update<double>(stored, online, 0.5);
    CHECK(stored.matrix().entries() == expected.entries());
    CHECK(stored.surroundings_untouched());
  }
}

TEST_CASE("the schedule of rates runs from the base rate to exactly 1") {
  CHECK(std::abs(selfsup::ema_rate(0.996, 0, 100) - 0.996) <=
        tests::tolerance::operations<double>(1));
  CHECK(selfsup::ema_rate(0.996, 100, 100) == 1);
  CHECK(std::abs(selfsup::ema_rate(0.9, 50, 100) - 0.95) <=
        tests::tolerance::operations<double>(2));
  CHECK(std::abs(selfsup::ema_rate(0, 1, 3) - 0.25) <= tests::tolerance::operations<double>(2));
  double before = 0;
  for (std::size_t step = 0; step <= 100; ++step) {
    const double rate = selfsup::ema_rate(0.99, step, 100);
    CHECK(rate >= before);
    before = rate;
  }
}

TEST_CASE("a rate out of range and a wrong shape are refused before anything is written") {
  Matrix<float> target(3, 4, 1), online(3, 4, 2), other(3, 5, 2);
  for (const double rate : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(selfsup::ema_update<float>(target, online, rate), selfsup::OptionError);
    CHECK_THROWS_AS(selfsup::ema_rate(rate, 0, 10), selfsup::OptionError);
  }
  CHECK_THROWS_AS(selfsup::ema_rate(0.9, 11, 10), selfsup::OptionError);
  CHECK_THROWS_AS(selfsup::ema_rate(0.9, 0, 0), selfsup::OptionError);
  std::string text;
  try {
    selfsup::ema_update<float>(target, other, 0.5);
  } catch (const selfsup::ShapeError& error) {
    text = error.what();
  }
  CHECK(text == "ema_update: online is 3x5, target is 3x4");
  CHECK(target.entries() == std::vector<float>(12, 1.0f));
}
