#include "checkpoint.hpp"

#include "catch.hpp"
#include "errors.hpp"
#include "message.hpp"

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using trainer::ByteView;
using trainer::Model;
using trainer::Position;
using trainer::Sgd;

namespace {

// MoCo with a predictor has every kind of state: that, a target, statistics, a bank.
struct Run {
  trainer::Recipe recipe = [] {
    trainer::Recipe small = *trainer::find_recipe("moco");
    small.encoder = {4, 3};
    small.projector = {3, 2};
    small.predictor = 2;
    small.find("bank")->value = 20;
    return small;
  }();
  Model<float> model;
  Sgd<float> optimizer{0.9, 1e-3};
  Position position;

  explicit Run(std::uint64_t seed) : model(recipe, 5, seed) {}

  void step(std::uint64_t seed) {
    trainer::Random random(seed, trainer::Stream::view);
    trainer::Matrix<float> a(6, 5);
    trainer::Matrix<float> b(6, 5);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a.data()[i] = static_cast<float>(random.uniform());
      b.data()[i] = static_cast<float>(random.uniform());
    }
    model.accumulate(a, b);
    optimizer.step(model, 0.1);
    model.move_target(0.9);
    ++position.steps;
  }
  std::string file(const std::string& settings = "method=byol batch=6") {
    return trainer::checkpoint_file(settings, position, model, optimizer);
  }
  void restore(const std::string& bytes, const std::string& settings = "method=byol batch=6") {
    trainer::restore({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "file",
                     settings, position, model, optimizer);
  }
};

}  // namespace

TEST_CASE("a run that is restored goes on to the same bits") {
  Run whole(1);
  whole.step(1);
  whole.position.epochs = {{1.5, 0.25, 0.125, 0.5, 3, 7}, {1, 2, 3, 4, 5, 6}};
  whole.position.sums = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  Run restored(2);
  restored.restore(whole.file());
  CHECK(restored.file() == whole.file());
  whole.step(2);
  CHECK(restored.file() != whole.file());
  restored.step(2);
  CHECK(restored.file() == whole.file());
}

TEST_CASE("a checkpoint cut short at any byte, with any byte flipped or one more is refused") {
  Run run(1), other(2);
  run.step(1);
  const std::string file = run.file();
  const std::string before = other.file();
  const auto refused = [&](const std::string& bytes) {
    CHECK_THROWS_AS(other.restore(bytes), trainer::InputError);
  };
  for (std::size_t i = 0; i < file.size(); ++i) {
    refused(file.substr(0, i));
    std::string flipped = file;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x40);
    refused(flipped);
  }
  refused(file + "x");
  CHECK(other.file() == before);
}

TEST_CASE("a checkpoint whose memory bank no run leaves is named, and changes nothing") {
  Run run(1), other(2);
  run.step(1);
  other.step(3);
  const std::string before = other.file();
  const std::string file = run.file();
  // The bank of 20 rows of 2, and its number of rows and next place.
  const std::string name = "loss.memory";
  const std::size_t bank = file.find(name) + name.size() + 8;
  const auto refused = [&](std::size_t row, float first) {
    std::string bytes = file;
    std::memcpy(&bytes[bank + row * 2 * sizeof(float)], &first, sizeof first);
    const std::size_t open = bytes.size() - 4;
    const auto* const start = reinterpret_cast<const Bytef*>(bytes.data());
    const auto checksum = static_cast<std::uint32_t>(crc32(0, start, static_cast<uInt>(open)));
    for (std::size_t i = 0; i < 4; ++i)
      bytes[open + i] = static_cast<char>(checksum >> 8 * i & 0xff);
    const std::string found = tests::message<trainer::InputError>([&] { other.restore(bytes); });
    CHECK(other.file() == before);
    return found;
  };
  const std::string start = "file: the checkpoint cannot be taken: ";
  CHECK(refused(1, 3e19f) ==
        start + "MemoryBank::restore: rows has row 1 of squared length inf, below 1.001 expected");
  CHECK(refused(20, 3) == start + "MemoryBank::restore: next is 12 of 3 rows and a capacity of 20");
  CHECK(refused(20, -1) == start + "its memory bank contradicts itself");
  other.step(4);
  Run same(2);
  same.restore(before);
  same.step(4);
  CHECK(same.file() == other.file());
}

TEST_CASE("a memory bank of one column is kept") {
  const auto narrow = [](std::uint64_t seed) {
    Run run(seed);
    run.recipe.projector = {1};
    run.model = Model<float>(run.recipe, 5, seed);
    return run;
  };
  Run run = narrow(1), other = narrow(2);
  run.step(1);
  run.step(2);
  other.restore(run.file());
  CHECK(other.file() == run.file());
  run.step(3);
  other.step(3);
  CHECK(other.file() == run.file());
}

TEST_CASE("a checkpoint of other settings, or of another shape, is named and changes nothing") {
  Run run(1), other(2);
  run.step(1);
  const std::string before = other.file();
  const auto sentence = [&](const std::string& bytes, const std::string& settings) {
    return tests::message<trainer::InputError>([&] { other.restore(bytes, settings); });
  };
  CHECK(sentence(run.file(), "method=byol batch=8") ==
        "file: the checkpoint was made with batch=6, this run has batch=8");
  CHECK(sentence(run.file("method=byol"), "method=byol batch=8") ==
        "file: the checkpoint was made with fewer settings, this run has batch=8");
  CHECK(sentence("GIF89a", "") == "file: is no checkpoint of selfsup-train");
  CHECK(sentence(run.file("method=\x1b\xff" + std::string(60, 'x')), "method=byol") ==
        "file: the checkpoint was made with method=??" + std::string(51, 'x') +
            "..., this run has method=byol");
  Run wide(1);
  wide.recipe.encoder = {4, 7};
  wide.model = Model<float>(wide.recipe, 5, 1);
  CHECK(sentence(wide.file(), "method=byol batch=6") ==
        "file: the checkpoint has encoder.1.linear.weight of 7x4 where encoder.1.linear.weight of "
        "3x4 was expected");
  CHECK(other.file() == before);
}
