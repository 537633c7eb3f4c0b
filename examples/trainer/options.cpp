#include "options.hpp"

#include "errors.hpp"
#include "help.hpp"
#include "option_checks.hpp"
#include "view_options.hpp"

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
  add(app, "--threads", line.threads, "N", "threads (default: all cores)");
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
      "same for t10k (MNIST; a dot before idx will do, too), or with\n"
      "data_batch_1.bin up to 5 and test_batch.bin (CIFAR-10), each\n"
      "plain, .gz or in a folder of its name; a single set is split\n"
      "80/20 (default: 1,797 handwritten digits of 8x8, built in)")
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
  ViewOptions views(app, "--", "Views for training", options.views);
  views.add_colours(app);
  const std::string evaluation = "Evaluation, on a fixed copy of all images in random poses";
  add(app, "--neighbours", line.neighbours, "K", "of the nearest-neighbour classifier")
      ->capture_default_str()
      ->group(evaluation);
  ViewOptions jitter(app, "--jitter-", evaluation, options.jitter);
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

  views.finish();
  jitter.finish();
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
