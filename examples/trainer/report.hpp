// Results as CSV files and as a table to read.
#pragma once

#include "evaluate.hpp"
#include "retrieval.hpp"
#include "train.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// epoch,loss,learning_rate,embedding_std,healthy_std,effective_rank
std::string metrics_csv(const std::vector<EpochRecord>& epochs);

/// phase,epoch,seconds
std::string times_csv(const std::vector<EpochRecord>& epochs, double evaluation_seconds);

/// representation, then mean and standard deviation of 1-NN and probe for each share of the labels
std::string evaluation_csv(const std::vector<Evaluation>& evaluations);

/// The test images of one representation in the plane.
struct PlaneView {
  std::string representation;
  Matrix<float> coordinates;  // (N, 2)
};

/// representation,x,y,label
std::string embedding_csv(const std::vector<PlaneView>& planes,
                          const std::vector<std::uint8_t>& labels);

/// representation,query,label,rank,neighbour,neighbour_label,similarity
/// A query is a row of the test images, a neighbour one of the training images; the nearest has
/// rank 1.
std::string retrieval_csv(const std::vector<std::size_t>& queries,
                          const std::vector<Retrieval>& retrievals,
                          const std::vector<std::uint8_t>& train_labels,
                          const std::vector<std::uint8_t>& test_labels);

/// A line of the table; a baseline was not trained.
struct TableRow {
  std::string name;
  Evaluation evaluation;
  bool trained = false;
  double seconds = 0;
  EpochRecord last_epoch;
};

std::string table(const std::vector<TableRow>& rows, std::size_t neighbours);

}  // namespace trainer
