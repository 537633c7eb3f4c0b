#include "image_set.hpp"

#include "errors.hpp"

namespace trainer {

void check_labels(const std::vector<std::uint8_t>& labels, const std::string& name,
                  std::size_t classes) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < classes) continue;
    throw InputError(name + ": label " + std::to_string(i) + " is " + std::to_string(labels[i]) +
                     ", 0 to " + std::to_string(classes - 1) + " was expected");
  }
}

}  // namespace trainer
