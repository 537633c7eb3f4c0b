#include "atomic_file.hpp"

#include "errors.hpp"

#include "selfsup/io/file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace trainer {

void write_atomically(const std::string& path, const std::string& content) {
  const std::string wrong = selfsup::replace_file(path, content.data(), content.size());
  if (!wrong.empty()) throw InputError(path + ": " + wrong);
}

void prepare_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InputError(folder + ": cannot be made a folder: " + error.message());
  std::string probe = folder + "/.probe-XXXXXX";
  const int file = ::mkostemp(probe.data(), O_CLOEXEC);
  if (file < 0) throw InputError(folder + ": cannot be written to: " + std::strerror(errno));
  ::close(file);
  ::unlink(probe.c_str());
}

}  // namespace trainer
