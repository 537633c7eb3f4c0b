#include "settings.hpp"

#include "evaluate.hpp"
#include "help.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/parallel.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <vector>

#define TRAINER_TEXT_(text) #text
#define TRAINER_TEXT(text) TRAINER_TEXT_(text)

namespace trainer {
namespace {

#ifdef __clang__
constexpr const char* compiler = __VERSION__;  // has its name
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

std::string text_of(const std::string& value) { return value; }
std::string text_of(std::size_t value) { return std::to_string(value); }
std::string text_of(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : ",") + text_of(value);
  return text;
}

std::string field(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

class Table {
 public:
  template <class T>
  void add(const std::string& setting, const T& value) {
    text_ += setting + "," + field(text_of(value)) + "\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "setting,value\n";
};

// As Linux tells it on x86-64; empty elsewhere.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t value = line.find_first_not_of(": \t", line.find(':'));
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

void add_recipe(Table& table, const Recipe& recipe) {
  table.add("batch", recipe.batch);
  table.add("learning_rate", recipe.learning_rate);
  table.add("weight_decay", recipe.weight_decay);
  table.add("encoder", recipe.encoder);
  table.add("projector", recipe.projector);
  if (recipe.predictor > 0) table.add("predictor", recipe.predictor);
  for (const Setting& setting : recipe.settings) {
    std::string name = setting.name;
    std::replace(name.begin(), name.end(), '-', '_');
    table.add(name, setting.value);
  }
}

void add_views(Table& table, const std::string& prefix, const AugmentOptions& views) {
  using Pair = std::vector<double>;
  table.add(prefix + "rotation", views.rotation);
  table.add(prefix + "scale", Pair{views.scale_low, views.scale_high});
  table.add(prefix + "shift", Pair{views.shift_x, views.shift_y});
  table.add(prefix + "intensity", views.intensity);
  table.add(prefix + "noise", views.noise);
}

void add_colours(Table& table, const ColourOptions& colour) {
  table.add("brightness", colour.brightness);
  table.add("contrast", colour.contrast);
  table.add("saturation", colour.saturation);
  table.add("hue", colour.hue);
  table.add("grey", colour.grey);
}

void add_evaluation(Table& table, std::size_t neighbours, const Dataset& data) {
  std::vector<double> percents;
  std::vector<std::size_t> draws;
  std::vector<std::size_t> images;
  for (const LabelShare& share : label_shares) {
    percents.push_back(100 * share.fraction);
    draws.push_back(share.draws);
    images.push_back(draw_labels(data.train.labels, data.classes, share.fraction, 0).size());
  }
  table.add("neighbours", neighbours);
  table.add("label_percents", percents);
  table.add("label_draws", draws);
  table.add("label_images", images);
}

}  // namespace

std::string command_text(int argc, const char* const* argv) {
  constexpr const char* plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+@%";
  std::string text = "selfsup-train";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    text += " ";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      text += word;
      continue;
    }
    text += "'";
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += "'";
  }
  return text;
}

std::string settings_csv(const Options& options, const Recipe& recipe, const Dataset& data,
                         std::size_t epochs, const std::string& command) {
  Table table;
  table.add("command", command);
  table.add("method", std::string(recipe.name));
  table.add("seed", std::size_t{options.seed});
  table.add("data", data.name);
  table.add("training_images", data.train.count());
  table.add("test_images", data.test.count());
  table.add("classes", data.classes);
  table.add("channels", data.train.size.channels);
  table.add("rows", data.train.size.rows);
  table.add("columns", data.train.size.cols);
  table.add("epochs", epochs);
  table.add("steps_per_epoch", data.train.count() / recipe.batch);
  table.add("warm_up_percent", options.warm_up);
  add_recipe(table, recipe);
  add_views(table, "", options.views);
  if (data.train.size.channels == 3) add_colours(table, options.views.colour);
  add_views(table, "jitter_", options.jitter);
  add_evaluation(table, options.neighbours, data);
  table.add("version", version_text());
  table.add("code", std::string(TRAINER_TEXT(SELFSUP_ABI)));
  table.add("compiler", std::string(compiler));
  const std::string machine = processor();
  if (!machine.empty()) table.add("processor", machine);
  table.add("threads", selfsup::max_threads());
  return table.text();
}

}  // namespace trainer
