// The command line.
#pragma once

#include "augment.hpp"
#include "dataset.hpp"
#include "methods.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

/// Settings that are the same for all methods trained by one command.
struct Options {
  std::vector<Recipe> recipes;  // one a method to train, with the command line's changes
  DataOptions data;
  AugmentOptions views;      // of training
  AugmentOptions jitter;     // of the copy that is evaluated
  std::size_t epochs = 0;    // 0: as many as make the recipe's steps
  std::size_t warm_up = 10;  // percent of the steps
  std::size_t neighbours = 1;
  std::size_t threads = 0;  // 0: all cores
  std::uint64_t seed = 1;
  std::string out = "selfsup-out";
  double checkpoint_seconds = 10;
  bool resume = false;
  bool batch_is_given = false;
  bool all = false;  // --method all: results go to subfolders
};

/// Parses and checks the command line. Throws InputError for what cannot be used. Nothing is
/// returned when the command line asked for help, which has then been printed.
std::optional<Options> parse_options(int argc, const char* const* argv);

/// Unless the batch was given, makes it small enough for eight steps an epoch. Throws InputError
/// when the data has fewer images than the batch.
void fit_to_data(Recipe& recipe, bool batch_is_given, std::size_t training_images);

}  // namespace trainer
