#include "checkpoint.hpp"

#include "atomic_file.hpp"
#include "binary.hpp"
#include "foreign_file.hpp"

#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <new>
#include <sstream>
#include <utility>
#include <vector>

namespace trainer {
namespace {

constexpr const char* magic = "selfckpt";
constexpr std::uint32_t version = 1;
constexpr std::array<double EpochRecord::*, 6> members = {
    &EpochRecord::loss,        &EpochRecord::learning_rate,  &EpochRecord::embedding_std,
    &EpochRecord::healthy_std, &EpochRecord::effective_rank, &EpochRecord::seconds};

void write(BinaryWriter& writer, const EpochRecord& record) {
  for (const auto member : members) writer.f64(record.*member);
}

EpochRecord read_record(BinaryReader& reader) {
  EpochRecord record;
  for (const auto member : members) record.*member = reader.f64();
  return record;
}

// Every matrix that a step changes or reads from the step before, in a fixed order.
std::vector<std::pair<std::string, Matrix<float>*>> state_of(Model<float>& model,
                                                             Sgd<float>& optimizer) {
  std::vector<std::pair<std::string, Matrix<float>*>> state;
  const auto add = [&state](const std::string& name, Matrix<float>& matrix) {
    state.emplace_back(name, &matrix);
  };
  model.for_each_state(add);
  optimizer.for_each_velocity(model, add);
  return state;
}

// One sentence about the first setting that differs.
std::string difference(const std::string& found, const std::string& expected) {
  std::istringstream theirs(found);
  std::istringstream ours(expected);
  std::string their_word;
  std::string our_word;
  while (ours >> our_word) {
    if (!(theirs >> their_word)) their_word = "fewer settings";
    if (their_word == our_word) continue;
    return "was made with " + printable(their_word) + ", this run has " + our_word;
  }
  return "was made with other settings";
}

// Until here everything is as it was, and so it is again when this throws.
void take(std::vector<Matrix<float>>& matrices,
          const std::vector<std::pair<std::string, Matrix<float>*>>& state, Model<float>& model,
          const BinaryReader& reader) {
  const auto exchange = [&] {
    for (std::size_t i = 0; i < state.size(); ++i) std::swap(*state[i].second, matrices[i]);
  };
  exchange();
  try {
    model.restored();
  } catch (const std::bad_alloc&) {
    exchange();
    throw;
  } catch (const std::exception& error) {
    exchange();
    reader.fail(std::string("cannot be taken: ") + error.what());
  }
}

void read_checkpoint(ByteView bytes, const std::string& name, const std::string& settings,
                     Position& position, Model<float>& model, Sgd<float>& optimizer) {
  BinaryReader reader(bytes, magic, name, "checkpoint");
  const std::uint32_t found_version = reader.u32();
  if (found_version != version) {
    reader.fail("has version " + std::to_string(found_version) + " of the format, " +
                std::to_string(version) + " was expected");
  }
  const std::string found = reader.text();
  if (found != settings) reader.fail(difference(found, settings));
  Position restored;
  const std::uint64_t epochs = reader.u64();
  restored.steps = static_cast<std::size_t>(reader.u64());
  restored.sums = read_record(reader);
  for (std::uint64_t i = 0; i < epochs; ++i) restored.epochs.push_back(read_record(reader));
  const auto state = state_of(model, optimizer);
  const std::uint32_t count = reader.u32();
  if (count != state.size()) {
    reader.fail("has " + std::to_string(count) + " matrices, " + std::to_string(state.size()) +
                " were expected");
  }
  std::vector<Matrix<float>> matrices;
  for (const auto& [matrix_name, matrix] : state)
    matrices.push_back(reader.matrix(matrix_name, matrix->rows(), matrix->cols()));
  reader.expect_end();
  take(matrices, state, model, reader);
  position = std::move(restored);
}

}  // namespace

std::string checkpoint_file(const std::string& settings, const Position& position,
                            Model<float>& model, Sgd<float>& optimizer) {
  BinaryWriter writer(magic);
  writer.u32(version);
  writer.text(settings);
  writer.u64(position.epochs.size());
  writer.u64(position.steps);
  write(writer, position.sums);
  for (const EpochRecord& record : position.epochs) write(writer, record);
  const auto state = state_of(model, optimizer);
  writer.u32(static_cast<std::uint32_t>(state.size()));
  for (const auto& [name, matrix] : state) writer.matrix(name, *matrix);
  return writer.finish();
}

void restore(ByteView bytes, const std::string& name, const std::string& settings,
             Position& position, Model<float>& model, Sgd<float>& optimizer) {
  parsed(bytes, name, "a checkpoint of selfsup-train was expected",
         [&] { read_checkpoint(bytes, name, settings, position, model, optimizer); });
}

Checkpoints::Checkpoints(CheckpointOptions options, std::string settings)
    : options_(std::move(options)),
      settings_(std::move(settings)),
      saved_(std::chrono::steady_clock::now()) {}

void Checkpoints::resume(Position& position, Model<float>& model, Sgd<float>& optimizer) const {
  const std::string& path = options_.path;
  if (!options_.resume || path.empty() || !std::filesystem::exists(path)) return;
  const std::vector<std::uint8_t> bytes = read_file(path);
  restore({bytes.data(), bytes.size()}, path, settings_, position, model, optimizer);
}

void Checkpoints::save_if_due(bool now, const Position& position, Model<float>& model,
                              Sgd<float>& optimizer) {
  if (options_.path.empty()) return;
  const auto time = std::chrono::steady_clock::now();
  if (!now && std::chrono::duration<double>(time - saved_).count() < options_.seconds) return;
  write_atomically(options_.path, checkpoint_file(settings_, position, model, optimizer));
  saved_ = time;
}

}  // namespace trainer
