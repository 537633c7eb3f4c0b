// Batches: as many entries as one register holds, chosen by the compiler's flags (core/abi.hpp
// names the choice). Every multiply-add is written fma(a, b, c): a bare a*b+c would be contracted
// by some compilers and not by others.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/simd/xsimd.hpp"

#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {

#if defined(SELFSUP_ISA_AVX512)
using Arch = xsimd::avx512bw;
inline constexpr std::size_t registers = 32;
#elif defined(SELFSUP_ISA_AVX2)
using Arch = xsimd::fma3<xsimd::avx2>;
inline constexpr std::size_t registers = 16;
#elif defined(SELFSUP_ISA_NEON64)
using Arch = xsimd::neon64;
inline constexpr std::size_t registers = 32;
#else
using Arch = xsimd::sse2;
inline constexpr std::size_t registers = 16;
#endif

template <class T>
using Batch = xsimd::batch<T, Arch>;

/// Entries in one batch.
template <class T>
inline constexpr std::size_t lanes = Batch<T>::size;

/// Which lanes of a batch a load or a store touches: all of them, or the first `count`.
struct AllLanes {};
struct FirstLanes {
  std::size_t count;
};

/// Calls f(i, AllLanes) for each whole batch of [first, last) and f(i, FirstLanes) for what is
/// left: the one idiom for tails. Nothing outside [first, last) is read or written.
template <class T, class F>
inline void for_batches(std::size_t first, std::size_t last, F&& f) {
  std::size_t i = first;
  for (; i + lanes<T> <= last; i += lanes<T>) f(i, AllLanes{});
  if (i < last) f(i, FirstLanes{last - i});
}

/// Lanes that `part` leaves out are `rest`.
template <class T>
inline Batch<T> load(const T* from, AllLanes = {}, T /*rest*/ = 0) {
  return Batch<T>::load_unaligned(from);
}
template <class T>
inline Batch<T> load(const T* from, FirstLanes part, T rest = 0) {
  alignas(64) T entries[lanes<T>];
  for (std::size_t i = 0; i < lanes<T>; ++i) entries[i] = i < part.count ? from[i] : rest;
  return Batch<T>::load_aligned(entries);
}

template <class T>
inline void store(T* to, const Batch<T>& x, AllLanes = {}) {
  x.store_unaligned(to);
}
template <class T>
inline void store(T* to, const Batch<T>& x, FirstLanes part) {
  alignas(64) T entries[lanes<T>];
  x.store_aligned(entries);
  for (std::size_t i = 0; i < part.count; ++i) to[i] = entries[i];
}

/// Asks for the cache line of *at; no error when nothing is there. Always merged into the caller:
/// g++ takes a function that only prefetches for one that does nothing, and drops the call.
template <class T>
SELFSUP_INLINE inline void prefetch(const T* at) {
  __builtin_prefetch(at, 0);
}
/// The same, to where it does not push out what a first-level cache holds.
SELFSUP_INLINE inline void prefetch_to_second_level(const void* at) {
  __builtin_prefetch(at, 0, 2);
}

/// Zero in the lanes that `part` leaves out.
template <class T>
inline Batch<T> keep(const Batch<T>& x, AllLanes) {
  return x;
}
template <class T>
inline Batch<T> keep(const Batch<T>& x, FirstLanes part) {
  alignas(64) T entries[lanes<T>] = {};
  store(entries, x, part);
  return Batch<T>::load_aligned(entries);
}

/// a·b + c, rounded once where the machine has the instruction (all but SSE2).
template <class T>
inline Batch<T> fma(const Batch<T>& a, const Batch<T>& b, const Batch<T>& c) {
  return xsimd::fma(a, b, c);
}
#if defined(SELFSUP_ISA_AVX512) && XSIMD_VERSION_MAJOR < 11
// xsimd before 11 writes x*y + z here, which clang does not contract: half the rate and other bits.
template <>
inline Batch<float> fma(const Batch<float>& a, const Batch<float>& b, const Batch<float>& c) {
  return _mm512_fmadd_ps(a, b, c);
}
template <>
inline Batch<double> fma(const Batch<double>& a, const Batch<double>& b, const Batch<double>& c) {
  return _mm512_fmadd_pd(a, b, c);
}
#endif

/// The same of numbers. A compiler that fuses a·b + c·d by itself fuses either product: the code of
/// an item that is there twice, for one thread and for many, would give other bits.
inline double fma(double a, double b, double c) {
#if defined(SELFSUP_ISA_SSE2)
  return a * b + c;
#else
  return __builtin_fma(a, b, c);
#endif
}

/// x itself, as rounded to its type: keeps a compiler from fusing the product that x is with an
/// addition that follows.
template <class T>
inline Batch<T> rounded(const Batch<T>& x) {
#if defined(SELFSUP_ISA_NEON64)
  typename Batch<T>::register_type bits = x;
  __asm__("" : "+w"(bits));
#elif defined(SELFSUP_ISA_AVX512)
  typename Batch<T>::register_type bits = x;
  __asm__("" : "+v"(bits));
#else
  typename Batch<T>::register_type bits = x;
  __asm__("" : "+x"(bits));
#endif
  return bits;
}

/// a·b − c, rounded once (on SSE2 twice).
template <class T>
inline Batch<T> fms(const Batch<T>& a, const Batch<T>& b, const Batch<T>& c) {
  return fma(a, b, -c);
}
#if defined(SELFSUP_ISA_SSE2)
// No such instruction: in double, where a·b is exact.
template <>
inline Batch<float> fms(const Batch<float>& a, const Batch<float>& b, const Batch<float>& c) {
  const auto in_double = [](__m128 x, __m128 y, __m128 z) {
    return _mm_cvtpd_ps(_mm_cvtps_pd(x) * _mm_cvtps_pd(y) - _mm_cvtps_pd(z));
  };
  const __m128 x = a, y = b, z = c;
  const __m128 high = in_double(_mm_movehl_ps(x, x), _mm_movehl_ps(y, y), _mm_movehl_ps(z, z));
  return _mm_movelh_ps(in_double(x, y, z), high);
}
#endif

/// a·b + c, rounded once on every machine; slow on SSE2.
inline Batch<double> fma_rounded_once(const Batch<double>& a, const Batch<double>& b,
                                      const Batch<double>& c) {
#if defined(SELFSUP_ISA_SSE2)
  const __m128d x = a, y = b, z = c;
  return _mm_set_pd(std::fma(x[1], y[1], z[1]), std::fma(x[0], y[0], z[0]));
#else
  return fma(a, b, c);
#endif
}

/// What a comparison of batches gives.
template <class T>
using Mask = xsimd::batch_bool<T, Arch>;

/// a where the mask is set, b elsewhere.
template <class T>
inline Batch<T> select(const Mask<T>& mask, const Batch<T>& a, const Batch<T>& b) {
  return xsimd::select(mask, a, b);
}

/// e^x within an epsilon and a half of the value: float on [-87.3, 88.3], 0 below -87.7, infinity
/// above; double on [-708, 709.4], infinity above. e^-infinity is 0.
template <class T>
inline Batch<T> exp(const Batch<T>& x) {
  // xsimd rounds x to an integer, which -infinity has none of; e^-1000 is 0 in both types.
  const Batch<T> lowest(T(-1000));
  return xsimd::exp(xsimd::select(x < lowest, lowest, x));
}

/// The largest lane; what it is when one is NaN depends on the machine.
template <class T>
inline T largest(const Batch<T>& x) {
  alignas(64) T entries[lanes<T>];
  x.store_aligned(entries);
  for (std::size_t width = lanes<T> / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i)
      entries[i] = entries[i + width] > entries[i] ? entries[i + width] : entries[i];
  }
  return entries[0];
}

/// True when a >= b in any lane.
template <class T>
inline bool any_not_less(const Batch<T>& a, const Batch<T>& b) {
  return xsimd::any(a >= b);
}

template <class T>
inline Batch<T> abs(const Batch<T>& x) {
  return xsimd::abs(x);
}

/// Rounded once.
template <class T>
inline Batch<T> sqrt(const Batch<T>& x) {
  return xsimd::sqrt(x);
}

template <class T>
inline Batch<T> max(const Batch<T>& a, const Batch<T>& b) {
  return xsimd::max(a, b);
}

template <class T>
inline Batch<T> min(const Batch<T>& a, const Batch<T>& b) {
  return xsimd::min(a, b);
}

}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
