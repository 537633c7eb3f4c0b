#include "catch.hpp"
#include "checkpoint.hpp"
#include "cifar.hpp"
#include "cifar_bytes.hpp"
#include "errors.hpp"
#include "foreign_bytes.hpp"
#include "fuzz/tiny_run.hpp"
#include "idx.hpp"
#include "message.hpp"

#include <string>

using tests::Bytes;
using trainer::InputError;

namespace {

std::string image_error(const Bytes& bytes) {
  return tests::message<InputError>([&] { trainer::parse_images(tests::view(bytes), "file"); });
}
std::string label_error(const Bytes& bytes) {
  return tests::message<InputError>([&] { trainer::parse_labels(tests::view(bytes), "file", 10); });
}
std::string batch_error(const Bytes& bytes, std::size_t classes = 10) {
  return tests::message<InputError>(
      [&] { trainer::parse_cifar(tests::view(bytes), "file", classes); });
}
std::string checkpoint_error(const Bytes& bytes) {
  fuzz::TinyRun run(1);
  return tests::message<InputError>([&] { run.restore(tests::view(bytes), "file"); });
}

void check_named(const Bytes& plain, const std::string& kind) {
  for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
    CHECK(image_error(bytes) == "file: holds " + kind + ", IDX images were expected");
    CHECK(label_error(bytes) == "file: holds " + kind + ", IDX labels were expected");
    CHECK(batch_error(bytes) == "file: holds " + kind + ", a batch of CIFAR-10 was expected");
    CHECK(checkpoint_error(bytes) ==
          "file: holds " + kind + ", a checkpoint of selfsup-train was expected");
  }
}

}  // namespace

TEST_CASE("an archive, a pointer or a page in place of data is named") {
  check_named(tests::zip_bytes(), "a zip archive");
  check_named(tests::tar_bytes(), "a tar archive");
  check_named(tests::lfs_bytes(), "a Git LFS pointer");
  check_named(tests::html_bytes(), "an HTML page");
  check_named(tests::text_bytes("<html>"), "an HTML page");
  check_named(tests::xml_bytes(), "an XML document");
}

TEST_CASE("sound data that begins like an archive is taken") {
  Bytes bytes = tests::cifar_bytes(1, 'P');
  bytes[1] = 'K';
  bytes[2] = 3;
  bytes[3] = 4;
  CHECK(batch_error(bytes, 100) == "nothing thrown");
  CHECK(batch_error(tests::gzipped(bytes), 100) == "nothing thrown");
  CHECK(batch_error(bytes) == "file: holds a zip archive, a batch of CIFAR-10 was expected");
}

TEST_CASE("what is none of these is refused in its own words") {
  CHECK(image_error(tests::text_bytes("GIF89a")) ==
        "file: magic number 0x47494638, 0x00000803 (IDX images) was expected");
  CHECK(checkpoint_error(tests::text_bytes("<")) == "file: is no checkpoint of selfsup-train");
  CHECK(checkpoint_error({}) == "file: is no checkpoint of selfsup-train");
  const Bytes page = tests::gzipped(tests::html_bytes());
  CHECK(image_error(Bytes(page.begin(), page.begin() + 10)) ==
        "file: truncated gzip data, it ends after 0 bytes, 4 were expected");
}
