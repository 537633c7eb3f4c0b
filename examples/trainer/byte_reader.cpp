#include "byte_reader.hpp"

#include "errors.hpp"

#include "selfsup/io/file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace trainer {
namespace {

// zlib counts in 32 bits. The largest set in this format (EMNIST) has half a gigabyte.
constexpr std::size_t largest_file = std::numeric_limits<std::uint32_t>::max();

// A deflate stream expands by less than this (zlib's documentation: 1032 to 1).
constexpr std::size_t largest_expansion = 1032;

bool is_gzip(ByteView bytes) {
  return bytes.size >= 2 && bytes.data[0] == 0x1f && bytes.data[1] == 0x8b;
}

[[noreturn]] void fail(const std::string& name, const std::string& what) {
  throw InputError(name + ": " + what);
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path) {
  std::vector<std::uint8_t> bytes;
  const std::string wrong = selfsup::take_file(path, largest_file, bytes);
  if (!wrong.empty()) fail(path, wrong);
  return bytes;
}

struct ByteReader::Inflater {
  z_stream stream{};
  bool ended = false;  // with its last member

  Inflater(ByteView bytes, const std::string& name) {
    constexpr int gzip_only = 16;
    stream.next_in = const_cast<Bytef*>(bytes.data);  // zlib's interface predates const
    stream.avail_in = static_cast<uInt>(bytes.size);
    if (inflateInit2(&stream, gzip_only + MAX_WBITS) != Z_OK) fail(name, "zlib cannot be started");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }

  // After a member (RFC 1952, section 2.2): begins the next one, or ends where none follows. Zeros
  // to the end of the file are padding, as in gzip(1).
  void next_member() {
    if (is_gzip({stream.next_in, stream.avail_in})) {
      inflateReset(&stream);
      return;
    }
    ended = true;
    const auto is_zero = [](Bytef byte) { return byte == 0; };
    if (std::all_of(stream.next_in, stream.next_in + stream.avail_in, is_zero)) stream.avail_in = 0;
  }
};

ByteReader::ByteReader(ByteView bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {
  if (bytes.size > largest_file) fail(name_, "is too large");
  if (is_gzip(bytes)) inflater_ = std::make_unique<Inflater>(bytes, name_);
}

ByteReader::~ByteReader() = default;

std::size_t ByteReader::most_left() const {
  if (!inflater_) return bytes_.size - position_;
  return bytes_.size * largest_expansion - std::min(position_, bytes_.size * largest_expansion);
}

std::size_t ByteReader::inflate_some(std::uint8_t* out, std::size_t count) {
  z_stream& stream = inflater_->stream;
  std::size_t done = 0;
  while (done < count && !inflater_->ended) {
    const std::size_t piece = std::min(count - done, std::size_t{1} << 30);
    stream.next_out = out + done;
    stream.avail_out = static_cast<uInt>(piece);
    const int status = inflate(&stream, Z_NO_FLUSH);
    done += piece - stream.avail_out;
    if (status == Z_STREAM_END) inflater_->next_member();
    if (status == Z_OK || status == Z_STREAM_END) continue;
    if (status == Z_BUF_ERROR) break;  // the input is used up
    fail(name_, std::string("damaged gzip data after ") + std::to_string(position_ + done) +
                    " bytes (" + (stream.msg != nullptr ? stream.msg : "zlib error") + ")");
  }
  return done;
}

void ByteReader::read(std::uint8_t* out, std::size_t count) {
  std::size_t got = 0;
  if (inflater_) {
    got = inflate_some(out, count);
  } else {
    got = std::min(count, bytes_.size - position_);
    if (got > 0) std::memcpy(out, bytes_.data + position_, got);
  }
  position_ += got;
  if (got == count) return;
  const bool cut = inflater_ && !inflater_->ended;
  fail(name_, std::string(cut ? "truncated gzip data, it ends" : "ends") + " after " +
                  std::to_string(position_) + " bytes, " + std::to_string(position_ - got + count) +
                  " were expected");
}

std::vector<std::uint8_t> ByteReader::rest() {
  std::vector<std::uint8_t> content;
  if (!inflater_) {
    content.assign(bytes_.data + position_, bytes_.data + bytes_.size);
    position_ = bytes_.size;
    return content;
  }
  std::size_t done = 0;
  while (!inflater_->ended) {
    if (done > largest_file) fail(name_, "is too large");
    content.resize(std::max(2 * done, std::size_t{1} << 16));
    const std::size_t got = inflate_some(content.data() + done, content.size() - done);
    done += got;
    position_ += got;
    if (done == content.size() || inflater_->ended) continue;
    fail(name_,
         "truncated gzip data, its end was expected after " + std::to_string(position_) + " bytes");
  }
  if (inflater_->stream.avail_in > 0) {
    fail(name_, std::to_string(inflater_->stream.avail_in) +
                    " bytes follow where the gzip data was expected to end the file");
  }
  content.resize(done);
  return content;
}

void ByteReader::expect_end() {
  std::size_t excess = 0;
  if (inflater_) {
    std::uint8_t extra = 0;
    excess = inflate_some(&extra, 1);  // also reads the trailer, where zlib checks the checksum
    if (excess == 0 && !inflater_->ended) {
      fail(name_, "truncated gzip data, its last bytes (checksum and length) are missing");
    }
    excess += inflater_->stream.avail_in;
  } else {
    excess = bytes_.size - position_;
  }
  if (excess > 0) {
    fail(name_,
         "more bytes follow after the " + std::to_string(position_) + " that the header promises");
  }
}

}  // namespace trainer
