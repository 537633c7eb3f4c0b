// Who runs the items of a parallel call: the threads that a program lends.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/float_mode.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <thread>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Items that any threads may do in any order. What an item computes depends on the item alone.
class Work {
 public:
  /// f(item, share) for every item in [0, count); f must not throw. Calls with the same share never
  /// overlap, so that scratch can belong to a share.
  template <class F>
  Work(std::size_t count, F& f)
      : count_(count),
        f_(std::addressof(f)),
        call_([](void* what, std::size_t item, std::size_t share) {
          (*static_cast<F*>(what))(item, share);
        }) {}

  std::size_t count() const { return count_; }

  /// Does items until none is left, in the floating-point mode of the thread that made the work.
  void share(std::size_t share) noexcept {
    const InModeOf scope(*this);
    for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;)
      call_(f_, i, share);
  }

  /// Does one item, in that mode too, for an executor that hands them out by itself.
  void item(std::size_t i, std::size_t share) const noexcept {
    const InModeOf scope(*this);
    call_(f_, i, share);
  }

 private:
  // Nothing to do on the thread that made the work, so that its exception flags stay.
  class InModeOf {
   public:
    explicit InModeOf(const Work& work) {
      if (std::this_thread::get_id() != work.maker_) scope_.emplace(work.mode_);
    }

   private:
    std::optional<InFloatMode> scope_;
  };

  std::size_t count_;
  void* f_;
  void (*call_)(void*, std::size_t, std::size_t);
  std::atomic<std::size_t> next_{0};
  FloatMode mode_;
  std::thread::id maker_ = std::this_thread::get_id();
};

/// Threads that a program lends to parallel calls. One that throws, calls a share twice or leaves
/// one out is the program's error.
class Executor {
 public:
  /// The most shares that can be worked on at a time, the calling thread's included; at least 1.
  /// The same all through one call of a loss.
  virtual std::size_t threads() const = 0;
  /// Calls work.share(s) once for every s in [0, shares), on any threads, and returns when all
  /// calls have returned. shares is at most threads().
  virtual void run(Work& work, std::size_t shares) = 0;

 protected:
  ~Executor() = default;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
