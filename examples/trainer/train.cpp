#include "train.hpp"

#include "interrupt.hpp"
#include "optimizer.hpp"
#include "progress.hpp"

#include "selfsup/core/errors.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/momentum/ema.hpp"
#include "selfsup/monitors/collapse.hpp"
#include "selfsup/monitors/effective_rank.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

namespace trainer {
namespace {

// Two views of each image of a batch.
struct Views {
  Matrix<float> a;
  Matrix<float> b;

  void draw(const LabelledImages& images, const std::size_t* ids, const TrainOptions& options,
            std::size_t epoch) {
    selfsup::parallel_for(a.rows(), [&](std::size_t i) {
      const float* image = images.images.row(ids[i]);
      Random first(options.seed, Stream::view, epoch, ids[i], 0U);
      Random second(options.seed, Stream::view, epoch, ids[i], 1U);
      augment(image, images.size, options.views, first, a.row(i));
      augment(image, images.size, options.views, second, b.row(i));
    });
  }
};

// Means over the steps of an epoch.
EpochRecord finished(EpochRecord sums, std::size_t steps, const Matrix<float>& embedding,
                     double seconds) {
  const auto n = static_cast<double>(steps);
  sums.loss /= n;
  sums.embedding_std /= n;
  sums.healthy_std = 1 / std::sqrt(static_cast<double>(embedding.cols()));
  sums.effective_rank = selfsup::effective_rank<float>(embedding);
  sums.seconds = seconds;
  return sums;
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
  Views views{{batch, images.size.pixels()}, {batch, images.size.pixels()}};
  Progress progress(recipe.name, options.epochs, steps_per_epoch);
  TrainResult result;
  for (std::size_t epoch = 0; epoch < options.epochs && !result.interrupted; ++epoch) {
    const double start = progress.seconds();
    Random random(options.seed, Stream::order, epoch);
    const std::vector<std::size_t> order = shuffled(images.count(), random);
    EpochRecord record;
    std::size_t done = 0;
    for (; done < steps_per_epoch && !result.interrupted; ++done) {
      const std::size_t step = epoch * steps_per_epoch + done;
      views.draw(images, order.data() + done * batch, options, epoch);
      try {
        const float loss = model.accumulate(views.a, views.b);
        record.loss += static_cast<double>(loss);
        record.embedding_std += selfsup::embedding_std<float>(model.embedding());
        progress.step(epoch, done, static_cast<double>(loss));
      } catch (const selfsup::NonFiniteError& error) {
        throw std::runtime_error("training diverged in epoch " + std::to_string(epoch + 1) + " (" +
                                 error.what() + "); a lower --learning-rate may help");
      }
      record.learning_rate = schedule.rate(step);
      optimizer.step(model, record.learning_rate);
      model.move_target(selfsup::ema_rate(recipe.target_rate, step, total));
      result.interrupted = interrupted();
    }
    const double seconds = progress.seconds() - start;
    result.epochs.push_back(finished(record, done, model.embedding(), seconds));
    const EpochRecord& last = result.epochs.back();
    progress.epoch(epoch, last.loss, last.embedding_std, last.healthy_std, last.effective_rank);
  }
  progress.finish();
  return result;
}

}  // namespace trainer
