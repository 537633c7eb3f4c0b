// One call of a loss: what its checks and its messages need to know.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/pass_state.hpp"

#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// The memory_budget of a loss unless it is given: 256 MiB.
inline constexpr std::size_t default_memory_budget = std::size_t{256} << 20;

/// Lives as long as the expression that makes it.
template <class T>
struct Call {
  const char* where;  ///< "SigLip::forward"
  std::initializer_list<Named<T>> arguments;
  std::size_t memory_budget = 0;
  bool keeps = false;  ///< what backward needs

  ConstView<T> operator[](std::size_t argument) const { return arguments.begin()[argument].view; }
};

/// Ends a call: returns the loss in the type, or throws the NonFiniteError of the call. Backward
/// may follow one that keeps what it needs.
template <class T>
T end(const Call<T>& call, double loss, PassState& state) {
  const T value = static_cast<T>(loss);
  if (!is_finite(value)) throw_non_finite(call.where, call.arguments);
  if (call.keeps) state.kept();
  return value;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
