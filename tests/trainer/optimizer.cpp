#include "optimizer.hpp"

#include "catch.hpp"

#include <cmath>
#include <string>

namespace {

// One weight that decays and one bias that does not.
struct TinyModel {
  trainer::Parameter<double> weight{1, 1, 2.0, true};
  trainer::Parameter<double> bias{1, 1, 2.0, false};
  template <class F>
  void for_each_parameter(F f) {
    f(std::string("weight"), weight);
    f(std::string("bias"), bias);
  }
};

bool near(double a, double b) { return std::abs(a - b) < 1e-14; }

}  // namespace

TEST_CASE("the schedule rises in a line and falls as half a cosine") {
  const trainer::CosineSchedule schedule{0.8, 4, 12};
  CHECK(near(schedule.rate(0), 0.2));
  CHECK(near(schedule.rate(1), 0.4));
  CHECK(near(schedule.rate(3), 0.8));
  CHECK(near(schedule.rate(4), 0.8));
  CHECK(near(schedule.rate(6), 0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(near(schedule.rate(8), 0.4));
  CHECK(near(schedule.rate(10), 0.8 * (1 - std::sqrt(0.5)) / 2));
  CHECK(schedule.rate(11) > 0);
}

TEST_CASE("without warm-up the schedule starts at its highest rate") {
  const trainer::CosineSchedule schedule{0.8, 0, 2};
  CHECK(near(schedule.rate(0), 0.8));
  CHECK(near(schedule.rate(1), 0.4));
}

TEST_CASE("SGD with momentum and weight decay, two steps by hand") {
  TinyModel model;
  trainer::Sgd<double> optimizer(0.9, 0.1);
  model.weight.gradient(0, 0) = 1;
  model.bias.gradient(0, 0) = 1;
  optimizer.step(model, 0.5);
  // v = 1 + 0.1·2 = 1.2, w = 2 − 0.5·1.2; the bias does not decay: v = 1.
  CHECK(near(model.weight.value(0, 0), 1.4));
  CHECK(near(model.bias.value(0, 0), 1.5));
  CHECK(model.weight.gradient(0, 0) == 0);
  optimizer.step(model, 0.5);
  // v = 0.9·1.2 + 0.1·1.4 = 1.22 and 0.9.
  CHECK(near(model.weight.value(0, 0), 0.79));
  CHECK(near(model.bias.value(0, 0), 1.05));
}
