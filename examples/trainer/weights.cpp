#include "weights.hpp"

#include "binary.hpp"

#include <utility>
#include <vector>

namespace trainer {

std::string weights_file(Model<float>& model) {
  std::vector<std::pair<std::string, const Matrix<float>*>> matrices;
  model.for_each_parameter([&](const std::string& name, const Parameter<float>& parameter) {
    matrices.emplace_back(name, &parameter.value);
  });
  model.for_each_statistic([&](const std::string& name, const Matrix<float>& matrix) {
    matrices.emplace_back(name, &matrix);
  });
  BinaryWriter writer("selfsup1");
  writer.u32(static_cast<std::uint32_t>(matrices.size()));
  for (const auto& [name, matrix] : matrices) writer.matrix(name, *matrix);
  return writer.finish();
}

}  // namespace trainer
