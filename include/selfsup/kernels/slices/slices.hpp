// Random directions that a batch is projected on.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class Slices {
 public:
  /// Provides `count` unit vectors of D entries: those given, else those of the point, uniform on
  /// the sphere. Throws a ShapeError when given ones have another length.
  void prepare(const char* where, std::size_t count, std::size_t D, rng::RandomPoint point) {
    if (given()) {
      if (rows_.cols() == D) return;
      throw ShapeError(std::string(where) + ": slices are " +
                       shape_text(rows_.cols(), rows_.rows()) + ", the batch has " +
                       std::to_string(D) + " columns");
    }
    if (drawn_ && drawn_at_ == point && rows_.rows() == count && rows_.cols() == D) return;
    const Chunks chunks = row_chunks(count, 4 * D);
    double* const normals = normals_.grow(team_size(chunks.count()) * D);
    rows_.reshape(count, D);
    drawn_ = true;
    drawn_at_ = point;
    parallel_for(chunks.count(), [&](std::size_t chunk, std::size_t share) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t s = chunks.first(chunk) + i;
        draw({point.seed, point.step, s}, D, normals + share * D, rows_.row(s));
      }
    });
  }

  /// Takes the columns of u (D, count) instead of drawn ones, as they are.
  void give(ConstView<T> u) {
    rows_.reshape(u.cols(), u.rows());
    parallel_for(u.cols(), u.rows(), [&](std::size_t s) {
      for (std::size_t d = 0; d < u.rows(); ++d) rows_.row(s)[d] = u(d, s);
    });
    given_ = true;
    drawn_ = false;
  }
  /// The next prepare draws.
  void take_back() { given_ = false; }

  std::size_t count() const { return rows_.rows(); }
  /// One direction a column, (D, count).
  ConstView<T> columns() const { return rows().transposed(); }
  /// One direction a row, (count, D).
  ConstView<T> rows() const { return rows_.view(); }
  /// Some of them.
  ConstView<T> rows(std::size_t first, std::size_t some) const {
    return {rows_.row(first), some, rows_.cols(), rows_.stride(), 1};
  }
  std::size_t bytes() const { return rows_.bytes() + normals_.bytes(); }

 private:
  // A matrix that was moved from is empty.
  bool given() const { return given_ && rows_.rows() > 0; }

  // A normal vector has a direction uniform on the sphere. Its entries are those of float in
  // double, too, and its length is added in an order that no machine changes.
  static void draw(rng::RandomStream random, std::size_t D, double* normals, T* u) {
    random.normals(D, normals);
    constexpr std::size_t sums = 4;
    double squares[sums] = {};
    for (std::size_t d = 0; d < D; ++d) {
      normals[d] = static_cast<double>(static_cast<float>(normals[d]));
      squares[d % sums] = std::fma(normals[d], normals[d], squares[d % sums]);
    }
    const double inverse = 1 / std::sqrt((squares[0] + squares[1]) + (squares[2] + squares[3]));
    for (std::size_t d = 0; d < D; ++d)
      u[d] = static_cast<T>(static_cast<float>(normals[d] * inverse));
  }

  product::PaddedMatrix<T> rows_;  // (count, D)
  rng::RandomPoint drawn_at_;
  bool drawn_ = false;
  bool given_ = false;
  // Scratch.
  Buffer<double> normals_;  // a row a share
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
