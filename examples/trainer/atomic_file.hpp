// Files that are there as a whole or not at all.
#pragma once

#include <string>

namespace trainer {

/// selfsup::replace_file, or an InputError that names the path; what was there then stays.
void write_atomically(const std::string& path, const std::string& content);

/// Makes the folder, with its parents, and proves that a file can be written in it.
void prepare_folder(const std::string& folder);

}  // namespace trainer
