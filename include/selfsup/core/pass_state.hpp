// Which calls a loss object may answer: backward after a forward that succeeded, d_temperature
// after backward.
#pragma once

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

class PassState {
 public:
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
  enum class Passed { none, forward, backward } passed_ = Passed::none;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup
