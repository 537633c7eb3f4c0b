#include "methods.hpp"

#include <algorithm>
#include <stdexcept>

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
Setting covariance_weight() {
  return {"covariance-weight", 1, 0, 1e4, false, "of the squared covariances"};
}

// A VICReg whose covariance term is replaced by an approximation with a setting of its own.
Recipe approximate_vicreg(Method method, const char* name, const char* title, Setting own) {
  return {method,
          name,
          title,
          2200,
          256,
          0.1,
          1e-4,
          {512, 256},
          {256, 256},
          0,
          {invariance_weight(25), variance_weight(), covariance_weight(), own}};
}

std::vector<Recipe> make_recipes() {
  const std::vector<std::size_t> encoder = {512, 256};
  const std::vector<std::size_t> projector = {256, 128};
  return {
      {Method::ntxent,
       "ntxent",
       "NT-Xent (SimCLR)",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.2), hardest()}},
      {Method::dcl,
       "dcl",
       "NT-Xent, decoupled",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.2)}},
      {Method::hcl,
       "hcl",
       "NT-Xent, hard negatives, debiased",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.5),
        {"positive-prior", 0.1, 0, 0.999, false, "share of negatives that are of the same kind"},
        {"hard-negative-beta", 1, 0, 100, false, "how much similar negatives count for more"}}},
      {Method::infonce,
       "infonce",
       "InfoNCE, symmetric (CLIP)",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.2),
        hardest(),
        {"label-smoothing", 0, 0, 0.999, false, "what the label shares among all candidates"}}},
      {Method::moco,
       "moco",
       "InfoNCE against a moving target (MoCo)",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.2),
        {"bank", 4096, 0, 1e7, true, "rows of earlier batches as negatives; 0: the batch"},
        target_rate(0.99),
        target_schedule(),
        train_predictor()}},
      {Method::supcon,
       "supcon",
       "SupCon: learns from all labels",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {temperature(0.2)}},
      {Method::siglip,
       "siglip",
       "pairwise sigmoid (SigLIP)",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {{"logit-scale", 10, 1e-3, 1e3, false, "what similarities are multiplied by"},
        {"logit-bias", -5, -1e3, 1e3, false, "what is added to them"}}},
      {Method::byol,
       "byol",
       "BYOL",
       2200,
       256,
       1.0,
       5e-4,
       encoder,
       projector,
       64,
       {target_rate(0.9), target_schedule(), train_predictor()}},
      {Method::simsiam,
       "simsiam",
       "SimSiam",
       2200,
       256,
       1.0,
       5e-4,
       encoder,
       projector,
       64,
       {stop_gradient(), train_predictor()}},
      {Method::vicreg,
       "vicreg",
       "VICReg",
       2200,
       256,
       0.1,
       1e-4,
       encoder,
       {256, 256},
       0,
       {invariance_weight(25), variance_weight(), covariance_weight()}},
      approximate_vicreg(Method::vicreg_grouped, "vicreg-grouped",
                         "VICReg, covariances in groups of columns",
                         {"group-size", 64, 2, 65536, true, "most columns of a group"}),
      approximate_vicreg(Method::vicreg_probed, "vicreg-probed", "VICReg, covariances by probes",
                         {"probes", 16, 1, 65536, true, "random vectors a step"}),
      approximate_vicreg(Method::vicreg_fft, "vicreg-fft", "VICReg, sums of covariances by FFT",
                         {"exponent", 2, 1, 2, true, "of the sums, 1 or 2"}),
      {Method::barlow,
       "barlow",
       "Barlow Twins",
       2200,
       256,
       0.1,
       1e-4,
       encoder,
       {256, 256},
       0,
       {{"off-diagonal-weight", 0.0051, 0, 1e4, false, "of the correlations between columns"}}},
      {Method::align_uniform,
       "align-uniform",
       "alignment and uniformity",
       2200,
       256,
       0.5,
       1e-4,
       encoder,
       projector,
       0,
       {{"alignment-power", 2, 0.1, 10, false, "of the distance between both views"},
        {"uniformity-weight", 1, 0, 1e4, false, "of the uniformity beside the alignment"},
        {"uniformity-scale", 2, 1e-3, 1e3, false, "of the Gaussian of each distance"}}},
      {Method::lejepa,
       "lejepa",
       "LeJEPA: invariance and SIGReg",
       2200,
       256,
       0.1,
       1e-4,
       encoder,
       projector,
       0,
       {{"sigreg-weight", 0.05, 0, 1, false, "of normality; the invariance has the rest"},
        {"slices", 256, 1, 65536, true, "random directions a step"}}},
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
