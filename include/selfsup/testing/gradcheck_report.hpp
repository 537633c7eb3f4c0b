// What a gradient check found, for any test framework: true when all is well, and a sentence.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cmath>
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
  /// directions: to the norm of the gradient).
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

  bool passes(double allowed) const {
    return repeatable && checked > 0 && kinks == 0 && error <= allowed;
  }
  bool passes() const { return passes(tolerance); }
  /// So that EXPECT_TRUE(report) << report, CHECK(report) and assert(report) work.
  explicit operator bool() const { return passes(); }

  std::string message() const {
    std::ostringstream out;
    out << *this;
    return out.str();
  }

  void add(const Entry& entry, double relative_error, bool kink) {
    ++checked;
    if (kink) {
      if (++kinks == 1) first_kink = entry;
    } else if (checked == kinks + 1 || !(relative_error <= error)) {  // a NaN stays the worst
      if (!std::isnan(error)) error = relative_error;
      worst = entry;
    }
  }

  friend std::ostream& operator<<(std::ostream& out, const GradcheckReport& report) {
    if (!report.repeatable) {
      return out
             << "gradcheck: two calls at the same point differ (random numbers, or a state that "
                "each call changes), so differences cannot judge anything";
    }
    out << "gradcheck: " << report.checked << " derivatives, worst relative error " << report.error;
    if (report.checked > report.kinks) {
      out << " at ";
      report.print(out, report.worst);
    }
    if (report.kinks > 0) {
      out << "; " << report.kinks << " cannot be judged, since the differences do not settle "
          << "(a hinge, a norm floor or a jump is within reach; move the point), the first at ";
      report.print(out, report.first_kink);
    }
    return out;
  }

 private:
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
