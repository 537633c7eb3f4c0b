// The methods that can be trained, and for each the settings that work without tuning.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace trainer {

enum class Method { ntxent, infonce, byol, simsiam, vicreg, barlow };

/// What differs from method to method. Every member can be set on the command line.
struct Recipe {
  Method method;
  const char* name;
  std::size_t steps;     // the default number of epochs is the least that makes as many
  std::size_t batch;     // images a step, two views each
  double learning_rate;  // highest, at a batch of 256: it is scaled by batch/256
  double weight_decay;
  double temperature;                  // ntxent, infonce
  double target_rate;                  // byol: τ₀ of the moving average
  std::vector<std::size_t> encoder;    // widths of the layers; the last one is the representation
  std::vector<std::size_t> projector;  // widths; the last one is the embedding
  std::size_t predictor;  // hidden width of the predictor (byol, simsiam); 0: there is none
};

/// All of them, in the order of the enumeration.
const std::array<Recipe, 6>& recipes();

/// The recipe of that name, or nullptr.
const Recipe* find_recipe(const std::string& name);

}  // namespace trainer
