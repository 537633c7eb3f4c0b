// Sums over the circular diagonals of the covariance matrix, by way of the Fourier transform: for a
// centred batch Zc (N, D),
//   r_k = Σ_j C_{j,(j+k) mod D},  C = ZcᵀZc/(N − 1),
// is the circular autocorrelation of the rows, whose transform is Σ_n |F(zc_n)|²/(N − 1).
// A transform of D entries takes D·(the sum of D's prime factors) steps. Where a factor is large
// the rows are padded with zeros instead, to a length L >= 2D − 1 of small factors: the transform
// of length L then gives their autocorrelation a that is not circular, r_k = a_k + a_{D−k}.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/estimates/column_shuffle.hpp"
#include "selfsup/linalg/fft.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The length L of the transform that a row of D entries takes: D, or one that a padded row has. Up
/// to a factor of 11 a transform takes less time than one of twice the length, from 13 on more.
inline std::size_t circular_length(std::size_t D) {
  const auto has_factors = [](std::size_t n, std::initializer_list<std::size_t> factors) {
    for (const std::size_t factor : factors) {
      while (n % factor == 0) n /= factor;
    }
    return n == 1;
  };
  if (has_factors(D, {2, 3, 5, 7, 11})) return D;
  std::size_t length = (2 * D - 1 + 3) / 4 * 4;  // at multiples of 4 Eigen takes half the time
  while (!has_factors(length, {2, 3, 5})) length += 4;
  return length;
}

/// Transforms are taken in double for either type: r_k is what is left of sums whose terms are as
/// large as r_0, the trace.
template <class T>
class CircularCovariance {
 public:
  /// Returns Σ_{k≠0} |factor·r_k|^q, q = 1 or 2, of the columns of z in the order. With `keep`,
  /// keeps what backward needs.
  double forward(const CentredView<T>& z, const ColumnShuffle& order, double factor,
                 std::size_t exponent, bool keep) {
    N_ = z.rows.rows();
    D_ = z.rows.cols();
    if (D_ == 1) return 0;  // no diagonal but the main one, and no transform
    L_ = circular_length(D_);
    prepare(keep);
    add_power(z.rows, order, keep);
    // r, and from it the slopes q·|r_k|^(q−1)·sign r_k, then their transform
    Worker& first = workers_[0];
    double* const r = first.row.data();
    first.transform.inv(r, first.spectrum.data(), index(L_));
    fold(r);
    double sum = 0;
    r[0] = 0;
    for (std::size_t k = 1; k < D_; ++k) {
      const double r_k = r[k] * factor / static_cast<double>(N_ - 1);
      sum += exponent == 1 ? std::abs(r_k) : r_k * r_k;
      r[k] = exponent == 1 ? static_cast<double>((r_k > 0) - (r_k < 0)) : 2 * r_k;
    }
    unfold(r);
    first.transform.fwd(first.spectrum.data(), r, index(L_));
    // r_k = r_{D−k}, so the transform is real.
    for (std::size_t f = 0; f < bins(); ++f) slopes_[f] = first.spectrum[f].real() * factor;
    return sum;
  }

  /// Writes d_z (N, D) = weight·dΣ/dZc in the columns' own order; its columns sum to 0:
  /// dΣ/dzc_nj = 2/(N − 1) Σ_k slope_k·zc_{n,(j+k) mod D}.
  void backward(const ColumnShuffle& order, double weight, MutView<T> d_z) {
    const double scale = weight * 2 / static_cast<double>(N_ - 1);
    const Chunks chunks = shares();
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t n = chunks.first(chunk); n < chunks.first(chunk) + chunks.length(chunk);
           ++n) {
        if (D_ == 1) {
          d_z(n, 0) = 0;
          continue;
        }
        Worker& own = workers_[chunk];
        for (std::size_t f = 0; f < bins(); ++f)
          own.spectrum[f] =
              std::complex<double>(spectra_.row(n)[2 * f], spectra_.row(n)[2 * f + 1]) * slopes_[f];
        own.transform.inv(own.row.data(), own.spectrum.data(), index(L_));
        order.scatter(own.row.data(), scale, n, d_z);
      }
    });
  }

  /// Of the transforms' tables only an estimate.
  std::size_t bytes() const {
    std::size_t total = spectra_.bytes() + slopes_.bytes();
    for (const Worker& own : workers_)
      total += 6 * own.row.bytes() + own.spectrum.bytes() + own.power.bytes();
    return total;
  }

 private:
  // Rows are shared out by few chunks, whatever the number of threads: each needs tables of its
  // own.
  struct Worker {
    linalg::FourierTransform transform;
    Buffer<double> row;                     // (L)
    Buffer<std::complex<double>> spectrum;  // (bins)
    Buffer<double> power;                   // (bins)
  };
  static constexpr std::size_t most_shares = 8;
  Chunks shares() const { return {N_, (N_ + most_shares - 1) / most_shares}; }

  static Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }
  // The other half of a real row's transform is their conjugates.
  std::size_t bins() const { return L_ / 2 + 1; }

  // Writes the autocorrelation r_k of the circle from that of the padded row, which ends in zeros.
  void fold(double* r) const {
    if (L_ == D_) return;
    // r_k = r_{D−k}, to the last bit
    for (std::size_t k = 1; 2 * k <= D_; ++k) r[k] = r[D_ - k] = r[k] + r[D_ - k];
  }
  // Writes slopes of the circle as those that an entry of a padded row meets on either side: −(D−1)
  // to D − 1 steps away.
  void unfold(double* slope) const {
    if (L_ == D_) return;
    std::fill(slope + D_, slope + L_, 0.0);
    for (std::size_t k = 1; k < D_; ++k) slope[L_ - k] = slope[k];
  }

  void prepare(bool keep) {
    slopes_.grow(bins());
    if (keep) spectra_.reshape(N_, 2 * bins());
    for (std::size_t i = 0; i < shares().count(); ++i) {
      Worker& own = workers_[i];
      std::fill_n(own.row.grow(L_), L_, 0.0);
      own.spectrum.grow(bins());
      own.power.grow(bins());
      make_tables(own);
    }
  }

  // A transform makes its tables when it first meets a length. Half of a table, which it leaves
  // when memory runs out, it would take for a whole one.
  void make_tables(Worker& own) const {
    try {
      own.transform.SetFlag(linalg::FourierTransform::HalfSpectrum);
      own.transform.fwd(own.spectrum.data(), own.row.data(), index(L_));
      own.transform.inv(own.row.data(), own.spectrum.data(), index(L_));
    } catch (...) {
      own.transform = linalg::FourierTransform();
      throw;
    }
  }

  // Writes Σ_n |F(zc_n)|² to the first worker's spectrum, and the rows' transforms to spectra_.
  void add_power(const product::PaddedMatrix<T>& zc, const ColumnShuffle& order, bool keep) {
    const Chunks chunks = shares();
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      Worker& own = workers_[chunk];
      double* const power = own.power.data();
      std::fill_n(power, bins(), 0.0);
      for (std::size_t n = chunks.first(chunk); n < chunks.first(chunk) + chunks.length(chunk);
           ++n) {
        order.gather(zc.row(n), D_, own.row.data());
        own.transform.fwd(own.spectrum.data(), own.row.data(), index(L_));
        for (std::size_t f = 0; f < bins(); ++f) {
          const std::complex<double> x = own.spectrum[f];
          power[f] += simd::fma(x.real(), x.real(), x.imag() * x.imag());
          if (!keep) continue;
          spectra_.row(n)[2 * f] = static_cast<T>(x.real());
          spectra_.row(n)[2 * f + 1] = static_cast<T>(x.imag());
        }
      }
    });
    for (std::size_t f = 0; f < bins(); ++f) {
      double sum = 0;
      for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) sum += workers_[chunk].power[f];
      workers_[0].spectrum[f] = sum;
    }
  }

  std::size_t N_ = 0;
  std::size_t D_ = 0;
  std::size_t L_ = 0;
  // Kept for backward.
  product::PaddedMatrix<T> spectra_;  // (N, 2·bins): real and imaginary parts in turn
  Buffer<double> slopes_;             // (bins): their transform
  // Scratch.
  Worker workers_[most_shares];
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
