// The cross-entropy of a softmax over similarities, and its gradient: the core of NT-Xent and
// InfoNCE.
//
// An anchor i has one positive p(i) and other candidates k. With logits x_ik = s_ik/τ and a shift
// m_i,
//   r_i = Σ_k e^(x_ik − m_i)   e_i = e^(x_ip − m_i)   ℓ_i = log1p(r_i/e_i)   q_i = r_i/(r_i + e_i).
// The positive and the anchor itself are left out of r_i by index. q_i is never computed as
// 1 − e_i/(r_i + e_i), which in float is wrong by half a percent at q = 1e-5.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pair_softmax_visitor.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Throws an OptionError unless τ > 0 is finite and so is 1/τ in the type.
template <class T>
void require_temperature(const char* name, double temperature) {
  require_positive(name, temperature);
  const T scale = static_cast<T>(1 / temperature);
  if (is_finite(scale) && scale > 0) return;
  std::ostringstream text;
  text << name << " is " << temperature << ", its inverse is outside the range of "
       << (sizeof(T) == 4 ? "float" : "double");
  throw OptionError(text.str());
}

template <class T>
class PairSoftmax {
 public:
  /// Stacked rows z (2N, D), N rows of one view above N of the other: row i's positive is row i ±
  /// N, its candidates are the other 2N − 1 rows. `unit_rows`: no row is longer than one. Returns
  /// Σ_i ℓ_i.
  double stacked(const product::PaddedMatrix<T>& z, double temperature, bool unit_rows,
                 std::size_t memory_budget) {
    const std::size_t N = z.rows() / 2;
    begin(temperature, unit_rows, N);
    set_up(rows_, z, z, N, N);
    copy_positives(rows_, N, rows_, N);
    with_visitor<true>(rows_, rows_,
                       [&](auto&& visitor) { walk_.symmetric(z, memory_budget, visitor); });
    return finish(rows_, z.rows());
  }

  /// After stacked: writes d_z with dΣℓ/dz = d_z/τ.
  void stacked_backward(const product::PaddedMatrix<T>& z, product::PaddedMatrix<T>& d_z) {
    with_visitor<true>(rows_, rows_,
                       [&](auto&& visitor) { walk_.symmetric_backward(z, d_z, visitor); });
    const std::size_t N = z.rows() / 2;
    const auto other = [N](std::size_t i) { return i < N ? i + N : i - N; };
    const T* miss = rows_.miss.data();
    add_positives(
        z, other, [&](std::size_t i) { return miss[i] + miss[other(i)]; }, d_z);
  }

  /// Rows q (N, D) against rows k (N, D): the candidates of q_i are all N keys, its positive is
  /// k_i. With `both_directions` each key is also an anchor among the queries. Returns Σ_i ℓ_i over
  /// all anchors.
  double in_batch(const product::PaddedMatrix<T>& q, const product::PaddedMatrix<T>& k,
                  double temperature, bool unit_rows, bool both_directions,
                  std::size_t memory_budget) {
    const std::size_t N = q.rows();
    both_directions_ = both_directions;
    begin(temperature, unit_rows, 0);
    set_up(rows_, q, k, 0, N);
    if (both_directions) copy_positives(rows_, N, cols_, 0);
    with_directions([&](auto&& visitor) { walk_.rectangular(q, k, memory_budget, visitor); });
    double total = finish(rows_, N);
    if (both_directions) total += finish(cols_, N);
    return total;
  }

  /// After in_batch: writes d_q, d_k with dΣℓ/dq = d_q/τ and dΣℓ/dk = d_k/τ; a null pointer skips
  /// an output.
  void in_batch_backward(const product::PaddedMatrix<T>& q, const product::PaddedMatrix<T>& k,
                         product::PaddedMatrix<T>* d_q, product::PaddedMatrix<T>* d_k) {
    with_directions([&](auto&& visitor) { walk_.rectangular_backward(q, k, d_q, d_k, visitor); });
    const auto same = [](std::size_t i) { return i; };
    const auto miss = [&](std::size_t i) {
      return both_directions_ ? rows_.miss.data()[i] + cols_.miss.data()[i] : rows_.miss.data()[i];
    };
    if (d_q) add_positives(k, same, miss, *d_q);
    if (d_k) add_positives(q, same, miss, *d_k);
  }

  std::size_t bytes() const {
    return rows_.bytes() + cols_.bytes() + chunk_sums_.bytes() + walk_.bytes();
  }

 private:
  void begin(double temperature, bool unit_rows, std::size_t positive_offset) {
    // e^(−2/τ) and its inverse must be normal numbers of the type for one constant shift to serve
    // all.
    constexpr double range = sizeof(T) == 4 ? 80 : 680;
    scale_ = static_cast<T>(1 / temperature);
    online_ = !unit_rows || 2 / temperature > range;
    positive_offset_ = positive_offset;
  }

  // Positives x_ip of anchors 0 … count-1 from rows a_i and b_(b_first + i), in double.
  void set_up(Anchors<T>& anchors, const product::PaddedMatrix<T>& a,
              const product::PaddedMatrix<T>& b, std::size_t b_first, std::size_t count) {
    anchors.grow(b_first + count);
    const Chunks chunks = row_chunks(count, a.cols());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        const double logit =
            static_cast<double>(scale_) * simd::dot(a.row(i), b.row(b_first + i), a.cols());
        anchors.positive.data()[i] = logit;
        anchors.shift.data()[i] = online_ ? static_cast<T>(logit) : scale_;
        anchors.rest.data()[i] = 0;
      }
    });
  }

  // The anchors of the other view, or of the other direction, share the first ones' positives.
  static void copy_positives(const Anchors<T>& from, std::size_t count, Anchors<T>& to,
                             std::size_t to_first) {
    to.grow(to_first + count);
    std::copy_n(from.positive.data(), count, to.positive.data() + to_first);
    std::copy_n(from.shift.data(), count, to.shift.data() + to_first);
    std::copy_n(from.rest.data(), count, to.rest.data() + to_first);
  }

  template <bool Columns, class F>
  void with_visitor(Anchors<T>& rows, Anchors<T>& cols, F&& f) {
    if (online_) {
      f(PairSoftmaxVisitor<T, true, Columns>(scale_, positive_offset_, rows, cols));
    } else {
      f(PairSoftmaxVisitor<T, false, Columns>(scale_, positive_offset_, rows, cols));
    }
  }

  // Adds the positives' part of the gradient, −miss_i·z_p(i): after the sum over the other
  // candidates, which is much smaller and would be rounded at the positive's magnitude.
  template <class Positive, class Miss>
  static void add_positives(const product::PaddedMatrix<T>& z, Positive&& positive, Miss&& miss,
                            product::PaddedMatrix<T>& d_z) {
    parallel_for(d_z.rows(), d_z.cols(), [&](std::size_t i) {
      const simd::Batch<T> weight(-miss(i));
      const T* from = z.row(positive(i));
      T* to = d_z.row(i);
      simd::for_batches<T>(0, d_z.cols(), [&](std::size_t d, auto part) {
        simd::store(to + d, simd::fma(weight, simd::load(from + d, part), simd::load(to + d, part)),
                    part);
      });
    });
  }

  template <class F>
  void with_directions(F&& f) {
    if (both_directions_) {
      with_visitor<true>(rows_, cols_, f);
    } else {
      with_visitor<false>(rows_, rows_, f);  // the columns of S are no anchors
    }
  }

  // Turns the sums of the first `count` anchors into what weigh needs. Returns Σ_i ℓ_i.
  double finish(Anchors<T>& anchors, std::size_t count) {
    const Chunks chunks{count, 512};
    double* sums = chunk_sums_.grow(chunks.count());
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double sum = 0;
      for (std::size_t j = 0; j < chunks.length(chunk); ++j)
        sum += finish_anchor(anchors, chunks.first(chunk) + j);
      sums[chunk] = sum;
    });
    double total = 0;
    for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) total += sums[chunk];
    return total;
  }

  static double finish_anchor(Anchors<T>& anchors, std::size_t i) {
    const double rest = anchors.rest.data()[i];
    const double above =
        static_cast<double>(anchors.shift.data()[i]) - anchors.positive.data()[i];  // m_i − x_ip
    const double positive = std::exp(-above);
    const double all = rest + positive;
    anchors.inverse.data()[i] = static_cast<T>(1 / all);
    anchors.miss.data()[i] = static_cast<T>(rest / all);
    // Online, e_i may lie so far below the shift that r_i/e_i is not finite; the constant shift
    // never gets there, where the logarithm of a small sum would cancel with it.
    return above < 690 ? std::log1p(rest / positive) : std::log(all) + above;
  }

  // Kept for backward.
  T scale_ = 0;
  std::size_t positive_offset_ = 0;
  bool online_ = false;
  bool both_directions_ = false;
  Anchors<T> rows_;
  Anchors<T> cols_;
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<double> chunk_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
