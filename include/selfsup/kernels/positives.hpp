// The positives' part of a gradient.
#pragma once

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/micro_kernel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"

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
    const simd::Batch<T> weight(-pull(i));
    const T* from = z.row(positive(i));
    T* to = d_z.row(i);
    simd::for_batches<T>(0, d_z.cols(), [&](std::size_t d, auto part) {
      const simd::Batch<T> x = simd::load(from + d, part);
      simd::store(to + d,
                  output == product::Output::write ? weight * x
                                                   : simd::fma(weight, x, simd::load(to + d, part)),
                  part);
    });
  });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
