// The one door to Eigen's Fourier transform. A system header, so that no warning of foreign code
// reaches a -Werror build, also where its folder comes by -I.
#pragma once
#pragma GCC system_header

#include "selfsup/core/enter.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 warns inside its own AVX-512 intrinsics, even under -isystem.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#ifdef _GLIBCXX_DEBUG
// A transform holds std containers, which are of another size here: under names of their own, or
// the linker would take its functions for those of the program's other files.
#ifdef EIGEN_FFT_H
#error "with _GLIBCXX_DEBUG, include selfsup's fft_covariance.hpp before unsupported/Eigen/FFT"
#endif
#define FFT FFT_of_debug_containers
#define kiss_cpx_fft kiss_cpx_fft_of_debug_containers
#define kissfft_impl kissfft_impl_of_debug_containers
#define default_fft_impl default_fft_impl_of_debug_containers
#define fft_fwd_proxy fft_fwd_proxy_of_debug_containers
#define fft_inv_proxy fft_inv_proxy_of_debug_containers
#endif

#include <unsupported/Eigen/FFT>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace linalg {

using FourierTransform = Eigen::FFT<double>;

}  // namespace linalg
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#ifdef _GLIBCXX_DEBUG
#undef FFT
#undef kiss_cpx_fft
#undef kissfft_impl
#undef default_fft_impl
#undef fft_fwd_proxy
#undef fft_inv_proxy
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include "selfsup/core/leave.hpp"
