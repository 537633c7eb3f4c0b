// How far the peak of this process's memory rises.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

namespace rivals {

/// Counts from its construction, on Linux.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5\n";  // the peak becomes what is resident now
    start_ = peak();
  }

  double growth() const { return peak() - start_; }

 private:
  static double peak() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stod(line.substr(6));
    }
    throw std::runtime_error("/proc/self/status shows no VmHWM");
  }

  double start_;
};

}  // namespace rivals
