// One command: trains the chosen methods, evaluates them and writes the results.
#pragma once

#include "options.hpp"

#include <string>

namespace trainer {

/// `command` is what the results name as their origin. Returns the exit code: 0, or 130 when Ctrl-C
/// ended it early. Throws InputError before anything is written when the input cannot be used.
int run(Options options, const std::string& command);

}  // namespace trainer
