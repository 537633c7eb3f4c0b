#include "run.hpp"

#include "atomic_file.hpp"
#include "errors.hpp"
#include "interrupt.hpp"
#include "nearest_neighbours.hpp"
#include "principal_plane.hpp"
#include "report.hpp"
#include "retrieval.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/thread_pool.hpp"
#include "settings.hpp"
#include "train.hpp"
#include "weights.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

namespace trainer {
namespace {

// The copy in random poses that every representation is measured on. Its seed is fixed, so that
// results of different --seed differ by the training alone.
struct Poses {
  LabelledImages train;
  LabelledImages test;

  Poses(const Dataset& data, const AugmentOptions& jitter)
      : train(jittered(data.train, jitter, 1, 0)), test(jittered(data.test, jitter, 1, 1)) {}
};

// What a representation is worth, how it looks, and what it finds.
struct Measured {
  Evaluation evaluation;
  PlaneView plane;
  Retrieval retrieval;
};

class Experiment {
 public:
  Experiment(Options options, std::string command)
      : options_(std::move(options)),
        command_(std::move(command)),
        data_(load_dataset(options_.data)),
        poses_(data_, options_.jitter),
        queries_(choose_queries(data_.test.labels)) {
    for (Recipe& recipe : options_.recipes) {
      fit_to_data(recipe, options_.batch_is_given, data_.train.count());
    }
    if (options_.neighbours > data_.train.count()) {
      throw InputError("--neighbours is " + std::to_string(options_.neighbours) + ", at most the " +
                       std::to_string(data_.train.count()) + " training images were expected");
    }
    for (const Recipe& recipe : options_.recipes) prepare_folder(folder(recipe));
  }

  int run() {
    describe();
    measure_baselines();
    bool complete = true;
    for (const Recipe& recipe : options_.recipes) {
      complete = train_one(recipe);
      if (!complete) break;
    }
    std::printf("\n%s\nresults: %s\n", table(rows_, options_.neighbours).c_str(),
                options_.out.c_str());
    if (complete) return 0;
    std::fflush(stdout);
    std::fprintf(stderr, "selfsup-train: interrupted, what was learned is in %s\n",
                 options_.out.c_str());
    return 130;  // as a shell reports the end by Ctrl-C
  }

 private:
  std::string folder(const Recipe& recipe) const {
    return options_.all ? options_.out + "/" + recipe.name : options_.out;
  }

  void describe() const {
    std::printf("data: %s, %zu images for training, %zu for testing, %zux%zu pixels%s\n",
                data_.name.c_str(), data_.train.count(), data_.test.count(), data_.train.size.rows,
                data_.train.size.cols, data_.train.size.channels == 3 ? " in colour" : "");
    std::fflush(stdout);
  }

  Measured measure(const std::string& representation, Features features) const {
    Measured result;
    result.evaluation = evaluate(representation, features, data_.train.labels, data_.test.labels,
                                 data_.classes, options_.neighbours);
    normalise_rows(features.train);
    normalise_rows(features.test);
    result.retrieval = retrieve(representation, features, queries_);
    result.plane = {representation, principal_plane(features.test)};
    return result;
  }

  Features encode(Model<float>& model) const {
    return {model.encode(poses_.train.images), model.encode(poses_.test.images)};
  }

  // The untrained encoder is the same for all methods: the encoder's weights are drawn first.
  void measure_baselines() {
    Model<float> untrained(options_.recipes.front(), data_.train.size.pixels(), options_.seed);
    baselines_.push_back(measure("raw pixels", {poses_.train.images, poses_.test.images}));
    baselines_.push_back(measure("untrained encoder", encode(untrained)));
    for (const Measured& baseline : baselines_) {
      rows_.push_back({baseline.evaluation.representation, baseline.evaluation, false, 0, {}});
    }
  }

  // False when interrupted.
  bool train_one(const Recipe& recipe) {
    Model<float> model(recipe, data_.train.size.pixels(), options_.seed);
    const std::size_t steps_per_epoch = data_.train.count() / recipe.batch;
    TrainOptions training;
    training.epochs = options_.epochs > 0 ? options_.epochs
                                          : (recipe.steps + steps_per_epoch - 1) / steps_per_epoch;
    training.warm_up = static_cast<double>(options_.warm_up) / 100;
    training.seed = options_.seed;
    training.views = options_.views;
    training.checkpoints = {folder(recipe) + "/checkpoint.bin", options_.checkpoint_seconds,
                            options_.resume};
    const TrainResult result = train(model, recipe, data_.train, training);
    const std::string path = folder(recipe) + "/";
    write_atomically(path + "weights.bin", weights_file(model));
    write_atomically(path + "metrics.csv", metrics_csv(result.epochs));
    write_atomically(path + "settings.csv",
                     settings_csv(options_, recipe, data_, training.epochs, command_));

    const auto start = std::chrono::steady_clock::now();
    const Measured trained = measure("trained encoder", encode(model));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    write_atomically(
        path + "evaluation.csv",
        evaluation_csv({baselines_[0].evaluation, baselines_[1].evaluation, trained.evaluation}));
    write_atomically(path + "embedding.csv",
                     embedding_csv({baselines_[0].plane, baselines_[1].plane, trained.plane},
                                   data_.test.labels));
    const std::vector<Retrieval> retrievals = {baselines_[0].retrieval, baselines_[1].retrieval,
                                               trained.retrieval};
    write_atomically(path + "retrieval.csv",
                     retrieval_csv(queries_, retrievals, data_.train.labels, data_.test.labels));
    write_atomically(path + "images.bin",
                     images_file(queries_, retrievals, poses_.train, poses_.test));
    write_atomically(path + "times.csv", times_csv(result.epochs, seconds.count()));

    TableRow row{recipe.name, trained.evaluation, true, 0, result.epochs.back()};
    for (const EpochRecord& epoch : result.epochs) row.seconds += epoch.seconds;
    rows_.push_back(std::move(row));
    return !result.interrupted;
  }

  Options options_;
  std::string command_;
  Dataset data_;
  Poses poses_;
  std::vector<std::size_t> queries_;
  std::vector<Measured> baselines_;
  std::vector<TableRow> rows_;
};

}  // namespace

int run(Options options, const std::string& command) {
  std::optional<selfsup::ThreadPool> pool;
  std::optional<selfsup::RunOn> scope;
  if (options.threads > 0) scope.emplace(pool.emplace(options.threads));
  catch_interrupts();
  return Experiment(std::move(options), command).run();
}

}  // namespace trainer
