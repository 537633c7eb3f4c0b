// The one door to xsimd. A system header, so that no warning of foreign code reaches a -Werror
// build.
#pragma once
#pragma GCC system_header

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/inline.hpp"

#if SELFSUP_FAST_MATH && defined(XSIMD_VERSION_MAJOR)
#error "selfsup under fast-math: include selfsup before xsimd, whose exp and sincos are wrong then"
#endif
#if SELFSUP_FAST_MATH && defined(__clang__) && defined(__ARM_NEON_H)
#error "selfsup under fast-math: include selfsup before arm_neon.h, whose sums Clang reorders then"
#endif

#if defined(__clang__) && defined(__x86_64__)
// Clang's intrinsics of arithmetic are inline functions. Where the program (or Eigen) included them
// before, they carry its flags into our code, so xsimd is read with these in their place.
#include <immintrin.h>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace simd {
namespace detail {

template <class V>
SELFSUP_INLINE inline V plus(V a, V b) {
  return a + b;
}
template <class V>
SELFSUP_INLINE inline V minus(V a, V b) {
  return a - b;
}
template <class V>
SELFSUP_INLINE inline V times(V a, V b) {
  return a * b;
}
template <class V>
SELFSUP_INLINE inline V over(V a, V b) {
  return a / b;
}

// All bits set where it is true.
template <class V>
SELFSUP_INLINE inline V equal(V a, V b) {
  return V(a == b);
}
template <class V>
SELFSUP_INLINE inline V unequal(V a, V b) {
  return V(a != b);
}
template <class V>
SELFSUP_INLINE inline V less(V a, V b) {
  return V(a < b);
}
template <class V>
SELFSUP_INLINE inline V not_greater(V a, V b) {
  return V(a <= b);
}
template <class V>
SELFSUP_INLINE inline V greater(V a, V b) {
  return V(a > b);
}
template <class V>
SELFSUP_INLINE inline V not_less(V a, V b) {
  return V(a >= b);
}
template <class V>
SELFSUP_INLINE inline V unordered(V a, V b) {
  return V((a != a) | (b != b));
}

#if defined(__FMA__)
SELFSUP_INLINE inline __m128 fused(__m128 a, __m128 b, __m128 c) {
  return __builtin_ia32_vfmaddps(a, b, c);
}
SELFSUP_INLINE inline __m128d fused(__m128d a, __m128d b, __m128d c) {
  return __builtin_ia32_vfmaddpd(a, b, c);
}
SELFSUP_INLINE inline __m256 fused(__m256 a, __m256 b, __m256 c) {
  return __builtin_ia32_vfmaddps256(a, b, c);
}
SELFSUP_INLINE inline __m256d fused(__m256d a, __m256d b, __m256d c) {
  return __builtin_ia32_vfmaddpd256(a, b, c);
}
template <class V>
SELFSUP_INLINE inline V fmadd(V a, V b, V c) {
  return fused(a, b, c);
}
template <class V>
SELFSUP_INLINE inline V fmsub(V a, V b, V c) {
  return fused(a, b, -c);
}
template <class V>
SELFSUP_INLINE inline V fnmadd(V a, V b, V c) {
  return fused(-a, b, c);
}
template <class V>
SELFSUP_INLINE inline V fnmsub(V a, V b, V c) {
  return fused(-a, b, -c);
}
#endif

}  // namespace detail
}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#define SELFSUP_OWN_INTRINSIC(operation, type) ::selfsup::simd::detail::operation<type>
#define _mm_add_ps SELFSUP_OWN_INTRINSIC(plus, __m128)
#define _mm_add_pd SELFSUP_OWN_INTRINSIC(plus, __m128d)
#define _mm256_add_ps SELFSUP_OWN_INTRINSIC(plus, __m256)
#define _mm256_add_pd SELFSUP_OWN_INTRINSIC(plus, __m256d)
#define _mm512_add_ps SELFSUP_OWN_INTRINSIC(plus, __m512)
#define _mm512_add_pd SELFSUP_OWN_INTRINSIC(plus, __m512d)
#define _mm_sub_ps SELFSUP_OWN_INTRINSIC(minus, __m128)
#define _mm_sub_pd SELFSUP_OWN_INTRINSIC(minus, __m128d)
#define _mm256_sub_ps SELFSUP_OWN_INTRINSIC(minus, __m256)
#define _mm256_sub_pd SELFSUP_OWN_INTRINSIC(minus, __m256d)
#define _mm512_sub_ps SELFSUP_OWN_INTRINSIC(minus, __m512)
#define _mm512_sub_pd SELFSUP_OWN_INTRINSIC(minus, __m512d)
#define _mm_mul_ps SELFSUP_OWN_INTRINSIC(times, __m128)
#define _mm_mul_pd SELFSUP_OWN_INTRINSIC(times, __m128d)
#define _mm256_mul_ps SELFSUP_OWN_INTRINSIC(times, __m256)
#define _mm256_mul_pd SELFSUP_OWN_INTRINSIC(times, __m256d)
#define _mm512_mul_ps SELFSUP_OWN_INTRINSIC(times, __m512)
#define _mm512_mul_pd SELFSUP_OWN_INTRINSIC(times, __m512d)
#define _mm_div_ps SELFSUP_OWN_INTRINSIC(over, __m128)
#define _mm_div_pd SELFSUP_OWN_INTRINSIC(over, __m128d)
#define _mm256_div_ps SELFSUP_OWN_INTRINSIC(over, __m256)
#define _mm256_div_pd SELFSUP_OWN_INTRINSIC(over, __m256d)
#define _mm512_div_ps SELFSUP_OWN_INTRINSIC(over, __m512)
#define _mm512_div_pd SELFSUP_OWN_INTRINSIC(over, __m512d)
#define _mm_cmpeq_ps SELFSUP_OWN_INTRINSIC(equal, __m128)
#define _mm_cmpeq_pd SELFSUP_OWN_INTRINSIC(equal, __m128d)
#define _mm_cmpneq_ps SELFSUP_OWN_INTRINSIC(unequal, __m128)
#define _mm_cmpneq_pd SELFSUP_OWN_INTRINSIC(unequal, __m128d)
#define _mm_cmplt_ps SELFSUP_OWN_INTRINSIC(less, __m128)
#define _mm_cmplt_pd SELFSUP_OWN_INTRINSIC(less, __m128d)
#define _mm_cmple_ps SELFSUP_OWN_INTRINSIC(not_greater, __m128)
#define _mm_cmple_pd SELFSUP_OWN_INTRINSIC(not_greater, __m128d)
#define _mm_cmpgt_ps SELFSUP_OWN_INTRINSIC(greater, __m128)
#define _mm_cmpgt_pd SELFSUP_OWN_INTRINSIC(greater, __m128d)
#define _mm_cmpge_ps SELFSUP_OWN_INTRINSIC(not_less, __m128)
#define _mm_cmpge_pd SELFSUP_OWN_INTRINSIC(not_less, __m128d)
#define _mm_cmpunord_ps SELFSUP_OWN_INTRINSIC(unordered, __m128)
#define _mm_cmpunord_pd SELFSUP_OWN_INTRINSIC(unordered, __m128d)
#define _mm_fmadd_ps SELFSUP_OWN_INTRINSIC(fmadd, __m128)
#define _mm_fmadd_pd SELFSUP_OWN_INTRINSIC(fmadd, __m128d)
#define _mm256_fmadd_ps SELFSUP_OWN_INTRINSIC(fmadd, __m256)
#define _mm256_fmadd_pd SELFSUP_OWN_INTRINSIC(fmadd, __m256d)
#define _mm_fmsub_ps SELFSUP_OWN_INTRINSIC(fmsub, __m128)
#define _mm_fmsub_pd SELFSUP_OWN_INTRINSIC(fmsub, __m128d)
#define _mm256_fmsub_ps SELFSUP_OWN_INTRINSIC(fmsub, __m256)
#define _mm256_fmsub_pd SELFSUP_OWN_INTRINSIC(fmsub, __m256d)
#define _mm_fnmadd_ps SELFSUP_OWN_INTRINSIC(fnmadd, __m128)
#define _mm_fnmadd_pd SELFSUP_OWN_INTRINSIC(fnmadd, __m128d)
#define _mm256_fnmadd_ps SELFSUP_OWN_INTRINSIC(fnmadd, __m256)
#define _mm256_fnmadd_pd SELFSUP_OWN_INTRINSIC(fnmadd, __m256d)
#define _mm_fnmsub_ps SELFSUP_OWN_INTRINSIC(fnmsub, __m128)
#define _mm_fnmsub_pd SELFSUP_OWN_INTRINSIC(fnmsub, __m128d)
#define _mm256_fnmsub_ps SELFSUP_OWN_INTRINSIC(fnmsub, __m256)
#define _mm256_fnmsub_pd SELFSUP_OWN_INTRINSIC(fnmsub, __m256d)
#elif defined(__GNUC__) && !defined(__clang__)
// g++ 12 warns inside its own AVX-512 intrinsics, even under -isystem.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// Two functions of xsimd that are too large to be inlined and name no instruction set: a program
// would keep one copy of each, that of AVX perhaps. They take the name of the flags.
#define SELFSUP_OWN_(name, abi) name##_##abi
#define SELFSUP_OWN(name, abi) SELFSUP_OWN_(name, abi)
#define __ieee754_rem_pio2 SELFSUP_OWN(rem_pio2, SELFSUP_ABI)
#define __kernel_rem_pio2 SELFSUP_OWN(kernel_rem_pio2, SELFSUP_ABI)

#include <xsimd/xsimd.hpp>

#undef SELFSUP_OWN_
#undef SELFSUP_OWN
#undef __ieee754_rem_pio2
#undef __kernel_rem_pio2
#if defined(__clang__) && defined(__x86_64__)
#undef SELFSUP_OWN_INTRINSIC
#undef _mm_add_ps
#undef _mm_add_pd
#undef _mm256_add_ps
#undef _mm256_add_pd
#undef _mm512_add_ps
#undef _mm512_add_pd
#undef _mm_sub_ps
#undef _mm_sub_pd
#undef _mm256_sub_ps
#undef _mm256_sub_pd
#undef _mm512_sub_ps
#undef _mm512_sub_pd
#undef _mm_mul_ps
#undef _mm_mul_pd
#undef _mm256_mul_ps
#undef _mm256_mul_pd
#undef _mm512_mul_ps
#undef _mm512_mul_pd
#undef _mm_div_ps
#undef _mm_div_pd
#undef _mm256_div_ps
#undef _mm256_div_pd
#undef _mm512_div_ps
#undef _mm512_div_pd
#undef _mm_cmpeq_ps
#undef _mm_cmpneq_ps
#undef _mm_cmplt_ps
#undef _mm_cmple_ps
#undef _mm_cmpgt_ps
#undef _mm_cmpge_ps
#undef _mm_cmpunord_ps
#undef _mm_cmpeq_pd
#undef _mm_cmpneq_pd
#undef _mm_cmplt_pd
#undef _mm_cmple_pd
#undef _mm_cmpgt_pd
#undef _mm_cmpge_pd
#undef _mm_cmpunord_pd
#undef _mm_fmadd_ps
#undef _mm_fmadd_pd
#undef _mm256_fmadd_ps
#undef _mm256_fmadd_pd
#undef _mm_fmsub_ps
#undef _mm_fmsub_pd
#undef _mm256_fmsub_ps
#undef _mm256_fmsub_pd
#undef _mm_fnmadd_ps
#undef _mm_fnmadd_pd
#undef _mm256_fnmadd_ps
#undef _mm256_fnmadd_pd
#undef _mm_fnmsub_ps
#undef _mm_fnmsub_pd
#undef _mm256_fnmsub_ps
#undef _mm256_fnmsub_pd
#elif defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "selfsup/core/leave.hpp"
