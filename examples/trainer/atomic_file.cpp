#include "atomic_file.hpp"

#include "errors.hpp"

#include "selfsup/core/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace trainer {

void write_atomically(const std::string& path, const std::string& content) {
  if (const int error = selfsup::replace_file(path, content.data(), content.size()))
    throw InputError(path + ": cannot be written: " + std::strerror(error));
}

void prepare_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InputError(folder + ": cannot be made a folder: " + error.message());
  const std::string probe = folder + "/.probe" + std::to_string(::getpid());
  const int file = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) throw InputError(folder + ": cannot be written to: " + std::strerror(errno));
  ::close(file);
  ::unlink(probe.c_str());
}

}  // namespace trainer
