// checkpoint.bin: all that a training run needs to go on as if it had never stopped. Little-endian:
//   8 bytes   "selfckpt"
//   u32       1, the version of the format
//   u32, …    length of the settings, and the settings: "name=value" words with blanks between
//   u64, u64  epochs done, steps done in the one begun
//   6 f64     sums over these steps, as in EpochRecord; then the same of each epoch done
//   u32       number of matrices, then each as in weights.bin: parameters, statistics, velocities
//   u32       CRC-32 (as in gzip) of everything before
#pragma once

#include "byte_reader.hpp"
#include "model.hpp"
#include "optimizer.hpp"
#include "train.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace trainer {

/// Where a run stands between two steps.
struct Position {
  std::vector<EpochRecord> epochs;  // those done
  std::size_t steps = 0;            // done in the epoch begun
  EpochRecord sums;                 // over these steps
};

/// The content of checkpoint.bin. `settings` is everything that the bits of a run depend on.
std::string checkpoint_file(const std::string& settings, const Position& position,
                            Model<float>& model, Sgd<float>& optimizer);

/// Takes what checkpoint_file wrote. Bytes that are damaged, foreign, or of other settings are an
/// InputError that begins with `name`; then nothing has changed.
void restore(ByteView bytes, const std::string& name, const std::string& settings,
             Position& position, Model<float>& model, Sgd<float>& optimizer);

/// The checkpoints of one run.
class Checkpoints {
 public:
  Checkpoints(CheckpointOptions options, std::string settings);

  /// Restores what the file holds, if that is wanted and there is one.
  void resume(Position& position, Model<float>& model, Sgd<float>& optimizer) const;
  /// Writes the file, when the last one is old enough or `now` says so.
  void save_if_due(bool now, const Position& position, Model<float>& model, Sgd<float>& optimizer);

 private:
  CheckpointOptions options_;
  std::string settings_;
  std::chrono::steady_clock::time_point saved_;
};

}  // namespace trainer
