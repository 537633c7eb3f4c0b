#include "methods.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace trainer {
namespace {

Setting temperature(double value) {
  return {"temperature",
          value,
          1e-3,
          1e3,
          false,
          "what similarities are divided by: the lower, the more the\n"
          "hardest negatives count"};
}
Setting hardest() {
  return {"hardest", 0, 0, 1e6, true, "most similar negatives that count; 0: all"};
}
Setting target_rate(double value) {
  return {"target-rate",
          value,
          0,
          1,
          false,
          "share of itself that the target network keeps in the first\n"
          "step; rises to 1 unless --target-schedule is 0"};
}
Setting target_schedule() {
  return {"target-schedule", 1, 0, 1, true, "0: the target rate stays as it is"};
}
Setting stop_gradient() {
  return {"stop-gradient", 1, 0, 1, true, "0: targets take a gradient, too"};
}
Setting train_predictor() {
  return {"train-predictor", 1, 0, 1, true, "0: the predictor stays as it was drawn"};
}
Setting invariance_weight(double value) {
  return {"invariance-weight", value, 0, 1e4, false, "of the distance between both views"};
}
Setting variance_weight() {
  return {"variance-weight", 25, 0, 1e4, false, "of the hinge on each column's deviation"};
}
Setting covariance_weight(double value) {
  return {"covariance-weight", value, 0, 1e4, false, "of the squared covariances"};
}

Recipe recipe(Method method, const char* name, const char* title, double learning_rate,
              std::vector<Setting> settings) {
  Recipe made;
  made.method = method;
  made.name = name;
  made.title = title;
  made.learning_rate = learning_rate;
  made.settings = std::move(settings);
  return made;
}

// With a predictor, which needs more weight decay.
Recipe predictive(Recipe made) {
  made.predictor = 64;
  made.weight_decay = 5e-4;
  return made;
}

// Losses that decorrelate columns gain from many.
Recipe wide(Recipe made) {
  made.projector = {256, 256};
  return made;
}

// A VICReg whose covariance term is replaced by an approximation with a setting of its own.
Recipe vicreg(Method method, const char* name, const char* title, double learning_rate,
              double covariance, Setting own) {
  return wide(
      recipe(method, name, title, learning_rate,
             {invariance_weight(25), variance_weight(), covariance_weight(covariance), own}));
}

std::vector<Recipe> make_recipes() {
  return {
      recipe(Method::ntxent, "ntxent", "NT-Xent (SimCLR)", 0.5, {temperature(0.2), hardest()}),
      recipe(Method::dcl, "dcl", "NT-Xent, decoupled", 0.5, {temperature(0.2)}),
      recipe(
          Method::hcl, "hcl", "NT-Xent, hard negatives, debiased", 0.5,
          {temperature(0.5),
           {"positive-prior", 0.1, 0, 0.999, false, "share of negatives that are of the same kind"},
           {"hard-negative-beta", 1, 0, 100, false, "how much similar negatives count for more"}}),
      recipe(Method::infonce, "infonce", "InfoNCE, symmetric (CLIP)", 0.5,
             {temperature(0.2),
              hardest(),
              {"label-smoothing", 0, 0, 0.999, false, "what the label shares among all"}}),
      recipe(Method::moco, "moco", "InfoNCE against a moving target (MoCo)", 1,
             {temperature(0.2),
              {"bank", 4096, 0, 1e7, true, "rows of earlier batches as negatives; 0: the batch"},
              target_rate(0.9),
              target_schedule(),
              train_predictor()}),
      recipe(Method::supcon, "supcon", "SupCon: learns from all labels", 0.5, {temperature(0.2)}),
      recipe(Method::siglip, "siglip", "pairwise sigmoid (SigLIP)", 0.2,
             {{"logit-scale", 10, 1e-3, 1e3, false, "what similarities are multiplied by"},
              {"logit-bias", -10, -1e3, 1e3, false, "what is added to them"}}),
      predictive(recipe(Method::byol, "byol", "BYOL", 0.5,
                        {target_rate(0.9), target_schedule(), train_predictor()})),
      predictive(
          recipe(Method::simsiam, "simsiam", "SimSiam", 1, {stop_gradient(), train_predictor()})),
      wide(recipe(Method::vicreg, "vicreg", "VICReg", 0.1,
                  {invariance_weight(25), variance_weight(), covariance_weight(1)})),
      vicreg(Method::vicreg_grouped, "vicreg-grouped", "VICReg, covariances in groups of columns",
             0.1, 1, {"group-size", 64, 2, 65536, true, "most columns of a group"}),
      vicreg(Method::vicreg_probed, "vicreg-probed", "VICReg, covariances by probes", 0.1, 1,
             {"probes", 64, 1, 65536, true, "random vectors a step"}),
      vicreg(Method::vicreg_fft, "vicreg-fft", "VICReg, sums of covariances by FFT", 0.05, 0.05,
             {"exponent", 2, 1, 2, true, "of the sums, 1 or 2"}),
      wide(recipe(
          Method::barlow, "barlow", "Barlow Twins", 0.1,
          {{"off-diagonal-weight", 0.0051, 0, 1e4, false, "of the correlations of columns"}})),
      recipe(Method::align_uniform, "align-uniform", "alignment and uniformity", 0.5,
             {{"alignment-power", 2, 0.1, 10, false, "of the distance between both views"},
              {"uniformity-weight", 1, 0, 1e4, false, "of the uniformity beside the alignment"},
              {"uniformity-scale", 2, 1e-3, 1e3, false, "of the Gaussian of each distance"}}),
      recipe(Method::lejepa, "lejepa", "LeJEPA: invariance and SIGReg", 0.5,
             {{"sigreg-weight", 0.05, 0, 1, false, "of normality; the invariance has the rest"},
              {"slices", 256, 1, 65536, true, "random directions a step"}}),
  };
}

}  // namespace

const Setting* Recipe::find(const std::string& setting) const {
  const auto at = std::find_if(settings.begin(), settings.end(),
                               [&](const Setting& own) { return own.name == setting; });
  return at == settings.end() ? nullptr : &*at;
}

Setting* Recipe::find(const std::string& setting) {
  return const_cast<Setting*>(static_cast<const Recipe&>(*this).find(setting));
}

double Recipe::operator[](const std::string& setting) const {
  const Setting* const own = find(setting);
  if (own == nullptr) throw std::logic_error(std::string(name) + " has no setting " + setting);
  return own->value;
}

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all = make_recipes();
  return all;
}

const Recipe* find_recipe(const std::string& name) {
  for (const Recipe& recipe : recipes()) {
    if (name == recipe.name) return &recipe;
  }
  return nullptr;
}

std::vector<Setting> all_settings() {
  std::vector<Setting> all;
  for (const Recipe& recipe : recipes()) {
    for (const Setting& setting : recipe.settings) {
      const bool known = std::any_of(all.begin(), all.end(), [&](const Setting& other) {
        return std::string(other.name) == setting.name;
      });
      if (!known) all.push_back(setting);
    }
  }
  return all;
}

}  // namespace trainer
