// Names the inline namespace that holds all of selfsup: by instruction set, OpenMP, fast-math and
// the debug containers of the standard library. Files of one program that are compiled with
// different flags then share no symbol of ours, where a linker would keep one copy of each inline
// function and run AVX-512 code on a machine that has none.
#pragma once

#ifndef __cpp_exceptions
#error "selfsup reports bad input by exceptions: compile without -fno-exceptions"
#endif

// The one test of the instruction set outside simd/: a name must be known on the lowest floor.
// AVX-512 means the x86-64-v4 group (F, BW, CD, DQ, VL) and AVX2 means the x86-64-v3 group (with
// FMA).
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__)
#define SELFSUP_ISA_AVX512 1
#if defined(__AVX512FP16__)
#define SELFSUP_ISA_NAME avx512fp16
#elif defined(__AVX512VBMI2__)
#define SELFSUP_ISA_NAME avx512vbmi2
#else
#define SELFSUP_ISA_NAME avx512
#endif
#elif defined(__AVX2__) && defined(__FMA__)
#define SELFSUP_ISA_AVX2 1
#define SELFSUP_ISA_NAME avx2
#elif defined(__AVX__) && defined(__FMA__)
#define SELFSUP_ISA_SSE2 1
#define SELFSUP_ISA_NAME avxfma
#elif defined(__AVX__)
#define SELFSUP_ISA_SSE2 1
#define SELFSUP_ISA_NAME avx
#elif defined(__SSE4_1__)
#define SELFSUP_ISA_SSE2 1
#define SELFSUP_ISA_NAME sse41
#elif defined(__SSE2__) || defined(_M_X64)
#define SELFSUP_ISA_SSE2 1
#define SELFSUP_ISA_NAME sse2
#elif defined(__aarch64__)
#define SELFSUP_ISA_NEON64 1
#define SELFSUP_ISA_NAME neon64
#else
#error "selfsup needs x86-64 (SSE2, AVX2 with FMA, or AVX-512) or AArch64 (NEON)"
#endif

#ifdef _OPENMP
#define SELFSUP_OPENMP_NAME omp
#else
#define SELFSUP_OPENMP_NAME serial
#endif

// __GCC_IEC_559 is 0 under any flag of g++ that changes what floating point means. Clang shows
// parts of fast-math by no macro: core/enter.hpp makes that harmless.
#if defined(__FAST_MATH__) || __FINITE_MATH_ONLY__ || (defined(__GCC_IEC_559) && !__GCC_IEC_559)
#define SELFSUP_FAST_MATH 1
#else
#define SELFSUP_FAST_MATH 0
#endif

#if SELFSUP_FAST_MATH && defined(_GLIBCXX_DEBUG)
#define SELFSUP_MATH_NAME fast_debug
#elif SELFSUP_FAST_MATH
#define SELFSUP_MATH_NAME fast
#elif defined(_GLIBCXX_DEBUG)
#define SELFSUP_MATH_NAME exact_debug
#else
#define SELFSUP_MATH_NAME exact
#endif

#define SELFSUP_JOIN_(a, b, c) a##_##b##_##c
#define SELFSUP_JOIN(a, b, c) SELFSUP_JOIN_(a, b, c)
#define SELFSUP_ABI SELFSUP_JOIN(SELFSUP_ISA_NAME, SELFSUP_OPENMP_NAME, SELFSUP_MATH_NAME)
