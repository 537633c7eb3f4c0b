// Entries that lie between marks, which show whether anything beside them was written over.
#pragma once

#include "selfsup/core/buffer.hpp"

#include <algorithm>
#include <cstddef>

namespace tests {

/// `count` entries, the first of them `offset` entries behind a cache line, between marks that
/// nothing may write over. An entry holds the mark, too, until it is written.
template <class T>
class Marked {
 public:
  static constexpr T mark = T(-777);

  explicit Marked(std::size_t count, std::size_t offset = 0)
      : count_(count), first_(around + offset), size_(first_ + count + around) {
    std::fill_n(memory_.grow(size_), size_, mark);
  }

  T* data() { return memory_.data() + first_; }
  T& operator[](std::size_t i) { return data()[i]; }

  bool marks_untouched() const {
    const T *const from = memory_.data(), *const past = from + first_ + count_;
    const auto is_mark = [](T entry) { return entry == mark; };
    return std::all_of(from, from + first_, is_mark) && std::all_of(past, from + size_, is_mark);
  }

 private:
  static constexpr std::size_t around = 64;  // whole cache lines, more than any batch

  std::size_t count_, first_, size_;
  selfsup::Buffer<T> memory_;
};

}  // namespace tests
