// The inputs of every case, by a formula that torch_worker.py follows to the last bit.
#pragma once

#include <Eigen/Core>

#include <cmath>
#include <cstdint>

namespace rivals {

using Batch = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A well mixed function of 32 bits (Chris Wellons' lowbias32).
inline std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

/// Entries in [-1, 1), multiples of 2⁻²³, another set for each stream.
inline Batch uniform(std::uint32_t stream, Eigen::Index rows, Eigen::Index cols) {
  Batch entries(rows, cols);
  for (Eigen::Index i = 0; i < entries.size(); ++i) {
    const std::uint32_t bits = mixed(static_cast<std::uint32_t>(i) ^ mixed(stream));
    entries.data()[i] = static_cast<float>(bits >> 8) * 0x1p-23F - 1.0F;
  }
  return entries;
}

/// Embeddings of view k: all views share one half of each entry, so that positives are alike, with
/// cosines of about 1/2.
inline Batch view(std::uint32_t k, Eigen::Index rows, Eigen::Index cols) {
  return uniform(0, rows, cols) + uniform(1 + k, rows, cols);
}

/// MoCo's queue: as many embeddings of other images, on the unit sphere.
constexpr Eigen::Index bank_rows = 65536;
inline Batch bank(Eigen::Index cols) {
  constexpr std::uint32_t stream = 100;
  return uniform(stream, bank_rows, cols).rowwise().normalized();
}

/// Weights of layer k, within ±1/√cols.
inline Batch weights(std::uint32_t k, Eigen::Index rows, Eigen::Index cols) {
  return uniform(200 + k, rows, cols) / std::sqrt(static_cast<float>(cols));
}

}  // namespace rivals
