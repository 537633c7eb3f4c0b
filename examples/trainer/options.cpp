#include "options.hpp"

#include "errors.hpp"
#include "help.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <map>

namespace trainer {
namespace {

// Recipe members as typed; what is not given stays as the method has it.
struct RecipeChanges {
  std::optional<std::int64_t> batch;
  std::optional<double> learning_rate;
  std::optional<double> weight_decay;
  std::vector<std::int64_t> encoder;
  std::vector<std::int64_t> projector;
  std::optional<std::int64_t> predictor;
  std::map<std::string, std::optional<double>> settings;
};

// Everything else as typed.
struct CommandLine {
  std::string method = "ntxent";
  RecipeChanges changes;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> threads;
  std::optional<std::int64_t> downsample;
  std::int64_t seed = 1;
  std::int64_t warm_up = 10;
  std::int64_t neighbours = 1;
  std::int64_t classes = 10;
};

// Written so that NaN is refused too.
void check(const std::string& option, double value, double low, double high) {
  if (value >= low && value <= high) return;
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), " is %g, a number from %g to %g was expected", value, low,
                high);
  throw InputError(option + text.data());
}

std::size_t checked(const std::string& option, std::int64_t value, std::int64_t low,
                    std::int64_t high) {
  if (value >= low && value <= high) return static_cast<std::size_t>(value);
  throw InputError(option + " is " + std::to_string(value) + ", a whole number from " +
                   std::to_string(low) + " to " + std::to_string(high) + " was expected");
}

std::vector<std::size_t> checked_widths(const std::string& option,
                                        const std::vector<std::int64_t>& widths) {
  std::vector<std::size_t> result;
  for (const std::int64_t width : widths) result.push_back(checked(option, width, 1, 65536));
  return result;
}

void change(Recipe& recipe, const RecipeChanges& changes) {
  if (changes.batch) recipe.batch = checked("--batch", *changes.batch, 2, 1 << 20);
  if (changes.learning_rate) recipe.learning_rate = *changes.learning_rate;
  if (changes.weight_decay) recipe.weight_decay = *changes.weight_decay;
  if (!changes.encoder.empty()) recipe.encoder = checked_widths("--encoder", changes.encoder);
  if (!changes.projector.empty()) {
    recipe.projector = checked_widths("--projector", changes.projector);
  }
  if (changes.predictor && recipe.may_predict()) {
    recipe.predictor = checked("--predictor", *changes.predictor, 0, 65536);
  }
  for (const auto& [name, value] : changes.settings) {
    Setting* const setting = recipe.find(name);
    if (value && setting != nullptr) setting->value = *value;
  }
}

// What is given must be of use to some of the methods.
void check_settings(const std::map<std::string, std::optional<double>>& settings,
                    const std::vector<Recipe>& recipes) {
  for (const auto& [name, value] : settings) {
    if (!value) continue;
    const Setting* found = nullptr;
    for (const Recipe& recipe : recipes) {
      if (const Setting* const own = recipe.find(name)) found = own;
    }
    const std::string option = "--" + name;
    if (found == nullptr) throw InputError(option + " is no setting of " + recipes.front().name);
    check(option, *value, found->low, found->high);
    if (found->whole && *value != std::floor(*value)) {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%g", *value);
      throw InputError(option + " is " + text.data() + ", a whole number was expected");
    }
  }
}

void check_changes(const RecipeChanges& changes) {
  if (changes.learning_rate) check("--learning-rate", *changes.learning_rate, 1e-9, 1000);
  if (changes.weight_decay) check("--weight-decay", *changes.weight_decay, 0, 10);
}

void check_views(const std::string& prefix, const AugmentOptions& views) {
  check(prefix + "rotation", views.rotation, 0, 180);
  check(prefix + "scale", views.scale_low, 0.1, 10);
  check(prefix + "scale", views.scale_high, 0.1, 10);
  if (views.scale_low > views.scale_high) {
    throw InputError(prefix + "scale: the first number is above the second");
  }
  check(prefix + "shift", views.shift_x, 0, 2);
  check(prefix + "shift", views.shift_y, 0, 2);
  check(prefix + "intensity", views.intensity, 0, 1);
  check(prefix + "noise", views.noise, 0, 10);
  check(prefix + "brightness", views.colour.brightness, 0, 1);
  check(prefix + "contrast", views.colour.contrast, 0, 1);
  check(prefix + "saturation", views.colour.saturation, 0, 1);
  check(prefix + "hue", views.colour.hue, 0, 0.5);
  check(prefix + "grey", views.colour.grey, 0, 1);
}

// Declares an option; what --help shows in place of CLI11's type names is `type`.
template <class T>
CLI::Option* add(CLI::App& app, const std::string& name, T& value, const char* type,
                 const std::string& text) {
  return app.add_option(name, value, text)->type_name(type);
}

void add_method_options(CLI::App& app, CommandLine& line, Options& options) {
  RecipeChanges& changes = line.changes;
  add(app, "--method", line.method, "NAME",
      "one of those below; or all, which trains ntxent, byol, simsiam and\n"
      "vicreg in turn and prints a table")
      ->capture_default_str();
  add(app, "--epochs", line.epochs, "N",
      "passes over the training images (default: as many as make the\n"
      "method's number of steps, below)");
  add(app, "--batch", changes.batch, "N",
      "images a step, two views each (default: below, or less for a\n"
      "small data set, so that an epoch has eight steps)");
  add(app, "--learning-rate", changes.learning_rate, "X",
      "highest rate, for a batch of 256: it is scaled by batch/256\n(default: below)");
  add(app, "--warm-up", line.warm_up, "PERCENT",
      "of the steps, in which the rate rises; then it falls as a cosine")
      ->capture_default_str();
  add(app, "--weight-decay", changes.weight_decay, "X",
      "pull of weights towards 0 (default: below)");
  add(app, "--seed", line.seed, "N", "of weights, order, views and the 80/20 split")
      ->capture_default_str();
  add(app, "--threads", line.threads, "N", "OpenMP threads (default: all cores)");
  add(app, "--out", options.out, "FOLDER", "for the results, made if missing")
      ->capture_default_str();
  add(app, "--checkpoint", options.checkpoint_seconds, "SECONDS",
      "between two writings of checkpoint.bin; 0: after every step")
      ->capture_default_str();
  app.add_flag("--resume", options.resume,
               "go on from the checkpoint.bin in the folder of --out, to the\n"
               "same bits as without the pause; without one, begin");
}

void add_settings(CLI::App& app, RecipeChanges& changes) {
  for (const Setting& setting : all_settings()) {
    add(app, std::string("--") + setting.name, changes.settings[setting.name],
        setting.whole ? "N" : "X", setting.text)
        ->group("Settings of some methods (defaults: below)");
  }
}

void add_data_options(CLI::App& app, CommandLine& line, Options& options) {
  add(app, "--data", options.data.folder, "FOLDER",
      "with train-images-idx3-ubyte, train-labels-idx1-ubyte and the\n"
      "same for t10k (MNIST), or with data_batch_1.bin up to 5 and\n"
      "test_batch.bin (CIFAR-10), each plain or .gz; a single set is\n"
      "split 80/20 (default: 1,797 handwritten digits of 8x8, built in)")
      ->group("Data");
  add(app, "--classes", line.classes, "N", "labels are 0 to N - 1")
      ->capture_default_str()
      ->group("Data");
  add(app, "--downsample", line.downsample, "N",
      "average blocks of NxN pixels into one (default: the least N that\n"
      "leaves at most 16 rows and columns; MNIST becomes 14x14,\n"
      "CIFAR-10 16x16)")
      ->group("Data");
  add(app, "--encoder", line.changes.encoder, "N,N",
      "widths of its layers; the last one is the representation\n(default: below)")
      ->delimiter(',')
      ->group("Network");
  add(app, "--projector", line.changes.projector, "N,N",
      "widths of its layers; the last one is the embedding, which the\n"
      "loss sees (default: below)")
      ->delimiter(',')
      ->group("Network");
  add(app, "--predictor", line.changes.predictor, "N",
      "hidden width, for byol, simsiam and moco; 0: none (default: below)")
      ->group("Network");
}

void add_view_options(CLI::App& app, const std::string& prefix, const std::string& group,
                      AugmentOptions& views, std::array<double, 2>& scale,
                      std::array<double, 2>& shift) {
  const auto pair_text = [](const std::array<double, 2>& pair) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%g,%g", pair[0], pair[1]);
    return std::string(text.data());
  };
  add(app, prefix + "rotation", views.rotation, "DEGREES", "largest rotation, either way")
      ->capture_default_str()
      ->group(group);
  add(app, prefix + "scale", scale, "LOW,HIGH", "smallest and largest size")
      ->delimiter(',')
      ->default_str(pair_text(scale))
      ->group(group);
  add(app, prefix + "shift", shift, "X,Y", "largest shift, as a fraction of half the side")
      ->delimiter(',')
      ->default_str(pair_text(shift))
      ->group(group);
  add(app, prefix + "intensity", views.intensity, "X", "all pixels times 1 plus or minus X")
      ->capture_default_str()
      ->group(group);
  add(app, prefix + "noise", views.noise, "X", "standard deviation of the noise of each pixel")
      ->capture_default_str()
      ->group(group);
}

void add_colour_options(CLI::App& app, const std::string& group, ColourOptions& colour) {
  add(app, "--brightness", colour.brightness, "X",
      "of colour images, as these below: times 1 plus or minus X")
      ->capture_default_str()
      ->group(group);
  add(app, "--contrast", colour.contrast, "X", "distance to the mean grey, times 1 plus or minus X")
      ->capture_default_str()
      ->group(group);
  add(app, "--saturation", colour.saturation, "X",
      "distance to the pixel's grey, times 1 plus or minus X")
      ->capture_default_str()
      ->group(group);
  add(app, "--hue", colour.hue, "X", "plus or minus X, in parts of a full turn, at most 0.5")
      ->capture_default_str()
      ->group(group);
  add(app, "--grey", colour.grey, "X", "probability that a view loses its colours")
      ->capture_default_str()
      ->group(group);
}

std::vector<Recipe> chosen_recipes(const std::string& method) {
  if (method == "all") {
    std::vector<Recipe> families;
    for (const char* name : {"ntxent", "byol", "simsiam", "vicreg"}) {
      families.push_back(*find_recipe(name));
    }
    return families;
  }
  const Recipe* recipe = find_recipe(method);
  if (recipe != nullptr) return {*recipe};
  std::string names;
  for (const Recipe& known : recipes()) names += std::string(known.name) + ", ";
  throw InputError("--method is " + method + "; one of " + names + "or all was expected");
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  CommandLine line;
  Options options;
  options.views.intensity = 0.2;
  options.views.colour = {0.4, 0.4, 0.4, 0.1, 0.2};  // SimCLR's for CIFAR-10
  std::array<double, 2> view_scale = {options.views.scale_low, options.views.scale_high};
  std::array<double, 2> view_shift = {options.views.shift_x, options.views.shift_y};
  std::array<double, 2> jitter_scale = {options.jitter.scale_low, options.jitter.scale_high};
  std::array<double, 2> jitter_shift = {options.jitter.shift_x, options.jitter.shift_y};

  CLI::App app(
      "Trains an image encoder without labels, by a loss of selfsup, and measures what it has\n"
      "learned: two random views of every image, a small network, gradients written by hand.",
      "selfsup-train");
  app.set_version_flag("--version", version_text());
  app.get_formatter()->column_width(30);
  app.footer(help_footer());
  add_method_options(app, line, options);
  add_settings(app, line.changes);
  add_data_options(app, line, options);
  add_view_options(app, "--", "Views for training", options.views, view_scale, view_shift);
  add_colour_options(app, "Views for training", options.views.colour);
  const std::string evaluation = "Evaluation, on a fixed copy of all images in random poses";
  add(app, "--neighbours", line.neighbours, "K", "of the nearest-neighbour classifier")
      ->capture_default_str()
      ->group(evaluation);
  add_view_options(app, "--jitter-", evaluation, options.jitter, jitter_scale, jitter_shift);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    app.exit(request);
    return std::nullopt;
  } catch (const CLI::ConversionError& error) {
    throw InputError(std::string(error.what()) + ", a number was expected");
  } catch (const CLI::ParseError& error) {
    throw InputError(error.what());
  }

  options.views.scale_low = view_scale[0];
  options.views.scale_high = view_scale[1];
  options.views.shift_x = view_shift[0];
  options.views.shift_y = view_shift[1];
  options.jitter.scale_low = jitter_scale[0];
  options.jitter.scale_high = jitter_scale[1];
  options.jitter.shift_x = jitter_shift[0];
  options.jitter.shift_y = jitter_shift[1];
  check_views("--", options.views);
  check_views("--jitter-", options.jitter);
  check_changes(line.changes);
  check("--checkpoint", options.checkpoint_seconds, 0, 1e9);
  options.all = line.method == "all";
  options.recipes = chosen_recipes(line.method);
  check_settings(line.changes.settings, options.recipes);
  for (Recipe& recipe : options.recipes) change(recipe, line.changes);
  options.batch_is_given = line.changes.batch.has_value();
  if (line.epochs) options.epochs = checked("--epochs", *line.epochs, 1, 1000000);
  if (line.threads) options.threads = checked("--threads", *line.threads, 1, 1024);
  if (line.downsample)
    options.data.downsample = checked("--downsample", *line.downsample, 1, 65536);
  options.warm_up = checked("--warm-up", line.warm_up, 0, 90);
  options.neighbours = checked("--neighbours", line.neighbours, 1, 1000);
  options.data.classes = checked("--classes", line.classes, 2, 256);
  if (line.seed < 0) {
    throw InputError("--seed is " + std::to_string(line.seed) + ", at least 0 was expected");
  }
  options.seed = static_cast<std::uint64_t>(line.seed);
  options.data.seed = options.seed;
  if (options.out.empty()) throw InputError("--out is empty, a folder was expected");
  return options;
}

void fit_to_data(Recipe& recipe, bool batch_is_given, std::size_t training_images) {
  if (!batch_is_given) {
    while (recipe.batch > 2 && recipe.batch * 8 > training_images) recipe.batch /= 2;
  }
  if (recipe.batch <= training_images) return;
  throw InputError("--batch is " + std::to_string(recipe.batch) + ", at most the " +
                   std::to_string(training_images) + " training images were expected");
}

}  // namespace trainer
