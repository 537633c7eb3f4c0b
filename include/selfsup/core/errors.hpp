// The errors of selfsup. All are thrown before any output is written.
// Code compiled with other flags catches the std bases: these types live in the inline namespace of
// core/abi.hpp.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <stdexcept>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// A view has a shape that the call cannot use.
class ShapeError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// An option is outside its range, or two options exclude each other.
class OptionError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// An argument holds NaN or infinity, or finite arguments overflow the type.
class NonFiniteError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A file cannot be read or written, or does not hold what it should.
class FileError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A call out of order: backward without a forward that succeeded.
class StateError : public std::logic_error {
  using std::logic_error::logic_error;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
