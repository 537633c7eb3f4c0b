#include "bench/run.hpp"

int main(int argc, char** argv) { return bench::run(argc, argv); }
