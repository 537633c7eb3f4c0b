#include "train.hpp"

#include "checkpoint.hpp"
#include "errors.hpp"
#include "interrupt.hpp"
#include "optimizer.hpp"
#include "progress.hpp"

#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/io/checksum.hpp"
#include "selfsup/momentum/ema.hpp"
#include "selfsup/monitors/collapse.hpp"
#include "selfsup/monitors/effective_rank.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace trainer {
namespace {

// Two views of each image of a batch.
struct Views {
  Matrix<float> a;
  Matrix<float> b;
  std::vector<std::uint8_t> labels;

  void draw(const LabelledImages& images, const std::size_t* ids, const TrainOptions& options,
            std::size_t epoch) {
    labels.resize(a.rows());
    selfsup::parallel_for(a.rows(), [&](std::size_t i) {
      labels[i] = images.labels[ids[i]];
      const float* image = images.images.row(ids[i]);
      Random first(options.seed, Stream::view, epoch, ids[i], 0U);
      Random second(options.seed, Stream::view, epoch, ids[i], 1U);
      augment(image, images.size, options.views, first, a.row(i));
      augment(image, images.size, options.views, second, b.row(i));
    });
  }
};

// Means over the steps of an epoch.
EpochRecord finished(EpochRecord sums, std::size_t steps, const Matrix<float>& embedding) {
  const auto n = static_cast<double>(steps);
  sums.loss /= n;
  sums.embedding_std /= n;
  sums.healthy_std = 1 / std::sqrt(static_cast<double>(embedding.cols()));
  sums.effective_rank = selfsup::effective_rank<float>(embedding);
  return sums;
}

double target_rate(const Recipe& recipe, std::size_t step, std::size_t total) {
  const double rate = recipe["target-rate"];
  return recipe["target-schedule"] != 0 ? selfsup::ema_rate(rate, step, total) : rate;
}

// Nothing for grey images, whose views do not depend on them.
std::string colour_settings(ImageSize size, const ColourOptions& colour) {
  if (size.channels == 1) return {};
  std::ostringstream text;
  text.precision(17);
  text << " brightness=" << colour.brightness << " contrast=" << colour.contrast
       << " saturation=" << colour.saturation << " hue=" << colour.hue << " grey=" << colour.grey;
  return text.str();
}

// All that the bits of a training depend on.
std::string settings_of(const Recipe& recipe, const LabelledImages& images,
                        const TrainOptions& options) {
  std::ostringstream text;
  text.precision(17);
  const auto widths = [&text](const char* name, const std::vector<std::size_t>& list) {
    text << name;
    for (std::size_t i = 0; i < list.size(); ++i) text << (i == 0 ? "=" : ",") << list[i];
  };
  text << "method=" << recipe.name << " epochs=" << options.epochs << " batch=" << recipe.batch
       << " learning-rate=" << recipe.learning_rate << " warm-up=" << options.warm_up
       << " weight-decay=" << recipe.weight_decay << " seed=" << options.seed;
  for (const Setting& setting : recipe.settings)
    text << " " << setting.name << "=" << setting.value;
  widths(" encoder", recipe.encoder);
  widths(" projector", recipe.projector);
  const AugmentOptions& views = options.views;
  text << " predictor=" << recipe.predictor << " rotation=" << views.rotation
       << " scale=" << views.scale_low << "," << views.scale_high << " shift=" << views.shift_x
       << "," << views.shift_y << " intensity=" << views.intensity << " noise=" << views.noise
       << colour_settings(images.size, views.colour) << " images=" << images.count() << "x"
       << images.size.rows << "x" << images.size.cols << ",checksum:"
       << selfsup::crc32c(reinterpret_cast<const unsigned char*>(images.images.data()),
                          images.images.size() * sizeof(float));
  return text.str();
}

}  // namespace

TrainResult train(Model<float>& model, const Recipe& recipe, const LabelledImages& images,
                  const TrainOptions& options) {
  const std::size_t batch = recipe.batch;
  const std::size_t steps_per_epoch = images.count() / batch;  // what is left over waits
  const std::size_t total = options.epochs * steps_per_epoch;
  const auto warm_up = static_cast<std::size_t>(options.warm_up * static_cast<double>(total));
  const CosineSchedule schedule{recipe.learning_rate * static_cast<double>(batch) / 256, warm_up,
                                total};
  Sgd<float> optimizer(0.9, recipe.weight_decay);
  Views views{{batch, images.size.pixels()}, {batch, images.size.pixels()}, {}};
  Position at;
  Checkpoints checkpoints(options.checkpoints, settings_of(recipe, images, options));
  checkpoints.resume(at, model, optimizer);
  if (at.steps >= steps_per_epoch || at.epochs.size() > options.epochs) {
    throw InputError(options.checkpoints.path + " stands at step " + std::to_string(at.steps) +
                     " of epoch " + std::to_string(at.epochs.size() + 1) + ", of " +
                     std::to_string(options.epochs) + " epochs of " +
                     std::to_string(steps_per_epoch) + " steps");
  }
  Progress progress(recipe.name, options.epochs, steps_per_epoch,
                    at.epochs.size() * steps_per_epoch + at.steps);
  bool stopped = false;
  while (at.epochs.size() < options.epochs && !stopped) {
    const std::size_t epoch = at.epochs.size();
    const double start = progress.seconds() - at.sums.seconds;
    Random random(options.seed, Stream::order, epoch);
    const std::vector<std::size_t> order = shuffled(images.count(), random);
    while (at.steps < steps_per_epoch && !stopped) {
      const std::size_t step = epoch * steps_per_epoch + at.steps;
      views.draw(images, order.data() + at.steps * batch, options, epoch);
      try {
        const float loss = model.accumulate(views.a, views.b, views.labels, step);
        at.sums.loss += static_cast<double>(loss);
        at.sums.embedding_std += selfsup::embedding_std<float>(model.embedding());
        progress.step(epoch, at.steps, static_cast<double>(loss));
      } catch (const selfsup::NonFiniteError& error) {
        throw std::runtime_error("training diverged in epoch " + std::to_string(epoch + 1) + " (" +
                                 error.what() + "); a lower --learning-rate may help");
      }
      at.sums.learning_rate = schedule.rate(step);
      optimizer.step(model, at.sums.learning_rate);
      if (recipe.has_moving_target()) model.move_target(target_rate(recipe, step, total));
      at.sums.seconds = progress.seconds() - start;
      stopped = interrupted();
      // The last step of an epoch counts once the epoch is finished, below.
      if (++at.steps < steps_per_epoch) checkpoints.save_if_due(stopped, at, model, optimizer);
    }
    const EpochRecord last = finished(at.sums, at.steps, model.embedding());
    progress.epoch(epoch, last.loss, last.embedding_std, last.healthy_std, last.effective_rank);
    if (at.steps < steps_per_epoch) {  // the part before the interrupt
      at.epochs.push_back(last);
      break;
    }
    at = {std::move(at.epochs), 0, {}};
    at.epochs.push_back(last);
    checkpoints.save_if_due(stopped || at.epochs.size() == options.epochs, at, model, optimizer);
  }
  progress.finish();
  return {std::move(at.epochs), stopped};
}

}  // namespace trainer
