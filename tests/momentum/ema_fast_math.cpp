// Compiled with -ffast-math, where a comparison takes NaN for a number.
#include "selfsup/momentum/ema.hpp"

bool refused_under_fast_math(double rate);

bool refused_under_fast_math(double rate) {
  float target = 1, online = 2;
  try {
    selfsup::ema_update<float>({&target, 1, 1}, {&online, 1, 1}, rate);
    return false;
  } catch (const selfsup::OptionError&) {
    return target == 1;
  }
}
