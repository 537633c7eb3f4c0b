// Which calls a loss object may answer: backward after a forward that succeeded, d_temperature
// after backward.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <string>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {

class PassState {
  enum class Passed { none, forward, backward };

 public:
  PassState() = default;
  PassState(const PassState&) = default;
  PassState(PassState&& other) noexcept : passed_(std::exchange(other.passed_, Passed::none)) {}
  PassState& operator=(PassState other) noexcept {
    passed_ = other.passed_;
    return *this;
  }

  void begin() { passed_ = Passed::none; }
  void kept() { passed_ = Passed::forward; }
  void gone_back() { passed_ = Passed::backward; }

  /// Throws a StateError unless a forward has succeeded since the last call of forward or value.
  void require(const char* where) const {
    if (passed_ == Passed::none)
      throw StateError(std::string(where) + ": no forward to go back through; value keeps nothing");
  }
  void require_backward(const char* where) const {
    if (passed_ != Passed::backward)
      throw StateError(std::string(where) + ": a backward after the last forward expected");
  }

 private:
  Passed passed_ = Passed::none;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
