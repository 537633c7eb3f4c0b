// A child of fork() that does something and ends.
#pragma once

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace tests {

class Child {
 public:
  template <class F>
  explicit Child(F&& f) : process_(fork()) {
    if (process_ != 0) return;
    f();
    _exit(0);
  }
  ~Child() { ends_well(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Whether it has come to its end within some seconds; one that has not is killed.
  bool ends_well() {
    if (process_ <= 0) return ended_well_;
    int status = 0;
    pid_t ended = 0;
    const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while ((ended = waitpid(process_, &status, WNOHANG)) == 0 &&
           std::chrono::steady_clock::now() < last)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (ended == 0) {
      kill(process_, SIGKILL);
      waitpid(process_, &status, 0);
    }
    ended_well_ = ended == process_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    process_ = 0;
    return ended_well_;
  }

 private:
  pid_t process_;
  bool ended_well_ = false;
};

}  // namespace tests
