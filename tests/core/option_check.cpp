#include "selfsup/core/option_check.hpp"

#include "catch.hpp"
#include "message.hpp"

#include <limits>
#include <string>

using tests::message;

TEST_CASE("options out of range are named") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double x : {0.0, -1.0, infinity, -infinity, nan}) {
    CHECK_THROWS_AS(selfsup::require_positive<double>("temperature", x), selfsup::OptionError);
  }
  for (const double x : {-1.0, infinity, -infinity, nan}) {
    CHECK_THROWS_AS(selfsup::require_not_negative<double>("epsilon", x), selfsup::OptionError);
  }
  CHECK_NOTHROW(selfsup::require_positive<double>("temperature", 1e-300));
  CHECK_NOTHROW(selfsup::require_not_negative<double>("epsilon", 0));
  const auto text = message<selfsup::OptionError>(
      [] { selfsup::require_positive<double>("NtXentOptions: temperature", -0.5); });
  CHECK(text.find("NtXentOptions: temperature is -0.5") == 0);
}

TEST_CASE("options between 0 and 1 are held to their interval") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double x : {0.0, 0.5}) {
    CHECK_NOTHROW(selfsup::require_below_one("prior", x));
    CHECK_NOTHROW(selfsup::require_up_to_one("rate", x));
  }
  CHECK_NOTHROW(selfsup::require_up_to_one("rate", 1));
  CHECK(message<selfsup::OptionError>([] { selfsup::require_below_one("prior", 1); }) ==
        "prior is 1, a number from 0 to below 1 expected");
  CHECK(message<selfsup::OptionError>([] { selfsup::require_up_to_one("rate", 1.5); }) ==
        "rate is 1.5, a number from 0 to 1 expected");
  for (const double x : {-0.1, nan}) {
    CHECK_THROWS_AS(selfsup::require_below_one("prior", x), selfsup::OptionError);
    CHECK_THROWS_AS(selfsup::require_up_to_one("rate", x), selfsup::OptionError);
  }
}

TEST_CASE("options that the type cannot hold are named") {
  const auto outside = [](auto&& require) { return message<selfsup::OptionError>(require); };
  CHECK(outside([] { selfsup::require_in_type<float>("bias", 1e39); }) ==
        "bias is 1e+39, outside the range of float");
  CHECK(outside([] { selfsup::require_positive<float>("scale", 1e-40); }) ==
        "scale is 1e-40, outside the range of float");
  CHECK(outside([] { selfsup::require_invertible<float>("temperature", 1e-39); }) ==
        "temperature is 1e-39, its inverse is outside the range of float");
  CHECK_NOTHROW(selfsup::require_zero_or_normal<float>("epsilon", 0));
  CHECK_THROWS_AS(selfsup::require_zero_or_normal<float>("epsilon", 1e-40), selfsup::OptionError);
}
