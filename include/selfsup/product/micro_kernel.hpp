// The innermost product: a block of C in registers, one column of A times one row of B for each k.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/signed_stride.hpp"
#include "selfsup/product/ahead.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// A left operand read in place whose rows are contiguous: entry (r, k) is data[r·stride + k].
template <class T>
struct LeftByRows {
  const T* data;
  SignedStride stride;

  LeftByRows at(std::size_t row, std::size_t k) const { return {data + row * stride + k, stride}; }
  const T& entry(std::size_t row, std::size_t k) const { return (data + row * stride)[k]; }
};

/// A left operand read in place whose columns are contiguous: entry (r, k) is data[k·stride + r].
template <class T>
struct LeftByCols {
  const T* data;
  SignedStride stride;

  LeftByCols at(std::size_t row, std::size_t k) const { return {data + k * stride + row, stride}; }
  const T& entry(std::size_t row, std::size_t k) const { return (data + k * stride)[row]; }
};

/// A right operand whose rows are contiguous: entry (k, c) is data[k·stride + c], readable to a
/// whole batch.
template <class T>
struct Right {
  const T* data;
  SignedStride stride;

  Right at(std::size_t k, std::size_t col) const { return {data + k * stride + col, stride}; }
};

namespace detail {

template <class F, std::size_t... I>
SELFSUP_INLINE inline void unrolled(F&& f, std::index_sequence<I...>) {
  (f(std::integral_constant<std::size_t, I>{}), ...);
}

}  // namespace detail

/// Calls f(i) for the constants i = 0 … Count − 1, one after the other.
template <std::size_t Count, class F>
SELFSUP_INLINE inline void unrolled(F&& f) {
  detail::unrolled(f, std::make_index_sequence<Count>{});
}

/// What becomes of the entries of C that are there: written over without being read, or added to.
enum class Output { write, add };

/// Where the products go: into C, entry (r, c) at data[r·stride + c], with room for whole batches.
/// Another type with these members may do more with a product on its way.
template <class T>
struct Entries {
  T* data;
  SignedStride stride;
  Output output;

  Entries at(std::size_t row, std::size_t col) const {
    return {data + row * stride + col, stride, output};
  }
  /// Takes the products of the first rows and columns.
  template <std::size_t Rows, std::size_t Batches>
  SELFSUP_INLINE void put(const simd::Batch<T> (&products)[Rows][Batches]) const {
    constexpr std::size_t L = simd::lanes<T>;
    const auto store = [&](auto&& entries) SELFSUP_INLINE {
      unrolled<Rows>([&](auto r) SELFSUP_INLINE {
        unrolled<Batches>([&](auto v) SELFSUP_INLINE {
          T* const to = data + r * stride + v * L;
          simd::store(to, entries(to, products[r][v]));
        });
      });
    };
    if (output == Output::add) {
      store([](const T* to, const simd::Batch<T>& x) SELFSUP_INLINE { return simd::load(to) + x; });
    } else {
      store([](const T*, const simd::Batch<T>& x) SELFSUP_INLINE { return x; });
    }
  }
  /// What put() touches in the first rows and columns.
  Region touched(std::size_t rows, std::size_t cols) const {
    return region(data, stride, rows, cols);
  }
};

/// How often a product of that size asks ahead.
template <class T>
std::size_t asks_ahead(std::size_t rows, std::size_t K) {
  return Chunks{rows, Blocking<T>::micro_rows}.count() * Chunks{K, Blocking<T>::run}.count();
}

/// Puts A (Rows, K) · B (K, Batches·lanes) into the result. Calls ahead.ask() every few k.
template <std::size_t Rows, std::size_t Batches, class T, class Left, class Result>
SELFSUP_FLATTEN inline void micro_kernel(std::size_t K, Left a, Right<T> b, Result result,
                                         AheadOfStrip& ahead) {
  using simd::Batch;
  constexpr std::size_t L = simd::lanes<T>, run = Blocking<T>::run;
  Batch<T> sum[Rows][Batches];
  unrolled<Rows>([&](auto r) SELFSUP_INLINE {
    unrolled<Batches>([&](auto v) SELFSUP_INLINE { sum[r][v] = Batch<T>(T(0)); });
  });
  for (std::size_t first = 0; first < K; first += run) {
    ahead.ask();
    const std::size_t last = first + run < K ? first + run : K;
    for (std::size_t k = first; k < last; ++k) {
      Batch<T> b_k[Batches];
      unrolled<Batches>([&](auto v)
                            SELFSUP_INLINE { b_k[v] = simd::load(b.data + k * b.stride + v * L); });
      unrolled<Rows>([&](auto r) SELFSUP_INLINE {
        const Batch<T> a_rk(a.entry(r, k));
        unrolled<Batches>([&](auto v)
                              SELFSUP_INLINE { sum[r][v] = simd::fma(a_rk, b_k[v], sum[r][v]); });
      });
    }
  }
  result.put(sum);
}

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
