// The one kind of error that is the user's to mend.
#pragma once

#include <stdexcept>

namespace trainer {

/// Input that cannot be used. what() is one sentence: what was found and what was expected.
/// The program prints it and ends with exit code 2.
class InputError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace trainer
