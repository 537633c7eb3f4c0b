// Sums over the circular diagonals of the covariance matrix, by way of the Fourier transform: for a
// centred batch Zc (N, D),
//   r_k = Σ_j C_{j,(j+k) mod D},  C = ZcᵀZc/(N − 1),
// is the circular autocorrelation of the rows, whose transform is Σ_n |F(zc_n)|²/(N − 1).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/column_shuffle.hpp"
#include "selfsup/kernels/eigen_fft.hpp"
#include "selfsup/kernels/moments.hpp"
#include "selfsup/product/padded_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

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
    prepare(keep);
    add_power(z.rows, order, keep);
    // r, and from it the slopes q·|r_k|^(q−1)·sign r_k, then their transform
    Worker& first = workers_.front();
    double* const r = first.row.data();
    first.transform.inv(r, first.spectrum.data(), index(D_));
    double sum = 0;
    r[0] = 0;
    for (std::size_t k = 1; k < D_; ++k) {
      const double r_k = r[k] * factor / static_cast<double>(N_ - 1);
      sum += exponent == 1 ? std::abs(r_k) : r_k * r_k;
      r[k] = exponent == 1 ? static_cast<double>((r_k > 0) - (r_k < 0)) : 2 * r_k;
    }
    first.transform.fwd(first.spectrum.data(), r, index(D_));
    // r_k = r_{D−k}, so the transform is real.
    for (std::size_t f = 0; f < bins(); ++f)
      slopes_.data()[f] = first.spectrum.data()[f].real() * factor;
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
          own.spectrum.data()[f] =
              std::complex<double>(spectra_.row(n)[2 * f], spectra_.row(n)[2 * f + 1]) *
              slopes_.data()[f];
        own.transform.inv(own.row.data(), own.spectrum.data(), index(D_));
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
    Eigen::FFT<double> transform;
    Buffer<double> row;                     // (D)
    Buffer<std::complex<double>> spectrum;  // (bins)
    Buffer<double> power;                   // (bins)
  };
  Chunks shares() const {
    constexpr std::size_t most = 8;
    return {N_, (N_ + most - 1) / most};
  }

  static Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }
  // The other half of a real row's transform is their conjugates.
  std::size_t bins() const { return D_ / 2 + 1; }

  void prepare(bool keep) {
    slopes_.grow(bins());
    if (keep) spectra_.reshape(N_, 2 * bins());
    if (workers_.size() < shares().count()) workers_.resize(shares().count());
    for (std::size_t i = 0; i < shares().count(); ++i) {
      Worker& own = workers_[i];
      std::fill_n(own.row.grow(D_), D_, 0.0);
      own.spectrum.grow(bins());
      own.power.grow(bins());
      make_tables(own);
    }
  }

  // A transform makes its tables when it first meets a length. Half of a table, which it leaves
  // when memory runs out, it would take for a whole one.
  void make_tables(Worker& own) const {
    try {
      own.transform.SetFlag(Eigen::FFT<double>::HalfSpectrum);
      own.transform.fwd(own.spectrum.data(), own.row.data(), index(D_));
      own.transform.inv(own.row.data(), own.spectrum.data(), index(D_));
    } catch (...) {
      own.transform = Eigen::FFT<double>();
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
        own.transform.fwd(own.spectrum.data(), own.row.data(), index(D_));
        for (std::size_t f = 0; f < bins(); ++f) {
          const std::complex<double> x = own.spectrum.data()[f];
          power[f] += x.real() * x.real() + x.imag() * x.imag();
          if (!keep) continue;
          spectra_.row(n)[2 * f] = static_cast<T>(x.real());
          spectra_.row(n)[2 * f + 1] = static_cast<T>(x.imag());
        }
      }
    });
    for (std::size_t f = 0; f < bins(); ++f) {
      double sum = 0;
      for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk)
        sum += workers_[chunk].power.data()[f];
      workers_.front().spectrum.data()[f] = sum;
    }
  }

  std::size_t N_ = 0;
  std::size_t D_ = 0;
  // Kept for backward.
  product::PaddedMatrix<T> spectra_;  // (N, 2·bins): real and imaginary parts in turn
  Buffer<double> slopes_;             // (bins): their transform
  // Scratch.
  std::vector<Worker> workers_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
