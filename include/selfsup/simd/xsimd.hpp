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

}  // namespace detail
}  // namespace simd
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#define SELFSUP_ARITHMETIC(operation, type, a, b) \
  ::selfsup::simd::detail::operation(type(a), type(b))
#define _mm_add_ps(a, b) SELFSUP_ARITHMETIC(plus, __m128, a, b)
#define _mm_add_pd(a, b) SELFSUP_ARITHMETIC(plus, __m128d, a, b)
#define _mm256_add_ps(a, b) SELFSUP_ARITHMETIC(plus, __m256, a, b)
#define _mm256_add_pd(a, b) SELFSUP_ARITHMETIC(plus, __m256d, a, b)
#define _mm512_add_ps(a, b) SELFSUP_ARITHMETIC(plus, __m512, a, b)
#define _mm512_add_pd(a, b) SELFSUP_ARITHMETIC(plus, __m512d, a, b)
#define _mm_sub_ps(a, b) SELFSUP_ARITHMETIC(minus, __m128, a, b)
#define _mm_sub_pd(a, b) SELFSUP_ARITHMETIC(minus, __m128d, a, b)
#define _mm256_sub_ps(a, b) SELFSUP_ARITHMETIC(minus, __m256, a, b)
#define _mm256_sub_pd(a, b) SELFSUP_ARITHMETIC(minus, __m256d, a, b)
#define _mm512_sub_ps(a, b) SELFSUP_ARITHMETIC(minus, __m512, a, b)
#define _mm512_sub_pd(a, b) SELFSUP_ARITHMETIC(minus, __m512d, a, b)
#define _mm_mul_ps(a, b) SELFSUP_ARITHMETIC(times, __m128, a, b)
#define _mm_mul_pd(a, b) SELFSUP_ARITHMETIC(times, __m128d, a, b)
#define _mm256_mul_ps(a, b) SELFSUP_ARITHMETIC(times, __m256, a, b)
#define _mm256_mul_pd(a, b) SELFSUP_ARITHMETIC(times, __m256d, a, b)
#define _mm512_mul_ps(a, b) SELFSUP_ARITHMETIC(times, __m512, a, b)
#define _mm512_mul_pd(a, b) SELFSUP_ARITHMETIC(times, __m512d, a, b)
#define _mm_div_ps(a, b) SELFSUP_ARITHMETIC(over, __m128, a, b)
#define _mm_div_pd(a, b) SELFSUP_ARITHMETIC(over, __m128d, a, b)
#define _mm256_div_ps(a, b) SELFSUP_ARITHMETIC(over, __m256, a, b)
#define _mm256_div_pd(a, b) SELFSUP_ARITHMETIC(over, __m256d, a, b)
#define _mm512_div_ps(a, b) SELFSUP_ARITHMETIC(over, __m512, a, b)
#define _mm512_div_pd(a, b) SELFSUP_ARITHMETIC(over, __m512d, a, b)
#define _mm_cmpeq_ps(a, b) __m128(__m128(a) == __m128(b))
#define _mm_cmpneq_ps(a, b) __m128(__m128(a) != __m128(b))
#define _mm_cmplt_ps(a, b) __m128(__m128(a) < __m128(b))
#define _mm_cmple_ps(a, b) __m128(__m128(a) <= __m128(b))
#define _mm_cmpgt_ps(a, b) __m128(__m128(a) > __m128(b))
#define _mm_cmpge_ps(a, b) __m128(__m128(a) >= __m128(b))
#define _mm_cmpunord_ps(a, b) __m128(__builtin_ia32_cmpunordps(__m128(a), __m128(b)))
#define _mm_cmpeq_pd(a, b) __m128d(__m128d(a) == __m128d(b))
#define _mm_cmpneq_pd(a, b) __m128d(__m128d(a) != __m128d(b))
#define _mm_cmplt_pd(a, b) __m128d(__m128d(a) < __m128d(b))
#define _mm_cmple_pd(a, b) __m128d(__m128d(a) <= __m128d(b))
#define _mm_cmpgt_pd(a, b) __m128d(__m128d(a) > __m128d(b))
#define _mm_cmpge_pd(a, b) __m128d(__m128d(a) >= __m128d(b))
#define _mm_cmpunord_pd(a, b) __m128d(__builtin_ia32_cmpunordpd(__m128d(a), __m128d(b)))
#define _mm_fmadd_ps(a, b, c) __builtin_ia32_vfmaddps(__m128(a), __m128(b), __m128(c))
#define _mm_fmadd_pd(a, b, c) __builtin_ia32_vfmaddpd(__m128d(a), __m128d(b), __m128d(c))
#define _mm256_fmadd_ps(a, b, c) __builtin_ia32_vfmaddps256(__m256(a), __m256(b), __m256(c))
#define _mm256_fmadd_pd(a, b, c) __builtin_ia32_vfmaddpd256(__m256d(a), __m256d(b), __m256d(c))
#define _mm_fmsub_ps(a, b, c) __builtin_ia32_vfmaddps(__m128(a), __m128(b), -__m128(c))
#define _mm_fmsub_pd(a, b, c) __builtin_ia32_vfmaddpd(__m128d(a), __m128d(b), -__m128d(c))
#define _mm256_fmsub_ps(a, b, c) __builtin_ia32_vfmaddps256(__m256(a), __m256(b), -__m256(c))
#define _mm256_fmsub_pd(a, b, c) __builtin_ia32_vfmaddpd256(__m256d(a), __m256d(b), -__m256d(c))
#define _mm_fnmadd_ps(a, b, c) __builtin_ia32_vfmaddps(-__m128(a), __m128(b), __m128(c))
#define _mm_fnmadd_pd(a, b, c) __builtin_ia32_vfmaddpd(-__m128d(a), __m128d(b), __m128d(c))
#define _mm256_fnmadd_ps(a, b, c) __builtin_ia32_vfmaddps256(-__m256(a), __m256(b), __m256(c))
#define _mm256_fnmadd_pd(a, b, c) __builtin_ia32_vfmaddpd256(-__m256d(a), __m256d(b), __m256d(c))
#define _mm_fnmsub_ps(a, b, c) __builtin_ia32_vfmaddps(-__m128(a), __m128(b), -__m128(c))
#define _mm_fnmsub_pd(a, b, c) __builtin_ia32_vfmaddpd(-__m128d(a), __m128d(b), -__m128d(c))
#define _mm256_fnmsub_ps(a, b, c) __builtin_ia32_vfmaddps256(-__m256(a), __m256(b), -__m256(c))
#define _mm256_fnmsub_pd(a, b, c) __builtin_ia32_vfmaddpd256(-__m256d(a), __m256d(b), -__m256d(c))
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
#undef SELFSUP_ARITHMETIC
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
