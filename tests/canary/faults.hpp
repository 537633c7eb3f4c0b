// What scripts/check canary puts in the place of each arithmetic expression in a copy of the
// headers: the expression as it was, or one fault, chosen when the program starts. So all faults
// are compiled at once, and one costs no more than a run. Anything but real numbers and SIMD
// batches of them passes through: sizes, indices, pointers.
//
// Environment: CANARY_FAULT is the number of the fault to make; CANARY_REACHED a file that takes
// the numbers of the faults whose expressions were evaluated.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace canary {

inline constexpr std::size_t most_faults = 1 << 16;

struct Reached {
  bool fault[most_faults] = {};
  ~Reached() {
    const char* const path = std::getenv("CANARY_REACHED");
    std::FILE* const file = path ? std::fopen(path, "w") : nullptr;
    if (!file) return;
    for (std::size_t i = 0; i < most_faults; ++i) {
      if (fault[i]) std::fprintf(file, "%zu\n", i);
    }
    std::fclose(file);
  }
};
inline Reached reached;

inline const int chosen = [] {
  const char* const number = std::getenv("CANARY_FAULT");
  return number ? std::atoi(number) : -1;
}();

template <int Fault>
bool on() {
  reached.fault[Fault] = true;
  return chosen == Fault;
}

template <class X, class = void>
struct IsBatch : std::false_type {};
template <class X>
struct IsBatch<X,
               std::void_t<typename X::arch_type, decltype(std::declval<X>() * std::declval<X>())>>
    : std::is_floating_point<typename X::value_type> {};

template <class X>
constexpr bool is_number = std::is_floating_point_v<X> || IsBatch<X>::value;
template <class X, class Y>
constexpr bool are_numbers = (is_number<X> && (is_number<Y> || std::is_arithmetic_v<Y>)) ||
                             (is_number<Y> && std::is_arithmetic_v<X>);

// x + y, or x − y.
template <int F, class X, class Y>
constexpr auto sum(X&& x, Y&& y) {
  if constexpr (are_numbers<std::decay_t<X>, std::decay_t<Y>>) {
    if (on<F>()) return x - y;
  }
  return x + y;
}
// x − y, or x + y.
template <int F, class X, class Y>
constexpr auto difference(X&& x, Y&& y) {
  if constexpr (are_numbers<std::decay_t<X>, std::decay_t<Y>>) {
    if (on<F>()) return x + y;
  }
  return x - y;
}
// x·y, or one of them.
template <int F, class X, class Y>
constexpr auto product(const X& x, const Y& y) {
  using Result = decltype(x * y);
  if constexpr (are_numbers<X, Y>) {
    if (on<F>()) return static_cast<Result>(x);
    if (on<F + 1>()) return static_cast<Result>(y);
  }
  return x * y;
}
// x/y, or x, or y/x.
template <int F, class X, class Y>
constexpr auto quotient(const X& x, const Y& y) {
  using Result = decltype(x / y);
  if constexpr (are_numbers<X, Y>) {
    if (on<F>()) return static_cast<Result>(x);
    if (on<F + 1>()) return static_cast<Result>(y / x);
  }
  return x / y;
}
// −x, or x.
template <int F, class X>
constexpr auto negative(const X& x) {
  if constexpr (is_number<X>) {
    if (on<F>()) return static_cast<decltype(-x)>(x);
  }
  return -x;
}
// x, or −x, or 2x.
template <int F, class X>
constexpr std::conditional_t<is_number<std::decay_t<X>>, std::decay_t<X>, X> value(X&& x) {
  if constexpr (is_number<std::decay_t<X>>) {
    if (on<F>()) return -x;
    if (on<F + 1>()) return x + x;
  }
  return std::forward<X>(x);
}
// a += b, or a −= b, or a += 2b.
template <int F, class A, class B>
constexpr A& add(A& a, const B& b) {
  if constexpr (are_numbers<A, B>) {
    if (on<F>()) return a -= b;
    if (on<F + 1>()) a += b;
  }
  return a += b;
}
// a −= b, or a += b, or a −= 2b.
template <int F, class A, class B>
constexpr A& subtract(A& a, const B& b) {
  if constexpr (are_numbers<A, B>) {
    if (on<F>()) return a += b;
    if (on<F + 1>()) a -= b;
  }
  return a -= b;
}
// a *= b, or a.
template <int F, class A, class B>
constexpr A& multiply(A& a, const B& b) {
  if constexpr (are_numbers<A, B>) {
    if (on<F>()) return a;
  }
  return a *= b;
}
// a /= b, or a.
template <int F, class A, class B>
constexpr A& divide(A& a, const B& b) {
  if constexpr (are_numbers<A, B>) {
    if (on<F>()) return a;
  }
  return a /= b;
}
// The number of a row, or that of the row before.
template <int F, class X>
constexpr X row(const X& x) {
  if constexpr (std::is_integral_v<X>) {
    if (on<F>() && x > 0) return x - 1;
  }
  return x;
}

}  // namespace canary
