// How a function is kept out of line.
#pragma once

/// A function that two passes share and that must give both the same bits: one copy, never merged
/// into its callers.
#if defined(__GNUC__)
#define SELFSUP_NOINLINE __attribute__((noinline))
#else
#define SELFSUP_NOINLINE
#endif
