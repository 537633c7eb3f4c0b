#include "evaluate.hpp"

#include "linear_probe.hpp"
#include "nearest_neighbours.hpp"
#include "random.hpp"

#include <algorithm>
#include <cmath>

namespace trainer {
namespace {

// Draws of labels are the same in every run, whatever the seed of the training.
constexpr std::uint64_t draw_seed = 1;

Score score_of(const std::vector<double>& accuracies) {
  const auto n = static_cast<double>(accuracies.size());
  Score score;
  for (const double accuracy : accuracies) score.mean += accuracy;
  score.mean /= n;
  if (accuracies.size() < 2) return score;
  double square = 0;
  for (const double accuracy : accuracies) square += std::pow(accuracy - score.mean, 2);
  score.deviation = std::sqrt(square / (n - 1));
  return score;
}

}  // namespace

std::vector<std::size_t> draw_labels(const std::vector<std::uint8_t>& labels, std::size_t classes,
                                     double fraction, std::size_t draw) {
  std::vector<std::vector<std::size_t>> members(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  members.erase(
      std::remove_if(members.begin(), members.end(), [](const auto& list) { return list.empty(); }),
      members.end());
  Random random(draw_seed, Stream::labels, draw);
  for (auto& list : members) {
    const std::vector<std::size_t> order = shuffled(list.size(), random);
    std::vector<std::size_t> mixed(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) mixed[i] = list[order[i]];
    list = std::move(mixed);
  }
  const auto share =
      static_cast<std::size_t>(std::llround(fraction * static_cast<double>(labels.size())));
  const std::size_t wanted = std::max(share, members.size());
  // Deals one of each class in turn; which classes get one more in the last turn is random too.
  const std::vector<std::size_t> turns = shuffled(members.size(), random);
  std::vector<std::size_t> drawn;
  for (std::size_t depth = 0; drawn.size() < wanted; ++depth) {
    for (std::size_t i = 0; i < turns.size() && drawn.size() < wanted; ++i) {
      const auto& list = members[turns[i]];
      if (depth < list.size()) drawn.push_back(list[depth]);
    }
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

Evaluation evaluate(const std::string& representation, const Features& features,
                    const std::vector<std::uint8_t>& train_labels,
                    const std::vector<std::uint8_t>& test_labels, std::size_t classes,
                    std::size_t k) {
  Matrix<float> train = features.train;
  Matrix<float> test = features.test;
  normalise_rows(train);
  normalise_rows(test);
  const Matrix<float> probe_train = standardised(train, train);
  const Matrix<float> probe_test = standardised(test, train);
  Evaluation result;
  result.representation = representation;
  for (std::size_t share = 0; share < label_shares.size(); ++share) {
    std::vector<double> neighbours;
    std::vector<double> probe;
    for (std::size_t draw = 0; draw < label_shares[share].draws; ++draw) {
      const std::vector<std::size_t> ids =
          draw_labels(train_labels, classes, label_shares[share].fraction, draw);
      std::vector<std::uint8_t> labels;
      for (const std::size_t id : ids) labels.push_back(train_labels[id]);
      neighbours.push_back(accuracy(
          nearest_neighbours(rows_of(train, ids), labels, test, std::min(k, ids.size()), classes),
          test_labels));
      probe.push_back(accuracy(linear_probe(rows_of(probe_train, ids), labels, probe_test, classes),
                               test_labels));
    }
    result.neighbours[share] = score_of(neighbours);
    result.probe[share] = score_of(probe);
  }
  return result;
}

}  // namespace trainer
