// The parts of --help that no single option holds.
#pragma once

#include <string>

namespace trainer {

/// "1.2.3"
std::string version_text();

/// The defaults of each method, the files that are written, and examples.
std::string help_footer();

}  // namespace trainer
