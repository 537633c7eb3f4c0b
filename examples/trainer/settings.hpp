// What a run was made with, as a table: settings.csv.
#pragma once

#include "dataset.hpp"
#include "methods.hpp"
#include "options.hpp"

#include <cstddef>
#include <string>

namespace trainer {

/// The command as a shell takes it: words with blanks or signs between quotes.
std::string command_text(int argc, const char* const* argv);

/// setting,value
/// Program and machine, the command, the data, and each setting of the method that it has. The same
/// for the same command on one machine, whatever the seconds.
std::string settings_csv(const Options& options, const Recipe& recipe, const Dataset& data,
                         std::size_t epochs, const std::string& command);

}  // namespace trainer
