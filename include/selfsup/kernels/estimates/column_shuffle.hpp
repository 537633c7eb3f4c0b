// The columns of a batch in a random order, and back.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

class ColumnShuffle {
 public:
  /// Draws the order of D columns at the point, or leaves them as they are.
  void prepare(std::size_t D, rng::RandomPoint point, bool shuffled = true) {
    std::uint32_t* const order = order_.grow(D);
    if (shuffled) {
      rng::shuffle({point.seed, point.step}, D, order);
    } else {
      for (std::size_t j = 0; j < D; ++j) order[j] = static_cast<std::uint32_t>(j);
    }
  }

  /// Writes one row in the order, to[j] = from[order[j]].
  template <class From, class To>
  void gather(const From* from, std::size_t D, To* to) const {
    for (std::size_t j = 0; j < D; ++j) to[j] = static_cast<To>(from[order_[j]]);
  }
  /// Writes z (N, D) of any layout in the order.
  template <class T>
  void gather(ConstView<T> z, product::PaddedMatrix<T>& shuffled) const {
    const std::size_t D = z.cols();
    shuffled.reshape(z.rows(), D);
    parallel_for(z.rows(), D, [&](std::size_t n) {
      if (z.contiguous_rows()) return gather(z.row(n), D, shuffled.row(n));
      for (std::size_t j = 0; j < D; ++j) shuffled.row(n)[j] = z(n, order_[j]);
    });
  }

  /// Writes row n of z from one in the order: z(n, order[j]) = weight·from[j].
  template <class From, class T>
  void scatter(const From* from, From weight, std::size_t n, MutView<T> z) const {
    for (std::size_t j = 0; j < z.cols(); ++j) z(n, order_[j]) = static_cast<T>(weight * from[j]);
  }
  /// Writes all of z (N, D).
  template <class T>
  void scatter(const product::PaddedMatrix<T>& shuffled, MutView<T> z) const {
    parallel_for(z.rows(), z.cols(), [&](std::size_t n) { scatter(shuffled.row(n), T(1), n, z); });
  }

  std::size_t bytes() const { return order_.bytes(); }

 private:
  Buffer<std::uint32_t> order_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
