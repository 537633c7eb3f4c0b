// Rows of predictions against rows of targets: the core of BYOL and SimSiam. The gradient is
// written while a row is in cache, so nothing else need be kept for backward.
//
// With p̂ = p/|p|, ẑ = z/|z|, c = p̂·ẑ, both |p̂ − ẑ|²/2 and −c have the gradients
//   d_p = (c p̂ − ẑ)/|p|   and   d_z = (c ẑ − p̂)/|z|.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/norm.hpp"
#include "selfsup/kernels/rows/predictions_of_any_range.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/stream.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// factor·(x·(x·y)/|x|² − y), the gradient of a row x that meets a row y. Each entry is rounded
/// once, and what the rounding of the share leaves along x is taken out again: the gradient keeps
/// its digits where x and y are almost parallel.
template <class T>
class Tangent {
  using Batch = simd::Batch<T>;

 public:
  Tangent(double xy, const Unit& unit, double factor)
      : inverse_square_(unit.inverse * unit.inverse),
        share_(static_cast<T>(xy * inverse_square_)),
        factor_(static_cast<T>(factor)) {}

  /// x·(x·y)/|x|² − y, of a few entries of both.
  Batch uncorrected(const Batch& x, const Batch& y) const { return simd::fms(share_, x, y); }

  /// Writes out (D); `along` is x · uncorrected.
  void write(const T* x, const T* y, double along, std::size_t D, bool streamed, T* out) const {
    const Batch left(static_cast<T>(-along * inverse_square_));
    simd::write_batches(out, D, streamed, [&](std::size_t d, auto part) {
      const auto x_d = simd::load(x + d, part);
      return simd::fma(left, x_d, uncorrected(x_d, simd::load(y + d, part))) * factor_;
    });
  }

 private:
  double inverse_square_;
  Batch share_;
  Batch factor_;
};

template <class T>
class PredictionRows {
 public:
  using Sums = PredictionSums;

  /// Reads p and z, (N, D) with contiguous rows. Writes weight·dΣloss/dp and …/dz to d_p and d_z,
  /// (N, D) one row after the other; a null pointer skips one.
  Sums forward(ConstView<T> p, ConstView<T> z, const RowForm& form, double weight, T* d_p, T* d_z) {
    const std::size_t D = p.cols();
    const bool streamed = simd::exceeds_caches(p.rows() * D * sizeof(T));
    const Chunks chunks = row_chunks(p.rows(), D);
    Sums* sums = chunk_sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      Sums sum{0, 0};
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t n = chunks.first(chunk) + i;
        const Pair pair{p.row(n), z.row(n), D};
        T* const d_p_n = d_p ? d_p + n * D : nullptr;
        T* const d_z_n = d_z ? d_z + n * D : nullptr;
        Sums row = form.loss == RowLoss::plain_distance
                       ? plain_row(pair, weight, d_p_n, d_z_n)
                       : unit_row(pair, form, weight, streamed, d_p_n, d_z_n);
        if (form.power != 2) row = raise(row, pair, form, weight, d_p_n, d_z_n);
        sum.loss += row.loss;
        sum.check += row.check;
      }
      if (streamed) simd::end_of_stream();
      // Rounding may not lead out of the range that is documented. (A bound a row cost 4 %.)
      const double most = static_cast<double>(chunks.length(chunk));
      if (form.loss == RowLoss::negative_cosine) sum.loss = std::clamp(sum.loss, -most, most);
      sums[chunk] = sum;
    });
    Sums total{0, 0};
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
      total.loss += sums[chunk].loss;
      total.check += sums[chunk].check;
    }
    return total;
  }

  std::size_t bytes() const { return chunk_sums_.bytes(); }

 private:
  using Pair = PredictionPair<T>;
  static constexpr std::size_t ahead = 8192 / sizeof(T);

  // |…|^power from a squared distance, and the gradients of that from those of the square. Where
  // the square has left the type, or holds little but the rounding of rows that almost meet, the
  // row is taken again.
  SELFSUP_NOINLINE static Sums raise(const Sums& squared, const Pair& pair, const RowForm& form,
                                     double weight, T* d_p, T* d_z) {
    const double square = squared.loss, power = form.power;
    const bool almost_meet = form.loss == RowLoss::unit_distance && !(square > 1e-4);
    if (almost_meet || !in_range<T>(square))
      return distance_of_any_range(pair, form, weight, d_p, d_z);
    const simd::Batch<T> factor(static_cast<T>(power / 2 * std::pow(square, power / 2 - 1)));
    for (T* gradient : {d_p, d_z}) {
      if (!gradient) continue;
      simd::for_batches<T>(0, pair.D, [&](std::size_t d, auto part) {
        simd::store(gradient + d, simd::load(gradient + d, part) * factor, part);
      });
    }
    return {std::pow(square, power / 2), squared.check};
  }

  static Sums plain_row(const Pair& pair, double weight, T* d_p, T* d_z) {
    const T *const p = pair.p, *const z = pair.z;
    const simd::Batch<T> factor(static_cast<T>(2 * weight));
    const double squares = simd::sums<T, 1>(pair.D, [&](std::size_t d, auto part, auto&& add) {
      const auto difference = simd::load(p + d, part) - simd::load(z + d, part);
      add(0, difference, difference);
      const auto gradient = difference * factor;
      if (d_p) simd::store(d_p + d, gradient, part);
      if (d_z) simd::store(d_z + d, -gradient, part);
    })[0];
    return {squares, squares};
  }

  static Sums unit_row(const Pair& pair, const RowForm& form, double weight, bool streamed, T* d_p,
                       T* d_z) {
    const T *const p = pair.p, *const z = pair.z;
    const std::size_t D = pair.D;
    // (1) the three products
    const auto [pp, zz, pz] = simd::sums<T, 3>(D, [&](std::size_t d, auto part, auto&& add) {
      const auto p_d = simd::load(p + d, part), z_d = simd::load(z + d, part);
      // The rows that follow come while this one is finished.
      simd::prefetch(p + d + ahead);
      simd::prefetch(z + d + ahead);
      add(0, p_d, p_d);
      add(1, z_d, z_d);
      add(2, p_d, z_d);
    });
    const bool distance = form.loss == RowLoss::unit_distance;
    if (!in_range<T>(pp) || !in_range<T>(zz)) {
      return distance
                 ? distance_of_any_range(pair, {form.loss, form.norm_epsilon}, weight, d_p, d_z)
                 : cosine_of_any_range(pair, form, weight, d_p, d_z);
    }
    const Unit unit_p(std::sqrt(pp), form.norm_epsilon), unit_z(std::sqrt(zz), form.norm_epsilon);
    double value = -pz * unit_p.inverse * unit_z.inverse;
    if (distance) weight *= 2;
    const Tangent<T> to_p(pz, unit_p, weight * unit_z.inverse * unit_p.slope);
    const Tangent<T> to_z(pz, unit_z, weight * unit_p.inverse * unit_z.slope);
    if (distance || d_p || d_z) {
      // (2) the distance, and what rounding leaves of each gradient along its own row
      std::array<double, 3> found{};
      with_flag(distance, [&](auto with_distance) {
        with_flag(d_p, [&](auto with_p) {
          with_flag(d_z, [&](auto with_z) {
            found = second_pass<with_distance, with_p, with_z>(pair, unit_p, unit_z, to_p, to_z);
          });
        });
      });
      const auto [squares, along_p, along_z] = found;
      if (distance) value = std::min<double>(squares, 4);
      // (3) the gradients
      if (d_p) to_p.write(p, z, along_p, D, streamed, d_p);
      if (d_z) to_z.write(z, p, along_z, D, streamed, d_z);
    }
    return {value, unit_p.check() + unit_z.check()};
  }

  template <class F>
  static void with_flag(bool flag, F&& f) {
    flag ? f(std::true_type()) : f(std::false_type());
  }

  template <bool Distance, bool P, bool Z>
  static std::array<double, 3> second_pass(const Pair& pair, const Unit& unit_p, const Unit& unit_z,
                                           const Tangent<T>& to_p, const Tangent<T>& to_z) {
    using Batch = simd::Batch<T>;
    const Batch scale_p(static_cast<T>(unit_p.inverse)), scale_z(static_cast<T>(unit_z.inverse));
    const T *const p = pair.p, *const z = pair.z;
    return simd::sums<T, 3>(pair.D, [=](std::size_t d, auto part, auto&& add) {
      const Batch p_d = simd::load(p + d, part), z_d = simd::load(z + d, part);
      if constexpr (Distance) {
        // Rounded apart, so that p = z gives exactly 0.
        const Batch difference = simd::rounded(p_d * scale_p) - simd::rounded(z_d * scale_z);
        add(0, difference, difference);
      }
      if constexpr (P) add(1, to_p.uncorrected(p_d, z_d), p_d);
      if constexpr (Z) add(2, to_z.uncorrected(z_d, p_d), z_d);
    });
  }

  // Scratch.
  Buffer<Sums> chunk_sums_;
};

/// Writes out = factor · gradient, (N, D) one row after the other in `gradient`.
template <class T>
void scaled_copy(const T* gradient, double factor, MutView<T> out) {
  const std::size_t D = out.cols();
  const Chunks chunks = row_chunks(out.rows(), D);
  const bool streamed = simd::exceeds_caches(out.rows() * D * sizeof(T));
  const simd::Batch<T> scale(static_cast<T>(factor));
  parallel_for(chunks.count(), [&](std::size_t chunk) {
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      const std::size_t n = chunks.first(chunk) + i;
      const T* from = gradient + n * D;
      if (out.contiguous_rows()) {
        simd::write_batches(out.row(n), D, streamed, [&](std::size_t d, auto part) {
          return simd::load(from + d, part) * scale;
        });
      } else {
        for (std::size_t d = 0; d < D; ++d) out(n, d) = from[d] * static_cast<T>(factor);
      }
    }
    if (streamed) simd::end_of_stream();
  });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
