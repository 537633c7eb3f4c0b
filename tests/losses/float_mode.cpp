// The floating-point mode that the caller has chosen is that of every thread of a loss.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "threads.hpp"

#include "selfsup/core/errors.hpp"

#include <cfenv>
#include <cstddef>
#include <optional>
#include <vector>

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace {

// The usual mode again at the end of a scope.
class UsualMode {
 public:
  UsualMode() { std::fegetenv(&usual_); }
  ~UsualMode() { std::fesetenv(&usual_); }
  UsualMode(const UsualMode&) = delete;
  UsualMode& operator=(const UsualMode&) = delete;

 private:
  std::fenv_t usual_;
};

// None when the loss refuses its input.
template <class T>
std::optional<tests::Run<T>> run_on(int threads, const tests::LossCase& item,
                                    const std::vector<tests::Matrix<T>>& inputs) {
  const tests::Threads scope(threads);
  try {
    return tests::run(*item.make<T>(), item, inputs);
  } catch (const selfsup::NonFiniteError&) {
    return {};
  }
}

// What a step gives on 1, 2 and 3 threads in another mode. The threads are made in the usual one.
template <class T, class Enter>
void check_same_bits(const tests::LossCase& item, const std::vector<tests::Matrix<T>>& inputs,
                     const Enter& enter) {
  INFO(item.name);
  run_on(3, item, inputs);
  std::vector<std::optional<tests::Run<T>>> runs;
  {
    const UsualMode afterwards;
    enter();
    for (const int threads : {1, 2, 3}) runs.push_back(run_on(threads, item, inputs));
  }
  CHECK((runs[1] == runs[0]));
  CHECK((runs[2] == runs[0]));
}

}  // namespace

TEMPLATE_TEST_CASE("threads: a rounding direction that is set later is that of all", "", float,
                   double) {
  if (SELFSUP_FAST_MATH) return;  // there compilers move signs through sums
  for (const tests::LossCase& item : tests::all_losses()) {
    const auto inputs = tests::cast<TestType>(tests::inputs_of(item, 205, 33));
    check_same_bits<TestType>(item, inputs, [] { std::fesetround(FE_UPWARD); });
  }
}

#ifdef __SSE2__
TEST_CASE("threads: flush to zero that is set later is that of all") {
  for (const tests::LossCase& item : tests::all_losses()) {
    auto inputs = tests::cast<float>(tests::inputs_of(item, 205, 33));
    for (auto& input : inputs) {  // products with a few small columns are denormal
      for (std::size_t r = 0; r < input.rows(); ++r) {
        for (std::size_t c = 0; c < input.cols(); c += 3) input(r, c) *= 1e-37f;
      }
    }
    constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    check_same_bits<float>(item, inputs,
                           [] { _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero); });
  }
}
#endif
