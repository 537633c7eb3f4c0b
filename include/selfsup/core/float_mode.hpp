// The floating-point mode of a thread: rounding direction, flush to zero. A pool of threads keeps
// that of the moment it was made, whatever its caller has chosen since.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cfenv>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// The mode of the thread that makes it, for others to work in.
class FloatMode {
 public:
  FloatMode() { std::fegetenv(&environment_); }
  void set() const { std::fesetenv(&environment_); }

 private:
  std::fenv_t environment_;
};

/// A scope in which the calling thread has another's mode. Afterwards it has its own again, and no
/// exception flag of what went on inside.
class InFloatMode {
 public:
  explicit InFloatMode(const FloatMode& mode) { mode.set(); }
  ~InFloatMode() { own_.set(); }
  InFloatMode(const InFloatMode&) = delete;
  InFloatMode& operator=(const InFloatMode&) = delete;

 private:
  FloatMode own_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
