#include "selfsup/momentum/ema.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

bool refused_under_fast_math(double rate);  // ema_fast_math.cpp

namespace {

using tests::Matrix;

template <class T>
bool same_bits(T x, T y) {
  return std::memcmp(&x, &y, sizeof(T)) == 0;
}

template <class T>
T updated(T target, T online, double rate) {
  selfsup::ema_update<T>({&target, 1, 1}, {&online, 1, 1}, rate);
  return target;
}

// Both ends of a type's range and of its normal numbers, and what lies between.
template <class T>
std::vector<T> extremes() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> numbers{0};
  for (const T magnitude :
       {Limits::denorm_min(), 3 * Limits::denorm_min(), Limits::min() - Limits::denorm_min(),
        Limits::min(), Limits::epsilon(), T(1) - Limits::epsilon() / 2, T(1), T(1) / 3, T(1e8),
        T(3e38), Limits::max() / 2, std::nextafter(Limits::max(), T(0)), Limits::max()}) {
    numbers.push_back(magnitude);
    numbers.push_back(-magnitude);
  }
  return numbers;
}

// Finite numbers of any bits: most pairs are of another magnitude.
template <class T>
class RandomBits {
 public:
  explicit RandomBits(std::uint64_t seed) : engine_(seed) {}
  T operator()() {
    T number;
    do {
      const std::uint64_t bits = engine_();
      std::memcpy(&number, &bits, sizeof number);
    } while (!std::isfinite(number));
    return number;
  }

 private:
  std::mt19937_64 engine_;
};

constexpr double some_rates[] = {5e-324, 1e-300, 1e-17, 0.1,   0.3,        0.5,
                                 0.7,    0.9,    0.996, 0.999, 1 - 0x1p-53};

// What is wrong with a step between two finite numbers, or nothing.
template <class T>
std::string fault(T target, T online, double rate) {
  const T found = updated(target, online, rate);
  const auto [low, high] = std::minmax(target, online);
  const bool good = found >= low && found <= high && (target != online || found == target);
  if (good) return "";
  std::ostringstream text;
  text << "from " << target << " to " << online << " at " << rate << ": " << found;
  return text.str();
}

template <class T>
void check_between() {
  const auto numbers = extremes<T>();
  for (const double rate : some_rates) {
    for (const T target : numbers) {
      for (const T online : numbers) CHECK(fault(target, online, rate) == "");
    }
  }
  RandomBits<T> random(1);
  std::mt19937_64 engine(2);
  for (std::size_t trial = 0; trial < 100000; ++trial) {
    const T target = random();
    T online = random();
    // A third of the pairs are alike but for a few bits, a third are of opposite signs.
    if (trial % 3 == 1) online = target * (T(1) + std::numeric_limits<T>::epsilon());
    if (trial % 3 == 2) online = -target;
    const double rate = trial % 2 == 0 ? some_rates[trial % std::size(some_rates)]
                                       : static_cast<double>(engine() >> 11) * 0x1p-53;
    const std::string found = std::isfinite(online) ? fault(target, online, rate) : "";
    if (!found.empty()) CHECK(found == "");
  }
}

template <class T>
void check_ends() {
  auto numbers = extremes<T>();
  const T infinity = std::numeric_limits<T>::infinity();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (const T number : {infinity, -infinity, nan, -nan, -T(0)}) numbers.push_back(number);
  for (const T target : numbers) {
    for (const T online : numbers) {
      INFO("from " << target << " to " << online);
      CHECK(same_bits(updated(target, online, 0), online));
      CHECK(same_bits(updated(target, online, 1), target));
    }
  }
}

// A step over two views of one buffer, against one whose online values were copied before.
template <class T>
void check_overlap(std::size_t rows, std::size_t cols, std::ptrdiff_t target_first,
                   std::ptrdiff_t target_row, std::ptrdiff_t target_col,
                   std::ptrdiff_t online_first, std::ptrdiff_t online_row,
                   std::ptrdiff_t online_col) {
  auto together = tests::cast<T>(tests::random_matrix(1, 64, 1)), apart = together;
  const auto before = together;
  for (const double rate : {0.0, 0.25}) {
    selfsup::ema_update<T>({together.data() + target_first, rows, cols, target_row, target_col},
                           {together.data() + online_first, rows, cols, online_row, online_col},
                           rate);
    selfsup::ema_update<T>({apart.data() + target_first, rows, cols, target_row, target_col},
                           {before.data() + online_first, rows, cols, online_row, online_col},
                           rate);
    INFO("rate " << rate);
    CHECK(together.entries() == apart.entries());
    together = apart = before;
  }
}

template <class T>
void check_update() {
  const auto online = tests::cast<T>(tests::random_matrix(5, 7, 1));
  const auto target = tests::cast<T>(tests::random_matrix(5, 7, 2));
  for (const double rate : {0.0, 0.25, 0.99, 0.996}) {
    Matrix<T> updated = target;
    selfsup::ema_update<T>(updated, online, rate);
    double worst = 0;
    for (std::size_t i = 0; i < 35; ++i) {
      const auto x = static_cast<double>(target.entries()[i]);
      const auto y = static_cast<double>(online.entries()[i]);
      const double expected = rate * x + (1 - rate) * y;
      worst = tests::worse(worst, std::abs(static_cast<double>(updated.entries()[i]) - expected));
    }
    CHECK(worst <= tests::tolerance::operations<T>(4));  // entries lie in [−1, 1]
  }
}

// One entry after the other, as ema_update says it.
template <class T>
T mean_of(T target, T online, double rate) {
  const auto from = static_cast<double>(target), to = static_cast<double>(online);
  const auto mean = static_cast<T>(std::fma(rate, from, (1 - rate) * to));
  return std::clamp(mean, std::min(target, online), std::max(target, online));
}

// Long arrays of any numbers: whole batches and tails, several pieces of a row, all on as many
// threads. Without a fused multiply-add the mean may be rounded once more.
template <class T>
void check_threads(std::size_t rows, std::size_t cols, tests::Layout layout) {
  RandomBits<T> random(rows * cols);
  Matrix<T> target(rows, cols, 0), online(rows, cols, 0);
  for (T* entries : {target.data(), online.data()})
    for (std::size_t i = 0; i < rows * cols; ++i) entries[i] = random();
  const double rate = 0.7;
  Matrix<T> first(1, 1, 0);
  for (const int count : {1, 2, 3, 5}) {
    const tests::Threads threads(count);
    tests::Stored<T> updated(target, layout);
    selfsup::ema_update<T>(updated, online, rate);
    const auto found = updated.matrix();
    if (count == 1) first = found;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < rows * cols; ++i) {
      const T from = target.data()[i], to = online.data()[i];
      const T magnitude = std::max(std::abs(from), std::abs(to));
      const T error = std::abs(found.data()[i] - mean_of(from, to, rate));
      wrong += !(static_cast<double>(error / magnitude) <= tests::tolerance::operations<T>(1));
    }
    INFO(rows << "x" << cols << ", " << tests::name(layout) << ", threads: " << count);
    CHECK(wrong == 0);
    CHECK(found.entries() == first.entries());
    CHECK(updated.surroundings_untouched());
  }
}

template <class T>
void check_exact() {
  const auto online = tests::cast<T>(tests::random_matrix(5, 7, 1));
  for (const double rate : {0.0, 0.3, 0.996, 1.0}) {
    Matrix<T> same = online;
    selfsup::ema_update<T>(same, online, rate);
    CHECK(same.entries() == online.entries());
  }
  const auto target = tests::cast<T>(tests::random_matrix(5, 7, 2));
  Matrix<T> kept = target;
  selfsup::ema_update<T>(kept, online, 1);
  CHECK(kept.entries() == target.entries());
}

}  // namespace

TEST_CASE("a target moves towards the online value") {
  check_update<float>();
  check_update<double>();
}

TEST_CASE("a fixed point and rate 1 are exact") {
  check_exact<float>();
  check_exact<double>();
}

TEST_CASE("a step between two finite numbers is finite and between them") {
  check_between<float>();
  check_between<double>();
  CHECK(updated(-3e38f, 3e38f, 0.5) == 0);
  CHECK(updated(-1.7e308, 1.7e308, 0.5) == 0);
}

TEST_CASE("rate 0 copies every bit and rate 1 changes none") {
  check_ends<float>();
  check_ends<double>();
  CHECK(updated(1e8f, 1.0f, 0) == 1);
}

TEST_CASE("equal infinities stay, others and NaN go on as in the mean of the two") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const double rate : some_rates) {
    INFO("rate " << rate);
    for (const float sign : {1.0f, -1.0f}) {
      CHECK(updated(sign * infinity, sign * infinity, rate) == sign * infinity);
      CHECK(updated(1.0f, sign * infinity, rate) == sign * infinity);
      CHECK(updated(sign * infinity, 1.0f, rate) == sign * infinity);
      CHECK(std::isnan(updated(sign * infinity, -sign * infinity, rate)));
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(updated(nan, 1.0f, rate)));
    CHECK(std::isnan(updated(1.0f, nan, rate)));
    CHECK(std::isnan(updated(nan, infinity, rate)));
  }
}

TEST_CASE("views that overlap are updated as if online had been read first") {
  check_overlap<float>(1, 20, 1, 20, 1, 0, 20, 1);    // shifted by one: a step feeds the next
  check_overlap<double>(1, 20, 0, 20, 1, 1, 20, 1);   // the other way
  check_overlap<float>(5, 5, 0, 5, 1, 0, 1, 5);       // the transpose
  check_overlap<double>(4, 4, 12, -4, 1, 0, 4, 1);    // upside down
  check_overlap<float>(1, 20, 19, 20, -1, 0, 20, 1);  // from right to left
  check_overlap<double>(4, 3, 1, 4, 1, 0, 4, 1);      // blocks of one matrix
  check_overlap<float>(1, 20, 0, 40, 2, 1, 40, 2);    // every second entry, none in common
  check_overlap<double>(3, 4, 0, 4, 1, 12, 4, 1);     // side by side
  auto one = tests::random_matrix(3, 4, 1);
  const auto before = one;
  for (const double rate : {0.0, 0.3, 1.0}) {
    selfsup::ema_update<double>(one, one, rate);
    CHECK(one.entries() == before.entries());
  }
}

TEST_CASE("any layout is updated in place") {
  const auto online = tests::random_matrix(4, 3, 1);
  const auto target = tests::random_matrix(4, 3, 2);
  Matrix<double> expected = target;
  selfsup::ema_update<double>(expected, online, 0.5);
  for (const auto layout : tests::layouts) {
    INFO(tests::name(layout));
    tests::Stored<double> stored(target, layout);
    selfsup::ema_update<double>(stored, online, 0.5);
    CHECK(stored.matrix().entries() == expected.entries());
    CHECK(stored.surroundings_untouched());
  }
}

TEST_CASE("long arrays of any layout are updated alike on any number of threads") {
  for (const auto layout : tests::layouts) {
    check_threads<float>(1, 100003, layout);
    check_threads<double>(100003, 1, layout);
    check_threads<double>(3, 20011, layout);
    check_threads<float>(1031, 37, layout);
  }
}

TEST_CASE("long arrays that overlap are updated as if online had been read first") {
  const std::size_t n = 70001;
  auto together = tests::random_matrix(1, n + 1, 1), apart = together;
  const auto before = together;
  for (const int count : {1, 2, 3, 5}) {
    const tests::Threads threads(count);
    together = apart = before;
    selfsup::ema_update<double>({together.data() + 1, 1, n}, {together.data(), 1, n}, 0.25);
    selfsup::ema_update<double>({apart.data() + 1, 1, n}, {before.data(), 1, n}, 0.25);
    CHECK(together.entries() == apart.entries());
  }
}

TEST_CASE("the schedule of rates is the published one") {
  CHECK(std::abs(selfsup::ema_rate(0.9, 50, 100) - 0.95) <=
        tests::tolerance::operations<double>(2));
  CHECK(std::abs(selfsup::ema_rate(0, 1, 3) - 0.25) <= tests::tolerance::operations<double>(2));
  for (const double base : {0.0, 0.1, 0.5, 0.996}) {
    for (std::size_t step = 0; step <= 100; ++step) {
      const double pi = 3.14159265358979323846;
      const double published =
          1 - (1 - base) * (std::cos(pi * static_cast<double>(step) / 100) + 1) / 2;
      CHECK(std::abs(selfsup::ema_rate(base, step, 100) - published) <=
            tests::tolerance::operations<double>(4));
    }
  }
}

TEST_CASE("the schedule runs from exactly the base rate to exactly 1 and never falls") {
  std::mt19937_64 random(1);
  std::vector<double> bases{0, 5e-324, 1e-300, 0.1, 0.3, 0.5, 0.9, 0.99, 0.996, 1 - 0x1p-53, 1};
  while (bases.size() < 40) bases.push_back(static_cast<double>(random() >> 11) * 0x1p-53);
  for (const double base : bases) {
    for (const std::size_t total : {1u, 2u, 3u, 7u, 100u, 1001u, 4096u}) {
      double before = selfsup::ema_rate(base, 0, total);
      bool falls = before != base || selfsup::ema_rate(base, total, total) != 1;
      for (std::size_t step = 1; step <= total; ++step) {
        const double rate = selfsup::ema_rate(base, step, total);
        falls |= !(rate >= before && rate <= 1);
        before = rate;
      }
      INFO("base rate " << base << ", " << total << " steps");
      CHECK_FALSE(falls);
    }
    // Of many steps: both ends, where the schedule is flat, and its middle.
    const std::size_t many = std::size_t{1} << 40;
    for (const std::size_t first : {std::size_t{0}, many / 2 - 1000, many - 2000}) {
      double before = base;
      bool falls = false;
      for (std::size_t step = first; step <= first + 2000; ++step) {
        const double rate = selfsup::ema_rate(base, step, many);
        falls |= !(rate >= before && rate <= 1);
        before = rate;
      }
      INFO("base rate " << base << ", from step " << first);
      CHECK_FALSE(falls);
    }
  }
}

TEST_CASE("a NaN rate is refused under -ffast-math too") {
  CHECK(refused_under_fast_math(std::numeric_limits<double>::quiet_NaN()));
  CHECK(refused_under_fast_math(std::numeric_limits<double>::infinity()));
  CHECK_FALSE(refused_under_fast_math(0.5));
}

TEST_CASE("a rate out of range and a wrong shape are refused before anything is written") {
  Matrix<float> target(3, 4, 1), online(3, 4, 2), other(3, 5, 2);
  for (const double rate : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(selfsup::ema_update<float>(target, online, rate), selfsup::OptionError);
    CHECK_THROWS_AS(selfsup::ema_rate(rate, 0, 10), selfsup::OptionError);
  }
  CHECK(tests::message<selfsup::OptionError>([&] {
          selfsup::ema_update<float>(target, online, 1.5);
        }) == "ema_update: rate is 1.5, a number from 0 to 1 expected");
  CHECK_THROWS_AS(selfsup::ema_rate(0.9, 11, 10), selfsup::OptionError);
  CHECK_THROWS_AS(selfsup::ema_rate(0.9, 0, 0), selfsup::OptionError);
  std::string text;
  try {
    selfsup::ema_update<float>(target, other, 0.5);
  } catch (const selfsup::ShapeError& error) {
    text = error.what();
  }
  CHECK(text == "ema_update: online is 3x5, target is 3x4");
  CHECK(target.entries() == std::vector<float>(12, 1.0f));
}
