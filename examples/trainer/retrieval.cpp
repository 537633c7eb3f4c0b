#include "retrieval.hpp"

#include "binary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace trainer {
namespace {

constexpr std::uint32_t version = 1;
constexpr std::size_t most_queries = 12;
constexpr std::size_t most_neighbours = 8;

void write(BinaryWriter& writer, std::uint32_t part, const LabelledImages& set, std::size_t row) {
  writer.u32(part);
  writer.u32(static_cast<std::uint32_t>(row));
  for (std::size_t c = 0; c < set.images.cols(); ++c) {
    const float pixel = std::clamp(set.images(row, c), 0.0F, 1.0F);  // noise leaves 0 … 1
    writer.u8(static_cast<std::uint8_t>(std::lround(255 * pixel)));
  }
}

}  // namespace

std::vector<std::size_t> choose_queries(const std::vector<std::uint8_t>& labels) {
  std::array<std::vector<std::size_t>, 256> members;
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  const std::size_t count = std::min(most_queries, labels.size());
  std::vector<std::size_t> queries;
  for (std::size_t depth = 0; queries.size() < count; ++depth) {
    for (const auto& list : members) {
      if (depth < list.size() && queries.size() < count) queries.push_back(list[depth]);
    }
  }
  return queries;
}

Retrieval retrieve(const std::string& representation, const Features& features,
                   const std::vector<std::size_t>& queries) {
  return {representation, most_similar(features.train, rows_of(features.test, queries),
                                       std::min(most_neighbours, features.train.rows()))};
}

std::string images_file(const std::vector<std::size_t>& queries,
                        const std::vector<Retrieval>& retrievals, const LabelledImages& train,
                        const LabelledImages& test) {
  std::set<std::size_t> found;
  for (const Retrieval& retrieval : retrievals) {
    for (const auto& neighbours : retrieval.neighbours) {
      for (const Neighbour& neighbour : neighbours) found.insert(neighbour.row);
    }
  }
  BinaryWriter writer("selfsimg");
  for (const std::size_t number : {std::size_t{version}, test.size.channels, test.size.rows,
                                   test.size.cols, found.size() + queries.size()}) {
    writer.u32(static_cast<std::uint32_t>(number));
  }
  for (const std::size_t row : found) write(writer, 0, train, row);
  for (const std::size_t row : queries) write(writer, 1, test, row);
  return writer.finish();
}

}  // namespace trainer
