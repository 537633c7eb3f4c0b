// A training with few numbers, for checkpoints of few bytes.
#pragma once

#include "checkpoint.hpp"

#include <string>

namespace fuzz {

struct TinyRun {
  std::string settings = "method=ntxent batch=2";
  trainer::Model<float> model;
  trainer::Sgd<float> optimizer{0.9, 1e-3};
  trainer::Position position;

  explicit TinyRun(std::uint64_t seed) : model(recipe(), 1, seed) {}

  std::string file() { return checkpoint_file(settings, position, model, optimizer); }
  void restore(trainer::ByteView bytes, const std::string& name) {
    trainer::restore(bytes, name, settings, position, model, optimizer);
  }

 private:
  static trainer::Recipe recipe() {
    trainer::Recipe tiny = *trainer::find_recipe("ntxent");
    tiny.encoder = {2};
    tiny.projector = {1};
    return tiny;
  }
};

}  // namespace fuzz
