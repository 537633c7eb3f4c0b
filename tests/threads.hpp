// Sets the number of threads of parallel calls for a scope.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#else
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/thread_pool.hpp"
#endif

#include <cstddef>

namespace tests {

class Threads {
 public:
#ifdef _OPENMP
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
#else
  explicit Threads(int count) : pool_(static_cast<std::size_t>(count)) {}
#endif
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
#ifdef _OPENMP
  int before_;
#else
  selfsup::ThreadPool pool_;
  const selfsup::RunOn scope_{pool_};
#endif
};

/// Whether f() returns on 2, 3 and 5 threads what it returns on one.
template <class F>
bool same_on_any_threads(F&& f) {
  const auto on = [&](int count) {
    const Threads threads(count);
    return f();
  };
  const auto expected = on(1);
  return on(2) == expected && on(3) == expected && on(5) == expected;
}

}  // namespace tests
