// One command: trains the chosen methods, evaluates them and writes the results.
#pragma once

#include "options.hpp"

namespace trainer {

/// Returns the exit code: 0, or 130 when Ctrl-C ended it early. Throws InputError before anything
/// is written when the input cannot be used.
int run(Options options);

}  // namespace trainer
