// Files that are there as a whole or not at all.
#pragma once

#include <string>

namespace trainer {

/// Writes a temporary file beside `path`, syncs it to the disk and renames it over `path`. What was
/// there stays if anything fails; then the error is an InputError that names the path.
void write_atomically(const std::string& path, const std::string& content);

/// Makes the folder, with its parents, and proves that a file can be written in it.
void prepare_folder(const std::string& folder);

}  // namespace trainer
