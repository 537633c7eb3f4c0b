// The positives' part of a gradient.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/axpy.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Adds −pull(i)·z_p(i) to row i of d_z: after the sum over the other candidates, which is much
/// smaller and would be rounded at the positive's magnitude. Or writes it, where there is no sum.
template <class T, class Positive, class Pull>
void add_positives(const product::PaddedMatrix<T>& z, Positive&& positive, Pull&& pull,
                   product::PaddedMatrix<T>& d_z, product::Output output = product::Output::add) {
  parallel_for(d_z.rows(), d_z.cols(), [&](std::size_t i) {
    T* const to = d_z.row(i);
    if (output == product::Output::write) std::fill_n(to, d_z.cols(), T(0));
    simd::axpy(-pull(i), z.row(positive(i)), to, d_z.cols());
  });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
