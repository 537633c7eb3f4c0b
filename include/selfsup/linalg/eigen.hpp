// The one door to Eigen's eigenvalues. A system header, so that no warning of foreign code reaches
// a -Werror build, also where its folder comes by -I.
#pragma once
#pragma GCC system_header

#include "selfsup/core/enter.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 warns inside its own AVX-512 intrinsics, even under -isystem.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "selfsup/core/leave.hpp"
