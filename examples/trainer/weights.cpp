#include "weights.hpp"

#include <zlib.h>

#include <cstring>

namespace trainer {
namespace {

void append(std::string& bytes, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(number >> shift & 0xff)));
  }
}

}  // namespace

void WeightsWriter::add(const std::string& name, const Matrix<float>& matrix) {
  ++count_;
  append(body_, static_cast<std::uint32_t>(name.size()));
  body_ += name;
  append(body_, static_cast<std::uint32_t>(matrix.rows()));
  append(body_, static_cast<std::uint32_t>(matrix.cols()));
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, matrix.data() + i, sizeof(bits));
    append(body_, bits);
  }
}

std::string WeightsWriter::finish() const {
  std::string file = "selfsup1";
  append(file, count_);
  file += body_;
  const auto* bytes = reinterpret_cast<const Bytef*>(file.data());
  append(file, static_cast<std::uint32_t>(crc32_z(crc32_z(0, nullptr, 0), bytes, file.size())));
  return file;
}

std::string weights_file(Model<float>& model) {
  WeightsWriter writer;
  model.for_each_parameter([&](const std::string& name, const Parameter<float>& parameter) {
    writer.add(name, parameter.value);
  });
  model.for_each_statistic(
      [&](const std::string& name, const Matrix<float>& matrix) { writer.add(name, matrix); });
  return writer.finish();
}

}  // namespace trainer
