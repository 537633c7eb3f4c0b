// Labels: how one integer a row enters selfsup.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

// A type that shows data() and size() of integers: std::vector, std::array, Eigen's vectors and
// their maps. Not of bool: a label is a number, and std::vector<bool> has no data().
template <class X, class = void>
struct HoldsIntegers : std::false_type {};
template <class X>
struct HoldsIntegers<X, std::void_t<typename X::value_type>>
    : std::bool_constant<std::is_integral_v<typename X::value_type> &&
                         !std::is_same_v<typename X::value_type, bool>> {};
template <class X, class = void>
struct ShowsData : std::false_type {};
template <class X>
struct ShowsData<X,
                 std::void_t<decltype(std::declval<const X&>().data()),
                             decltype(static_cast<std::size_t>(std::declval<const X&>().size()))>>
    : std::true_type {};
template <class X>
using ShowsIntegers = std::conjunction<HoldsIntegers<X>, ShowsData<X>>;

template <class X, class = void>
struct ShowsStride : std::false_type {};
template <class X>
struct ShowsStride<X, std::void_t<decltype(std::declval<const X&>().innerStride())>>
    : std::true_type {};

}  // namespace detail

/// Integers of any type that are read, one a row; owns nothing. Converts from std::vector,
/// std::array and Eigen's vectors of integers, and from {pointer, count}.
class Labels {
 public:
  Labels() = default;
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  Labels(const Integer* data, std::size_t count, std::ptrdiff_t stride = 1)
      : data_(data), size_(count), stride_(stride), read_(&read<Integer>) {}
  template <class X, std::enable_if_t<detail::ShowsIntegers<X>::value, int> = 0>
  Labels(const X& labels)  // NOLINT: converts on purpose
      : Labels(labels.data(), static_cast<std::size_t>(labels.size()), stride_of(labels)) {}

  std::size_t size() const { return size_; }
  std::int64_t operator[](std::size_t i) const {
    return read_(data_, static_cast<std::ptrdiff_t>(i) * stride_);
  }

 private:
  template <class Integer>
  static std::int64_t read(const void* data, std::ptrdiff_t i) {
    return static_cast<std::int64_t>(static_cast<const Integer*>(data)[i]);
  }
  template <class X>
  static std::ptrdiff_t stride_of(const X& labels) {
    if constexpr (detail::ShowsStride<X>::value) {
      return static_cast<std::ptrdiff_t>(labels.innerStride());
    } else {
      return 1;
    }
  }

  const void* data_ = nullptr;
  std::size_t size_ = 0;
  std::ptrdiff_t stride_ = 1;
  std::int64_t (*read_)(const void*, std::ptrdiff_t) = nullptr;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
