// A library that a program loads, calls and unloads.
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/usable_cores.hpp"
#include "selfsup/losses/nt_xent.hpp"

#include <algorithm>
#include <cstddef>

extern "C" std::size_t plugin_threads() {
  return std::min(selfsup::max_threads(), selfsup::detail::cores_of_mask());
}

/// The loss of rows of D entries.
extern "C" float plugin_loss(const float* z_a, const float* z_b, std::size_t N, std::size_t D) {
  selfsup::NtXent<float> loss;
  return loss.forward({z_a, N, D}, {z_b, N, D});
}
