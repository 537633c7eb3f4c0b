// `race wrong` has a race between two OpenMP threads, `race right` only looks like one: the proof
// that scripts/check threads can fail, and that its sanitizer knows OpenMP's barriers.
#include <cstring>

int main(int count, char** arguments) {
  const bool wrong = count > 1 && std::strcmp(arguments[1], "wrong") == 0;
  int sum = 0;
  int each[2] = {0, 0};
#pragma omp parallel num_threads(2)
  {
    if (wrong) ++sum;
#pragma omp for
    for (int i = 0; i < 2; ++i) each[i] = i;
#pragma omp for
    for (int i = 0; i < 2; ++i) each[1 - i] += 1;
  }
  return each[0] + each[1] + (wrong ? sum : 0) > 0 ? 0 : 1;
}
