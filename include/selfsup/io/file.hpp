// Whole files: written so that a crash leaves the old one or the new one, read up to a bound. What
// is wrong with one is said in words that follow its name.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <fcntl.h>
#include <limits.h>
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
  explicit OpenFile(int file) : file_(file) {}
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

// A new file beside `target`, which goes unless it takes the target's place. Its name is its own
// among all threads, processes and machines: the first that nobody else has. mkostemp would not do,
// since the mode of a new file is the umask's to choose, which no thread can read without setting.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& target, mode_t mode) : file_(create(target, mode, name_)) {}
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int get() const { return file_.get(); }
  /// Syncs it and renames it over the target. False, with errno, when the target is the old one.
  bool replace(const std::string& target) {
    if (::fsync(get()) != 0 || !file_.close()) return false;
    if (std::rename(name_.c_str(), target.c_str()) != 0) return false;
    name_.clear();
    return true;
  }

 private:
  static int create(const std::string& target, mode_t mode, std::string& name) {
    const std::string start = target + "." + std::to_string(::getpid()) + "-";
    for (std::size_t n = 0;; ++n) {
      const std::string candidate = start + std::to_string(n) + ".tmp";
      const int file = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (file >= 0) name = candidate;
      if (file >= 0 || errno != EEXIST) return file;
    }
  }

  std::string name_;  // empty when there is none
  OpenFile file_;
};

// With its last slash; empty for the current one.
inline std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

// What a symbolic link leads to, be it there or not; other paths as they are.
inline std::string link_target(std::string path) {
  constexpr int most_links = 40;  // as many as Linux follows
  char name[PATH_MAX];
  for (int links = 0; links < most_links; ++links) {
    const ssize_t length = ::readlink(path.c_str(), name, sizeof name);
    if (length <= 0) break;
    const std::string target(name, static_cast<std::size_t>(length));
    path = target[0] == '/' ? target : folder_of(path) + target;
  }
  return path;
}

// Gives a file the mode of the old one, and its owner and group where that is permitted.
inline bool take_after(int file, const struct stat& old) {
  struct stat now {};
  if (::fstat(file, &now) != 0) return false;
  if (now.st_uid != old.st_uid || now.st_gid != old.st_gid) {
    const bool kept = ::fchown(file, old.st_uid, old.st_gid) == 0 ||
                      ::fchown(file, static_cast<uid_t>(-1), old.st_gid) == 0;
    static_cast<void>(kept);
  }
  return ((now.st_mode ^ old.st_mode) & 0777) == 0 || ::fchmod(file, old.st_mode & 0777) == 0;
}

// Calls step(bytes left), which returns how many it moved, until none are left. False, with errno,
// when it fails; errno is 0 when nothing more came.
template <class Step>
bool move_all(std::size_t count, Step&& step) {
  for (std::size_t done = 0; done < count;) {
    const ssize_t moved = step(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved == 0) errno = 0;
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}

}  // namespace detail

/// Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder:
/// whatever happens, `path` is the old file or the new one, and no temporary file stays unless the
/// program dies. The new file has the old one's mode, and its owner where that is permitted; where
/// `path` is a symbolic link, that stays and what it leads to is replaced. Any number of threads
/// and processes may write one path; the last one's file stays. Returns "", or what is wrong when
/// it is the old file.
inline std::string replace_file(const std::string& path, const void* data, std::size_t size) {
  const auto failure = [] { return std::string("cannot be written: ") + std::strerror(errno); };
  struct stat old {};
  const bool is_there = ::stat(path.c_str(), &old) == 0;
  if (!is_there && errno != ENOENT) return failure();
  if (is_there && !S_ISREG(old.st_mode)) return "is no regular file";
  const std::string target = detail::link_target(path);
  detail::TemporaryFile temporary(target, is_there ? old.st_mode & 0777 : 0666);
  if (temporary.get() < 0 || (is_there && !detail::take_after(temporary.get(), old)))
    return failure();
  const auto* const first = static_cast<const unsigned char*>(data);
  const auto write = [&](std::size_t done) {
    return ::write(temporary.get(), first + done, size - done);
  };
  if (!detail::move_all(size, write) || !temporary.replace(target)) return failure();
  // Some file systems cannot sync a folder; the file is then as lasting as they make it.
  const std::string folder = detail::folder_of(target);
  const detail::OpenFile in(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (in.get() >= 0) static_cast<void>(::fsync(in.get()));
  return "";
}

/// Reads all of a regular file of at most `most` bytes. Returns "", or what is wrong; memory is
/// taken for what can be read only.
inline std::string take_file(const std::string& path, std::size_t most, Bytes& bytes) {
  const auto failure = [] { return std::string("cannot be read: ") + std::strerror(errno); };
  // Without O_NONBLOCK a named pipe would hang here, before fstat can refuse it.
  const detail::OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failure();
  if (!S_ISREG(status.st_mode)) return "is no regular file";
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > most) {
    return "has " + std::to_string(size) + " bytes, at most " + std::to_string(most) + " expected";
  }
  bytes.resize(size);
  const auto read = [&](std::size_t done) {
    return ::read(file.get(), bytes.data() + done, size - done);
  };
  if (detail::move_all(size, read)) return "";
  return errno == 0 ? "became shorter while it was read" : failure();
}

/// replace_file, or a FileError.
inline void write_file(const std::string& where, const std::string& path, const Bytes& bytes) {
  const std::string wrong = replace_file(path, bytes.data(), bytes.size());
  if (!wrong.empty()) throw FileError(where + ": " + path + " " + wrong);
}

/// The bytes that take_file reads, or a FileError.
inline Bytes read_file(const std::string& where, const std::string& path, std::size_t most) {
  Bytes bytes;
  const std::string wrong = take_file(path, most, bytes);
  if (!wrong.empty()) throw FileError(where + ": " + path + " " + wrong);
  return bytes;
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
