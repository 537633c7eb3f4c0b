// Whole files: written so that a crash leaves the old one or the new one, read up to a bound.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

using Bytes = std::vector<unsigned char>;

namespace detail {

// An open file that closes itself; −1 when it could not be opened.
class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : file_(::open(path.c_str(), flags, 0666)) {}
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return file_; }
  /// False when the last bytes could not be handed over.
  bool close() {
    const int file = file_;
    file_ = -1;
    return ::close(file) == 0;
  }

 private:
  int file_;
};

// Calls step(bytes left), which returns how many it moved, until none are left. False, with errno,
// when it fails.
template <class Step>
bool move_all(std::size_t count, Step&& step) {
  for (std::size_t done = 0; done < count;) {
    const ssize_t moved = step(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved == 0) errno = EIO;
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}

[[noreturn]] inline void throw_file_error(const std::string& where, const std::string& path,
                                          const std::string& what) {
  throw FileError(where + ": " + path + " " + what);
}

}  // namespace detail

/// Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder:
/// whatever happens, `path` is the old file or the new one. Returns 0, or the errno of what failed
/// when it is the old one.
inline int replace_file(const std::string& path, const void* data, std::size_t size) {
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  bool written = false;
  {
    detail::OpenFile file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    const auto* const first = static_cast<const unsigned char*>(data);
    const auto write = [&](std::size_t done) {
      return ::write(file.get(), first + done, size - done);
    };
    written = file.get() >= 0 && detail::move_all(size, write) && ::fsync(file.get()) == 0 &&
              file.close();
  }
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return error;
  }
  // Some file systems cannot sync a folder; the file is then as lasting as they make it.
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const detail::OpenFile in(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (in.get() >= 0) static_cast<void>(::fsync(in.get()));
  return 0;
}

/// The same, with a FileError when `path` is the old file.
inline void write_file(const std::string& where, const std::string& path, const Bytes& bytes) {
  if (const int error = replace_file(path, bytes.data(), bytes.size()))
    detail::throw_file_error(where, path,
                             std::string("cannot be written: ") + std::strerror(error));
}

/// The bytes of a regular file of at most `most` bytes; anything else is a FileError, before
/// memory is taken.
inline Bytes read_file(const std::string& where, const std::string& path, std::size_t most) {
  const detail::OpenFile file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    detail::throw_file_error(where, path, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) detail::throw_file_error(where, path, "is no regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > most) {
    detail::throw_file_error(
        where, path,
        "has " + std::to_string(size) + " bytes, at most " + std::to_string(most) + " expected");
  }
  Bytes bytes(size);
  const bool whole = detail::move_all(
      size, [&](std::size_t done) { return ::read(file.get(), bytes.data() + done, size - done); });
  if (!whole)
    detail::throw_file_error(where, path, std::string("cannot be read: ") + std::strerror(errno));
  return bytes;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
