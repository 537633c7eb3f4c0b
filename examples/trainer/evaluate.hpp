// How good is a representation? Accuracy of two simple classifiers on it, with few and many labels.
#pragma once

#include "dataset.hpp"
#include "matrix.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace trainer {

/// A share of the training labels, and over how many draws of them an accuracy is averaged.
struct LabelShare {
  double fraction;
  std::size_t draws;
};
constexpr std::array<LabelShare, 3> label_shares = {{{0.01, 20}, {0.1, 5}, {1.0, 1}}};

/// Over the draws; accuracies from 0 to 1.
struct Score {
  double mean = 0;
  double deviation = 0;  // standard deviation (divisor draws − 1); 0 for one draw
};

struct Evaluation {
  std::string representation;
  std::array<Score, label_shares.size()> neighbours;
  std::array<Score, label_shares.size()> probe;
};

/// Rows of training images whose labels are used, in rising order: fraction·N of them (at least one
/// a class that occurs), the same number of each class up to one. Equal arguments, equal draws.
std::vector<std::size_t> draw_labels(const std::vector<std::uint8_t>& labels, std::size_t classes,
                                     double fraction, std::size_t draw);

/// Features (N, D) and labels of images seen in training, and of others.
struct Features {
  Matrix<float> train;
  Matrix<float> test;
};

/// k is the number of neighbours, at most the labels drawn.
Evaluation evaluate(const std::string& representation, const Features& features,
                    const std::vector<std::uint8_t>& train_labels,
                    const std::vector<std::uint8_t>& test_labels, std::size_t classes,
                    std::size_t k);

}  // namespace trainer
