#include "bench/data/key_files.h"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>

#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::bench {
namespace {

Result<std::string> ReadRaw(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Error{ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno)};
  std::string bytes(static_cast<size_t>(file.tellg()), '\0');
  file.seekg(0);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    return Error{ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno)};
  }
  return bytes;
}

Result<std::string> Decompress(const std::string& path, const std::string& compressed) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                        ZSTD_freeDStream);
  std::string bytes;
  std::string chunk(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
  size_t expected = 1;  // of the frame's bytes; 0 after its last
  while (in.pos < in.size) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    expected = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(expected) != 0) {
      return Error{ErrorCode::kCorruption, path + ": " + ZSTD_getErrorName(expected)};
    }
    bytes.append(chunk, 0, out.pos);
  }
  if (expected != 0) return Error{ErrorCode::kCorruption, path + ": compressed data is cut off"};
  return bytes;
}

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(std::string bytes, ReadRaw(path));
  if (path.ends_with(".zst")) return Decompress(path, bytes);
  return bytes;
}

bool LooksLikeSosd(const std::string& bytes) {
  return bytes.size() >= 8 && bytes.size() % 8 == 0 &&
         base::Load64(bytes.data()) == bytes.size() / 8 - 1;
}

Result<std::vector<uint64_t>> ReadSosd(const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path));
  if (!LooksLikeSosd(bytes)) {
    return Error{ErrorCode::kCorruption, path + ": " + std::to_string(bytes.size()) +
                                             " bytes do not match the count in its first eight"};
  }
  std::vector<uint64_t> keys(bytes.size() / 8 - 1);
  if (!keys.empty()) std::memcpy(keys.data(), bytes.data() + 8, keys.size() * 8);
  const auto unsorted = std::is_sorted_until(keys.begin(), keys.end());
  if (unsorted != keys.end()) {
    return Error{ErrorCode::kCorruption,
                 path + ": not sorted at key " + std::to_string(unsorted - keys.begin())};
  }
  return keys;
}

Result<std::vector<std::string>> ReadLines(const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path));
  std::vector<std::string> lines;
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

}  // namespace sibyl::bench
