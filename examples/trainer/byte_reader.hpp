// Reads plain or gzip bytes in order, and never more than asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace trainer {

/// Bytes that somebody else owns.
struct ByteView {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

/// All bytes of a regular file. Anything else is an InputError that names the path.
std::vector<std::uint8_t> read_file(const std::string& path);

/// Hands out the content of `bytes`, decompressed where it starts like gzip; of several members,
/// one after the other (pigz, bgzip, files put together). Errors are InputErrors that begin with
/// `name`.
class ByteReader {
 public:
  ByteReader(ByteView bytes, std::string name);
  ~ByteReader();

  const std::string& name() const { return name_; }
  /// No more bytes than this can follow: check a promised size against it before allocating.
  std::size_t most_left() const;
  /// Writes the next `count` bytes to out; fewer left is an error.
  void read(std::uint8_t* out, std::size_t count);
  /// All that is left. For gzip, checks length and checksum too.
  std::vector<std::uint8_t> rest();
  /// Anything left is an error. For gzip, checks length and checksum too.
  void expect_end();

 private:
  struct Inflater;

  std::size_t inflate_some(std::uint8_t* out, std::size_t count);

  ByteView bytes_;
  std::string name_;
  std::size_t position_ = 0;            // of the content handed out
  std::unique_ptr<Inflater> inflater_;  // none for plain bytes
};

}  // namespace trainer
