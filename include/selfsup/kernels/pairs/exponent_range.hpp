// Up to which exponent one constant shift serves all.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// e^−x and its inverse are normal numbers of the type, and sums of many of them still are.
template <class T>
inline constexpr double exponent_range = sizeof(T) == 4 ? 80 : 680;

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
