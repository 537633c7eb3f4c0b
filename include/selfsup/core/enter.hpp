// Opens the inside of selfsup: every header includes it first, and leave.hpp last. No include
// guard: they nest as headers do. Inside,
//   - floating point is precise, whatever the flags of the program: under -ffast-math compilers
//     reorder the steps of exp, sincos and means into wrong ones, and fold tests for infinities.
//   - no macro of the program stands in for a name of ours, of xsimd or of Eigen.
#include "selfsup/core/abi.hpp"

#if defined(__clang__)
// Always, as Clang shows no macro for parts of fast-math. Contraction is Clang's default.
#pragma float_control(precise, on, push)
#elif defined(__GNUC__)
#pragma GCC push_options
#if SELFSUP_FAST_MATH
#pragma GCC optimize("no-fast-math", "no-cx-limited-range")
#endif
#endif

// What windows.h, X11 and short programs define, and single capitals.
#pragma push_macro("min")
#pragma push_macro("max")
#pragma push_macro("abs")
#pragma push_macro("check")
#pragma push_macro("require")
#pragma push_macro("near")
#pragma push_macro("far")
#pragma push_macro("small")
#pragma push_macro("major")
#pragma push_macro("minor")
#pragma push_macro("linux")
#pragma push_macro("unix")
#pragma push_macro("Status")
#pragma push_macro("Success")
#pragma push_macro("None")
#pragma push_macro("Bool")
#pragma push_macro("True")
#pragma push_macro("False")
#pragma push_macro("Always")
#pragma push_macro("Never")
#pragma push_macro("Complex")
#pragma push_macro("A")
#pragma push_macro("B")
#pragma push_macro("C")
#pragma push_macro("D")
#pragma push_macro("E")
#pragma push_macro("F")
#pragma push_macro("G")
#pragma push_macro("H")
#pragma push_macro("I")
#pragma push_macro("J")
#pragma push_macro("K")
#pragma push_macro("L")
#pragma push_macro("M")
#pragma push_macro("N")
#pragma push_macro("O")
#pragma push_macro("P")
#pragma push_macro("Q")
#pragma push_macro("R")
#pragma push_macro("S")
#pragma push_macro("T")
#pragma push_macro("U")
#pragma push_macro("V")
#pragma push_macro("W")
#pragma push_macro("X")
#pragma push_macro("Y")
#pragma push_macro("Z")

#undef min
#undef max
#undef abs
#undef check
#undef require
#undef near
#undef far
#undef small
#undef major
#undef minor
#undef linux
#undef unix
#undef Status
#undef Success
#undef None
#undef Bool
#undef True
#undef False
#undef Always
#undef Never
#undef Complex
#undef A
#undef B
#undef C
#undef D
#undef E
#undef F
#undef G
#undef H
#undef I
#undef J
#undef K
#undef L
#undef M
#undef N
#undef O
#undef P
#undef Q
#undef R
#undef S
#undef T
#undef U
#undef V
#undef W
#undef X
#undef Y
#undef Z
