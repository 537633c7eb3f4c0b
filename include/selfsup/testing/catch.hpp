// The gradient check as a matcher of Catch2, version 2 or 3:
//
//     CHECK_THAT(selfsup::gradcheck(loss, {z_a, z_b}), selfsup::HasRightGradients());
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/testing/gradcheck.hpp"

#if __has_include(<catch2/matchers/catch_matchers.hpp>)
#include <catch2/matchers/catch_matchers.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <optional>
#include <sstream>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

#if __has_include(<catch2/matchers/catch_matchers.hpp>)
template <class T>
using CatchMatcher = Catch::Matchers::MatcherBase<T>;
#else
template <class T>
using CatchMatcher = Catch::MatcherBase<T>;
#endif

}  // namespace detail

/// Matches a report that passes, at the tolerance of its types or at the one given.
class HasRightGradients : public detail::CatchMatcher<GradcheckReport> {
 public:
  HasRightGradients() = default;
  explicit HasRightGradients(double tolerance) : tolerance_(tolerance) {}

  bool match(const GradcheckReport& report) const override {
    return tolerance_ ? report.passes(*tolerance_) : report.passes();
  }
  std::string describe() const override {
    if (!tolerance_) return "has right gradients";
    std::ostringstream text;
    text << "has right gradients, to " << *tolerance_;
    return text.str();
  }

 private:
  std::optional<double> tolerance_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
