#include "selfsup/core/finite.hpp"

#include "catch.hpp"

#include <limits>

namespace {

template <class T>
void check_is_finite() {
  using Limits = std::numeric_limits<T>;
  for (const T x : {T(0), -T(0), T(1), Limits::max(), Limits::lowest(), Limits::denorm_min()}) {
    CHECK(selfsup::is_finite(x));
  }
  for (const T x : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                    std::copysign(Limits::quiet_NaN(), T(-1)), Limits::signaling_NaN()}) {
    CHECK_FALSE(selfsup::is_finite(x));
  }
}

}  // namespace

TEST_CASE("is_finite reads the exponent") {
  check_is_finite<float>();
  check_is_finite<double>();
}
