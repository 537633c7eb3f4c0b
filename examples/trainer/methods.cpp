#include "methods.hpp"

namespace trainer {

const std::array<Recipe, 6>& recipes() {
  static const std::array<Recipe, 6> all = {{
      {Method::ntxent, "ntxent", 2200, 256, 0.5, 1e-4, 0.2, 0, {512, 256}, {256, 128}, 0},
      {Method::infonce, "infonce", 2200, 256, 0.5, 1e-4, 0.2, 0, {512, 256}, {256, 128}, 0},
      {Method::byol, "byol", 2200, 256, 1.0, 5e-4, 0, 0.9, {512, 256}, {256, 128}, 64},
      {Method::simsiam, "simsiam", 2200, 256, 1.0, 5e-4, 0, 0, {512, 256}, {256, 128}, 64},
      {Method::vicreg, "vicreg", 2200, 256, 0.1, 1e-4, 0, 0, {512, 256}, {256, 256}, 0},
      {Method::barlow, "barlow", 2200, 256, 0.1, 1e-4, 0, 0, {512, 256}, {256, 256}, 0},
  }};
  return all;
}

const Recipe* find_recipe(const std::string& name) {
  for (const Recipe& recipe : recipes()) {
    if (name == recipe.name) return &recipe;
  }
  return nullptr;
}

}  // namespace trainer
