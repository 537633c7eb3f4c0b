// Batches from functions of the lane, and back.
#pragma once

#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <vector>

namespace tests {

/// The batch with f(i) in lane i.
template <class T, class F>
selfsup::simd::Batch<T> batch_of(F&& f) {
  T entries[selfsup::simd::lanes<T>];
  for (std::size_t i = 0; i < selfsup::simd::lanes<T>; ++i) entries[i] = static_cast<T>(f(i));
  return selfsup::simd::Batch<T>::load_unaligned(entries);
}

template <class Batch>
auto lanes_of(const Batch& x) {
  std::vector<typename Batch::value_type> entries(Batch::size);
  x.store_unaligned(entries.data());
  return entries;
}

}  // namespace tests
