// The executor that an object borrows for its calls.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/executor.hpp"
#include "selfsup/core/parallel.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Base of the objects whose calls are parallel.
class RunsOn {
 public:
  /// All calls of this object, and of copies made from now on, run on the executor, which must
  /// outlive them. The result is the same bits on any.
  void run_on(Executor& executor) { executor_ = &executor; }
  /// As at the start: on the executor of a RunOn scope around the call, else the process's threads.
  void run_on(std::nullptr_t) { executor_ = nullptr; }

 protected:
  /// The scope of one call.
  RunOn lent() const { return RunOn(executor_); }

 private:
  Executor* executor_ = nullptr;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
