// What a gradient check found, for any test framework: true when all is well, and a sentence.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/finite.hpp"

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// What a gradient check found.
struct GradcheckReport {
  /// One derivative by both ways. In a check by directions `row` is the number of the direction.
  struct Entry {
    std::size_t argument = 0;
    std::size_t row = 0;
    std::size_t column = 0;
    double analytic = 0;
    double numeric = 0;
  };

  /// Largest |analytic − numeric|, relative to the largest analytic entry of all arguments (by
  /// directions: to the norm of the gradient); for a gradient of zeros to a millionth of the value.
  double error = 0;
  Entry worst;
  std::size_t checked = 0;
  /// Derivatives that do not exist, and the first of them.
  std::size_t kinks = 0;
  Entry first_kink;
  /// False when value or gradient gave two answers at one point; then nothing else was checked.
  bool repeatable = true;
  /// What the types of value and gradient allow, see gradcheck_tolerance.
  double tolerance = 0;
  bool by_directions = false;
  std::vector<std::string> names = {};
  /// The value at the point. When it is not finite nothing else was checked.
  double value = 0;
  /// How small an error could have been seen, relative as `error` is (by directions: of one entry
  /// alone): what the value's rounding does to the differences. A check whose tolerance is below it
  /// cannot judge, so it does not pass.
  double resolution = 0;
  /// Derivatives smaller than this are hidden, where the resolution is worst.
  double hidden = 0;

  bool passes(double allowed) const {
    return repeatable && is_finite(value) && checked > 0 && kinks == 0 && !is_nan(error) &&
           error <= allowed && resolves(allowed);
  }
  bool passes() const { return passes(tolerance); }
  /// So that EXPECT_TRUE(report) << report, CHECK(report) and assert(report) work.
  explicit operator bool() const { return passes(); }

  std::string message() const {
    std::ostringstream out;
    out << *this;
    return out.str();
  }

  /// Enters one derivative, of whose difference rounding hides an error below `rounding`,
  /// relative as the error is below `unseen`.
  void add(const Entry& entry, double relative_error, bool kink, double unseen = 0,
           double rounding = 0) {
    ++checked;
    if (kink) {
      if (++kinks == 1) first_kink = entry;
      return;
    }
    if (!is_nan(resolution) && (is_nan(unseen) || unseen > resolution)) {
      resolution = unseen;
      hidden = rounding;
    }
    // NaN is the worst, and stays it.
    if (is_nan(error)) return;
    if (checked == kinks + 1 || is_nan(relative_error) || relative_error > error) {
      error = relative_error;
      worst = entry;
    }
  }

  friend std::ostream& operator<<(std::ostream& out, const GradcheckReport& report) {
    if (!is_finite(report.value)) {
      return out << "gradcheck: the value at this point is " << report.value
                 << ", a finite one expected, so differences cannot judge anything";
    }
    if (!report.repeatable) {
      return out
             << "gradcheck: two calls at the same point differ (random numbers, or a state that "
                "each call changes), so differences cannot judge anything";
    }
    out << "gradcheck: " << report.checked << " derivatives, worst relative error " << report.error;
    if (report.checked > report.kinks) {
      out << " at ";
      report.print(out, report.worst);
      report.print_resolution(out);
    }
    if (report.kinks > 0) {
      out << "; " << report.kinks << " cannot be judged, since the differences do not settle "
          << "(a hinge, a norm floor or a jump is within reach; move the point), the first at ";
      report.print(out, report.first_kink);
    }
    return out;
  }

 private:
  bool resolves(double allowed) const { return !is_nan(resolution) && resolution <= allowed; }

  void print_resolution(std::ostream& out) const {
    const char* const of = by_directions ? " in one entry" : "";
    if (resolves(tolerance)) {
      out << "; relative errors" << of << " from " << resolution << " up would be seen";
      return;
    }
    out << "; relative errors" << of << " below " << resolution
        << " cannot be judged, since the rounding of the value, " << value
        << ", hides derivatives smaller than " << hidden;
  }

  void print(std::ostream& out, const Entry& entry) const {
    const auto precision = out.precision(10);
    if (entry.argument < names.size()) {
      out << names[entry.argument];
    } else {
      out << "argument " << entry.argument;
    }
    if (by_directions) {
      out << ", direction " << entry.row;
    } else {
      out << ", row " << entry.row << ", column " << entry.column;
    }
    out << ": analytic " << entry.analytic << ", numeric " << entry.numeric;
    out.precision(precision);
  }
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
