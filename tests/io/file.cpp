#include "selfsup/io/file.hpp"

#include "catch.hpp"
#include "message.hpp"
#include "scratch_file.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using selfsup::Bytes;
using selfsup::FileError;
using tests::message;
using tests::ScratchFile;

constexpr std::size_t most = 1 << 20;

void write(const std::string& path, const Bytes& bytes) {
  selfsup::write_file("test", path, bytes);
}
Bytes read(const std::string& path) { return selfsup::read_file("test", path, most); }

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// What a new file may not have, for a scope.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

// Root may write anywhere: nobody, for a scope.
class Nobody {
 public:
  Nobody() : was_root_(::geteuid() == 0) {
    if (was_root_) REQUIRE(::seteuid(65534) == 0);
  }
  ~Nobody() {
    if (was_root_) static_cast<void>(::seteuid(0) == 0);
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  bool was_root_;
};

// Its length tells its byte.
Bytes file_of(unsigned char byte) { return Bytes(20000 + 64 * std::size_t{byte}, byte); }
bool is_whole(const Bytes& bytes) { return !bytes.empty() && bytes == file_of(bytes[0]); }

// How many of 50 writes fail.
int failed_writes(const std::string& path, unsigned char byte) {
  int failed = 0;
  for (int i = 0; i < 50; ++i) {
    try {
      write(path, file_of(byte));
    } catch (const FileError&) {
      ++failed;
    }
  }
  return failed;
}

}  // namespace

TEST_CASE("threads and processes write one file at once, and who reads has a whole one") {
  const ScratchFile file;
  const std::string path = file.path();
  write(path, file_of(0));
  std::vector<pid_t> children;
  for (unsigned char byte = 1; byte <= 3; ++byte) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(failed_writes(path, byte));
    children.push_back(child);
  }
  std::atomic<int> failed{0}, running{3};
  std::vector<std::thread> threads;
  for (unsigned char byte = 4; byte <= 6; ++byte) {
    threads.emplace_back([&, byte] {
      failed += failed_writes(path, byte);
      --running;
    });
  }
  int damaged = 0, reads = 0;
  do {
    damaged += is_whole(read(path)) ? 0 : 1;
    ++reads;
  } while (running > 0);
  for (std::thread& thread : threads) thread.join();
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  INFO(reads << " reads");
  CHECK(failed == 0);
  CHECK(damaged == 0);
  CHECK(is_whole(read(path)));
  CHECK(file.neighbours() == 1);
}

TEST_CASE("what a killed writer left is in nobody's way, and nobody writes to it") {
  const ScratchFile file, victim;
  victim.write("precious");
  const std::string start = file.path() + "." + std::to_string(::getpid());
  for (const char* const end : {".tmp", "-0.tmp", "-1.tmp"})
    std::filesystem::create_symlink(victim.path(), start + end);
  write(file.path(), {1, 2, 3});
  CHECK(read(file.path()) == Bytes{1, 2, 3});
  CHECK(victim.read() == "precious");
  CHECK(file.neighbours() == 4);
}

TEST_CASE("a file keeps its mode, and a new one has what the umask leaves") {
  for (const mode_t mask : {0022U, 0077U, 0U}) {
    const Umask scope(mask);
    const ScratchFile file;
    write(file.path(), {1});
    CHECK(mode_of(file.path()) == (0666U & ~mask));
    for (const mode_t mode : {0600U, 0640U, 0666U, 0444U, 0755U}) {
      REQUIRE(::chmod(file.path().c_str(), mode) == 0);
      write(file.path(), {1, 2});
      CHECK(mode_of(file.path()) == mode);
    }
  }
}

TEST_CASE("a file keeps its owner and group where that is permitted") {
  if (::geteuid() != 0) return;
  const ScratchFile file;
  write(file.path(), {1});
  REQUIRE(::chown(file.path().c_str(), 12345, 23456) == 0);
  write(file.path(), {1, 2});
  struct stat status {};
  REQUIRE(::stat(file.path().c_str(), &status) == 0);
  CHECK(status.st_uid == 12345);
  CHECK(status.st_gid == 23456);

  const std::string folder = std::filesystem::path(file.path()).parent_path().string();
  REQUIRE(::chmod(folder.c_str(), 0777) == 0);
  REQUIRE(::chmod(file.path().c_str(), 0646) == 0);
  const Nobody scope;
  write(file.path(), {1, 2, 3});
  CHECK(read(file.path()).size() == 3);
  CHECK(mode_of(file.path()) == 0646);
}

TEST_CASE("a symbolic link stays, and what it leads to is written") {
  const ScratchFile linked, far;
  const std::string folder = std::filesystem::path(linked.path()).parent_path().string();
  std::filesystem::create_symlink(far.path(), folder + "/second");
  std::filesystem::create_symlink("second", linked.path());
  const bool dangles = GENERATE(false, true);
  if (!dangles) {
    far.write("old");
    REQUIRE(::chmod(far.path().c_str(), 0600) == 0);
  }
  write(linked.path(), {'n', 'e', 'w'});
  CHECK(far.read() == "new");
  CHECK(std::filesystem::read_symlink(linked.path()) == "second");
  CHECK(std::filesystem::read_symlink(folder + "/second") == far.path());
  CHECK(linked.neighbours() == 2);
  CHECK(far.neighbours() == 1);
  if (!dangles) CHECK(mode_of(far.path()) == 0600);
}

TEST_CASE("a link to a link to nowhere, or to itself, is an error of one sentence") {
  const ScratchFile file;
  std::filesystem::create_symlink("file", file.path());
  CHECK(message<FileError>([&] { write(file.path(), {1}); }) ==
        "test: " + file.path() + " cannot be written: Too many levels of symbolic links");
  std::filesystem::remove(file.path());
  std::filesystem::create_symlink("absent/file", file.path());
  CHECK(message<FileError>([&] { write(file.path(), {1}); }) ==
        "test: " + file.path() + " cannot be written: No such file or directory");
  CHECK(file.neighbours() == 1);
}

TEST_CASE("a folder that must not be written to gives one sentence, and nothing stays behind") {
  const ScratchFile file;
  write(file.path(), {1});
  const std::string folder = std::filesystem::path(file.path()).parent_path().string();
  REQUIRE(::chmod(folder.c_str(), 0555) == 0);
  {
    const Nobody scope;
    for (const std::string& path : {file.path(), file.path() + ".new"}) {
      CHECK(message<FileError>([&] { write(path, {2}); }) ==
            "test: " + path + " cannot be written: Permission denied");
    }
  }
  CHECK(read(file.path()) == Bytes{1});
  CHECK(file.neighbours() == 1);
  REQUIRE(::chmod(folder.c_str(), 0755) == 0);
}

TEST_CASE("only a regular file is replaced") {
  const ScratchFile file;
  REQUIRE(::mkfifo(file.path().c_str(), 0666) == 0);
  const auto is_refused = [&] {
    return message<FileError>([&] { write(file.path(), {1}); }) ==
           "test: " + file.path() + " is no regular file";
  };
  CHECK(is_refused());
  CHECK(std::filesystem::is_fifo(file.path()));
  std::filesystem::remove(file.path());
  std::filesystem::create_directory(file.path());
  CHECK(is_refused());
  CHECK(file.neighbours() == 1);
}

TEST_CASE("a file of more bytes than expected, or of fewer than it says, is refused") {
  const ScratchFile file;
  file.write("12345");
  CHECK(selfsup::read_file("test", file.path(), 5).size() == 5);
  CHECK(message<FileError>([&] { selfsup::read_file("test", file.path(), 4); }) ==
        "test: " + file.path() + " has 5 bytes, at most 4 expected");
  // Linux says a page for each of these, whatever they hold.
  const std::string short_file = "/sys/devices/system/cpu/online";
  if (!std::filesystem::exists(short_file)) return;
  CHECK(message<FileError>([&] { read(short_file); }) ==
        "test: " + short_file + " became shorter while it was read");
}
