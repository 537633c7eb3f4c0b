// Memory that a loss object keeps between steps: it only grows, so nothing allocates after the
// first step of a size.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/large_page.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// rows·cols, or std::bad_alloc where that passes the largest size: every allocation of two factors
/// comes through here.
inline std::size_t checked_product(std::size_t rows, std::size_t cols) {
  if (cols != 0 && rows > std::numeric_limits<std::size_t>::max() / cols) throw std::bad_alloc();
  return rows * cols;
}

/// Entries aligned to a cache line, or to the large page that they fill. A copy holds the same
/// entries.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  Buffer(const Buffer& other) {
    grow(other.capacity_);
    std::copy_n(other.data_, other.capacity_, data_);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { release(); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t bytes() const { return capacity_ * sizeof(T); }

  /// Room for count entries, of any value unless the room was there already. Strong guarantee when
  /// memory runs out.
  T* grow(std::size_t count) {
    if (count > capacity_) {
      const std::size_t size = checked_product(count, sizeof(T));
      T* fresh = static_cast<T*>(::operator new(size, alignment(size)));
      ask_for_large_pages(fresh, size);
      release();
      data_ = fresh;
      capacity_ = count;
    }
    return data_;
  }
  /// Room for rows·cols entries.
  T* grow(std::size_t rows, std::size_t cols) { return grow(checked_product(rows, cols)); }

 private:
  // The same for every instruction set.
  static std::align_val_t alignment(std::size_t size) {
    return std::align_val_t{size < large_page ? 64 : large_page};
  }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }
  void release() { ::operator delete(data_, alignment(bytes())); }

  T* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
