// The methods that can be trained, and for each the settings that work without tuning.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace trainer {

enum class Method {
  ntxent,
  dcl,
  hcl,
  infonce,
  moco,
  supcon,
  siglip,
  byol,
  simsiam,
  vicreg,
  vicreg_grouped,
  vicreg_probed,
  vicreg_fft,
  barlow,
  align_uniform,
  lejepa
};

/// A number that some methods have, set by --name on the command line.
struct Setting {
  const char* name;
  double value;
  double low;
  double high;
  bool whole;        // a whole number was expected
  const char* text;  // for --help
};

/// What differs from method to method. Every member can be set on the command line.
struct Recipe {
  Method method = Method::ntxent;
  const char* name = "";
  const char* title = "";    // for --help
  std::size_t steps = 2200;  // the default number of epochs is the least that makes as many
  std::size_t batch = 256;   // images a step, two views each
  double learning_rate = 0;  // highest, at a batch of 256: it is scaled by batch/256
  double weight_decay = 1e-4;
  std::vector<std::size_t> encoder = {512, 256};    // widths of the layers; the last one is the
                                                    // representation
  std::vector<std::size_t> projector = {256, 128};  // widths; the last one is the embedding
  std::size_t predictor = 0;  // hidden width, for methods that may have one; 0: there is none
  std::vector<Setting> settings;

  /// True for the methods that may have a predictor.
  bool may_predict() const {
    return method == Method::byol || method == Method::simsiam || method == Method::moco;
  }
  /// True for the methods whose targets come from a moving average of the network.
  bool has_moving_target() const { return method == Method::byol || method == Method::moco; }

  /// The setting of that name, or nullptr when the method has none.
  const Setting* find(const std::string& setting) const;
  Setting* find(const std::string& setting);
  /// The value of a setting that the method has.
  double operator[](const std::string& setting) const;
};

/// All of them, in the order of the enumeration.
const std::vector<Recipe>& recipes();

/// The recipe of that name, or nullptr.
const Recipe* find_recipe(const std::string& name);

/// Every setting that some method has, once, in the order of the recipes.
std::vector<Setting> all_settings();

}  // namespace trainer
