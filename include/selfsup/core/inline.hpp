// How a function is kept out of line, or made one piece with what it calls.
#pragma once

/// A function that two passes share and that must give both the same bits: one copy, never merged
/// into its callers.
///
/// SELFSUP_FLATTEN: everything that the function calls is inlined into it. Compilers stop inlining
/// in large files; a micro-kernel whose batches then lie in memory is four times slower.
/// SELFSUP_INLINE: always merged into the caller; goes before the body of a lambda, too.
#if defined(__GNUC__)
#define SELFSUP_INLINE __attribute__((always_inline))
#define SELFSUP_NOINLINE __attribute__((noinline))
#define SELFSUP_FLATTEN __attribute__((flatten))
#else
#define SELFSUP_INLINE
#define SELFSUP_NOINLINE
#define SELFSUP_FLATTEN
#endif
