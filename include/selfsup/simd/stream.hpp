// Stores that go round the caches: for arrays that no cache holds until they are read again, where
// a plain store first reads the line that it overwrites.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

/// Whether an array of that many bytes is better written by stream(): it and what is read beside it
/// exceed a last-level cache.
inline bool exceeds_caches(std::size_t bytes) { return bytes >= (std::size_t{16} << 20); }

/// Whether stream() can send what begins there round the caches.
template <class T>
bool is_aligned(const T* to) {
  return reinterpret_cast<std::uintptr_t>(to) % sizeof(Batch<T>) == 0;
}

/// Stores a whole batch round the caches where the machine can and `to` is aligned to the batch, as
/// usual otherwise. end_of_stream() before another thread reads it.
inline void stream(float* to, const Batch<float>& x) {
#if !defined(SELFSUP_ISA_NEON64)
  if (is_aligned(to)) {
#if defined(SELFSUP_ISA_AVX512)
    _mm512_stream_ps(to, x);
#elif defined(SELFSUP_ISA_AVX2)
    _mm256_stream_ps(to, x);
#else
    _mm_stream_ps(to, x);
#endif
    return;
  }
#endif
  store(to, x);
}
inline void stream(double* to, const Batch<double>& x) {
#if !defined(SELFSUP_ISA_NEON64)
  if (is_aligned(to)) {
#if defined(SELFSUP_ISA_AVX512)
    _mm512_stream_pd(to, x);
#elif defined(SELFSUP_ISA_AVX2)
    _mm256_stream_pd(to, x);
#else
    _mm_stream_pd(to, x);
#endif
    return;
  }
#endif
  store(to, x);
}

/// Writes to[0 … n) batch by batch: entries(i, part) gives the batch that begins at i. `streamed`
/// sends whole batches round the caches.
template <class T, class Entries>
inline void write_batches(T* to, std::size_t n, bool streamed, Entries&& entries) {
  for_batches<T>(0, n, [&](std::size_t i, auto part) {
    if constexpr (std::is_same_v<decltype(part), AllLanes>) {
      if (streamed) return stream(to + i, entries(i, part));
    }
    store(to + i, entries(i, part), part);
  });
}

/// What this thread has streamed is in place.
inline void end_of_stream() {
#if !defined(SELFSUP_ISA_NEON64)
  _mm_sfence();
#endif
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
