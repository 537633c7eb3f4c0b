// Objects that a loss object keeps between steps. Not std::vector: its layout depends on the
// program's debug macros, and files that share a loss may differ in them.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Default-constructed objects, as many as were ever asked for. A copy holds copies.
template <class X>
class Objects {
  static_assert(std::is_nothrow_move_assignable_v<X>);

 public:
  Objects() = default;
  Objects(const Objects& other) {
    grow(other.count_);
    std::copy_n(other.begin(), count_, begin());
  }
  Objects(Objects&& other) noexcept
      : objects_(std::move(other.objects_)), count_(std::exchange(other.count_, 0)) {}
  Objects& operator=(Objects other) noexcept {
    std::swap(objects_, other.objects_);
    std::swap(count_, other.count_);
    return *this;
  }

  std::size_t count() const { return count_; }
  X& operator[](std::size_t i) { return objects_[i]; }
  const X& operator[](std::size_t i) const { return objects_[i]; }
  X* begin() { return objects_.get(); }
  X* end() { return begin() + count_; }
  const X* begin() const { return objects_.get(); }
  const X* end() const { return begin() + count_; }

  /// Room for count objects; those there keep what they hold. Strong guarantee when memory runs
  /// out.
  void grow(std::size_t count) {
    if (count <= count_) return;
    std::unique_ptr<X[]> larger(new X[count]);
    std::move(begin(), end(), larger.get());
    objects_ = std::move(larger);
    count_ = count;
  }

 private:
  std::unique_ptr<X[]> objects_;
  std::size_t count_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
