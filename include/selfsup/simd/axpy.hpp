// A multiple of one row added to another.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

/// Adds weight·from to to, both of n entries.
template <class T>
inline void axpy(T weight, const T* from, T* to, std::size_t n) {
  const Batch<T> factor(weight);
  for_batches<T>(0, n, [&](std::size_t i, auto part) {
    store(to + i, fma(factor, load(from + i, part), load(to + i, part)), part);
  });
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
