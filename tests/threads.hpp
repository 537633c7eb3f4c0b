// Sets the number of OpenMP threads for a scope; does nothing in a build without OpenMP.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace tests {

#ifdef _OPENMP
constexpr bool has_threads = true;
#else
constexpr bool has_threads = false;
#endif

class Threads {
 public:
#ifdef _OPENMP
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
#else
  explicit Threads(int) {}
  ~Threads() {}
#endif
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

#ifdef _OPENMP
 private:
  int before_;
#endif
};

}  // namespace tests
