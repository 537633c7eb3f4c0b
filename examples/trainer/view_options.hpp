// The options of random views, of those for training and of those for the evaluation.
#pragma once

#include "augment.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <string>

namespace trainer {

class ViewOptions {
 public:
  /// Declares options that begin with `prefix`, under the heading `group`, and change `views`.
  ViewOptions(CLI::App& app, std::string prefix, std::string group, AugmentOptions& views);
  ViewOptions(const ViewOptions&) = delete;
  ViewOptions& operator=(const ViewOptions&) = delete;

  /// Declares the options of colour images, too.
  void add_colours(CLI::App& app);

  /// After parsing. Throws InputError for what cannot be used.
  void finish();

 private:
  std::string prefix_;
  std::string group_;
  AugmentOptions& views_;
  std::array<double, 2> scale_;
  std::array<double, 2> shift_;
};

}  // namespace trainer
