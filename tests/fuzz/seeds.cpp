// Writes the files sound-… and damaged-… of the corpus: scripts/check fuzz --seeds.
#include "atomic_file.hpp"
#include "tiny_run.hpp"
#include "trainer/cifar_bytes.hpp"
#include "trainer/foreign_bytes.hpp"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

using tests::Bytes;

namespace {

class Corpus {
 public:
  Corpus(const std::filesystem::path& root, const char* target) : folder_(root / target) {
    std::filesystem::create_directories(folder_);
  }
  void add(const std::string& name, const Bytes& bytes) const {
    trainer::write_atomically((folder_ / name).string(), {bytes.begin(), bytes.end()});
  }

 private:
  std::filesystem::path folder_;
};

Bytes with(Bytes bytes, std::size_t position, std::uint8_t byte) {
  bytes.at(position) = byte;
  return bytes;
}

Bytes cut(Bytes bytes, std::size_t count) {
  bytes.resize(bytes.size() - count);
  return bytes;
}

Bytes longer(Bytes bytes) {
  bytes.push_back(7);
  return bytes;
}

Bytes after(std::uint8_t first, const Bytes& bytes) {
  Bytes result{first};
  result.insert(result.end(), bytes.begin(), bytes.end());
  return result;
}

// Two parts and an empty one, as bgzip ends its files.
Bytes in_members(const Bytes& bytes, std::ptrdiff_t first) {
  const Bytes start(bytes.begin(), bytes.begin() + first), rest(bytes.begin() + first, bytes.end());
  return tests::joined(tests::joined(tests::gzipped(start), tests::gzipped(rest)),
                       tests::gzipped({}));
}

// What often lies where data should, plain and in gzip.
void write_foreign(const Corpus& corpus) {
  const auto add = [&corpus](const std::string& name, const Bytes& bytes) {
    corpus.add("damaged-" + name, bytes);
    corpus.add("damaged-" + name + ".gz", tests::gzipped(bytes));
  };
  add("zip", tests::zip_bytes());
  add("tar", tests::tar_bytes());
  add("lfs", tests::lfs_bytes());
  add("html", tests::html_bytes());
  add("xml", tests::xml_bytes());
}

void write_idx(const Corpus& corpus) {
  const Bytes images = tests::image_bytes(3, 4, 2);
  const Bytes labels = tests::label_bytes(12);
  corpus.add("sound-images", images);
  corpus.add("sound-images.gz", tests::gzipped(images));
  corpus.add("sound-labels", labels);
  corpus.add("sound-labels.gz", tests::gzipped(labels));
  corpus.add("sound-no-label", tests::label_bytes(0));
  corpus.add("damaged-empty", {});
  corpus.add("damaged-magic", with(images, 3, 2));
  corpus.add("damaged-header", cut(images, 30));
  corpus.add("damaged-cut", cut(images, 1));
  corpus.add("damaged-longer", longer(images));
  corpus.add("damaged-no-image", tests::image_bytes(0, 4, 2));
  corpus.add("damaged-no-column", with(images, 15, 0));
  corpus.add("damaged-product", with(with(images, 4, 0x80), 8, 0x80));
  corpus.add("damaged-label", with(labels, 11, 10));
  corpus.add("damaged-count", with(labels, 4, 0xff));
  corpus.add("damaged-cut.gz", cut(tests::gzipped(images), 9));
  corpus.add("damaged-promise.gz", tests::gzipped(with(images, 4, 0xff)));
  corpus.add("damaged-float", with(images, 2, 0x0d));
  corpus.add("damaged-int", with(labels, 2, 0x0c));
  corpus.add("sound-members.gz", in_members(images, 9));
  corpus.add("damaged-members.gz", cut(in_members(images, 9), 1));
  write_foreign(corpus);
}

void write_cifar(const Corpus& corpus) {
  const Bytes batch = tests::cifar_bytes(1, 4);
  const Bytes two = tests::gzipped(tests::cifar_bytes(2, 8));
  corpus.add("sound-batch", batch);
  corpus.add("sound-two.gz", two);
  corpus.add("damaged-empty", {});
  corpus.add("damaged-empty.gz", tests::gzipped({}));
  corpus.add("damaged-label.gz", tests::gzipped(with(batch, 0, 10)));
  corpus.add("damaged-longer.gz", tests::gzipped(longer(batch)));
  corpus.add("damaged-cut.gz", cut(two, 1));
  corpus.add("damaged-after-end.gz", longer(two));
  corpus.add("damaged-checksum.gz", with(two, two.size() - 8, 0));
  corpus.add("sound-members.gz", in_members(batch, 1));
  write_foreign(corpus);
}

void write_gzip(const Corpus& corpus) {
  const Bytes packed = tests::gzipped(tests::label_bytes(40));
  corpus.add("sound-plain", after(2, tests::label_bytes(40)));
  corpus.add("sound-pieces.gz", after(6, packed));
  corpus.add("sound-empty.gz", after(0, tests::gzipped({})));
  corpus.add("sound-expanding.gz", after(255, tests::gzipped(Bytes(100000))));
  corpus.add("damaged-two-bytes", {0, 0x1f, 0x8b});
  corpus.add("damaged-block.gz", after(0, with(packed, 11, 0xff)));
  corpus.add("damaged-checksum.gz", after(0, with(packed, packed.size() - 8, 0)));
  corpus.add("damaged-cut.gz", after(0, cut(packed, 1)));
  corpus.add("damaged-longer.gz", after(0, longer(packed)));
  const Bytes members = in_members(tests::label_bytes(40), 20);
  Bytes padded = members;
  padded.resize(members.size() + 64);
  corpus.add("sound-members.gz", after(6, members));
  corpus.add("sound-padded.gz", after(6, padded));
  corpus.add("damaged-after-padding.gz", after(6, longer(padded)));
  corpus.add("damaged-member.gz", after(6, tests::joined(members, {0x1f, 0x8b, 8})));
}

// With a checksum that holds; `bytes` has none.
Bytes sealed(Bytes bytes) {
  const auto checksum =
      static_cast<std::uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
  for (int shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<std::uint8_t>(checksum >> shift & 0xff));
  }
  return bytes;
}

void write_checkpoint(const Corpus& corpus) {
  const auto bytes = [](fuzz::TinyRun& run) {
    const std::string file = run.file();
    return Bytes(file.begin(), file.end());
  };
  fuzz::TinyRun run(2);
  corpus.add("sound-fresh", bytes(run));
  run.position.epochs = {{1.5, 0.25, 0.125, 0.5, 3, 7}};
  run.position.steps = 5;
  run.position.sums = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  const Bytes sound = bytes(run);
  const Bytes open = cut(sound, 4);
  const std::size_t epochs = 8 + 4 + 4 + run.settings.size();
  corpus.add("sound-epoch", sound);
  corpus.add("damaged-empty", {});
  corpus.add("damaged-magic", sealed(with(open, 0, 'S')));
  corpus.add("damaged-version", sealed(with(open, 8, 2)));
  corpus.add("damaged-settings", sealed(with(open, 16, 'n')));
  corpus.add("damaged-setting-line", sealed(with(open, 18, 0x7f)));
  corpus.add("damaged-matrix-line", sealed(with(open, open.size() - 20, '\n')));
  corpus.add("damaged-epochs", sealed(with(open, epochs + 7, 0xff)));
  corpus.add("damaged-cut", sealed(cut(open, 1)));
  corpus.add("damaged-longer", sealed(longer(open)));
  write_foreign(corpus);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path root = argv[1];
  write_idx({root, "idx"});
  write_cifar({root, "cifar"});
  write_gzip({root, "gzip"});
  write_checkpoint({root, "checkpoint"});
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "seeds: %s\n", error.what());
  return 1;
}
