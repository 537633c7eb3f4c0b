// OpenMP's threads as an executor, in files that are compiled with OpenMP.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/executor.hpp"

#include <algorithm>
#include <cstddef>

#ifdef _OPENMP
#include <omp.h>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// For programs whose other work is OpenMP's too, so that its waiting threads, which spin, have
/// nobody else to keep from a core.
class OpenMpExecutor final : public Executor {
 public:
  std::size_t threads() const override {
    return omp_in_parallel() ? 1 : static_cast<std::size_t>(std::max(1, omp_get_max_threads()));
  }
  void run(Work& work, std::size_t shares) override {
#pragma omp parallel num_threads(static_cast <int>(shares))
    {  // the runtime may give fewer threads than asked for
      const auto team = static_cast<std::size_t>(omp_get_num_threads());
      for (auto share = static_cast<std::size_t>(omp_get_thread_num()); share < shares;
           share += team)
        work.share(share);
    }
  }
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup
#endif

#include "selfsup/core/leave.hpp"
