// The training loop.
#pragma once

#include "augment.hpp"
#include "dataset.hpp"
#include "methods.hpp"
#include "model.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// When a training writes down where it stands.
struct CheckpointOptions {
  std::string path;     // empty: never
  double seconds = 10;  // after the first step that ends as long after the last one, and at the end
  bool resume = false;  // go on from the file at `path`, where there is one
};

struct TrainOptions {
  std::size_t epochs = 1;
  double warm_up = 0.1;  // share of all steps
  std::uint64_t seed = 1;
  AugmentOptions views;
  CheckpointOptions checkpoints;
};

/// One epoch, or the part of it before an interrupt.
struct EpochRecord {
  double loss = 0;            // mean over the steps
  double learning_rate = 0;   // of the last step
  double embedding_std = 0;   // mean over the steps, of the embeddings of one view
  double healthy_std = 0;     // 1/√D
  double effective_rank = 0;  // of the embeddings of one view in the last step
  double seconds = 0;         // of training; of a resumed epoch without the pause
};

struct TrainResult {
  std::vector<EpochRecord> epochs;
  bool interrupted = false;
};

/// Trains the model, shows the progress, and returns early when interrupted() says so. An image's
/// views depend on (seed, epoch, image, view) alone, so a resumed training ends with the bits of
/// one that was never stopped. Throws std::runtime_error when the loss is no longer finite,
/// InputError for a checkpoint that is damaged or of other settings.
TrainResult train(Model<float>& model, const Recipe& recipe, const LabelledImages& images,
                  const TrainOptions& options);

}  // namespace trainer
