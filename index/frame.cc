#include "index/frame.h"

#include <algorithm>

#include "base/checksum.h"

namespace sibyl::index {
namespace {

constexpr size_t kChecksumBytes = 8;

void PutKey(std::string* sample, uint64_t key) { base::Put64(sample, key); }
void PutKey(std::string* sample, std::string_view key) { base::PutString(sample, key); }

template <typename Key>
uint64_t Fingerprint(std::span<const Key> keys) {
  constexpr size_t kSamples = 1024;
  std::string sample;
  const size_t step = std::max<size_t>(1, keys.size() / kSamples);
  for (size_t i = 0; i < keys.size(); i += step) PutKey(&sample, keys[i]);
  if (!keys.empty()) PutKey(&sample, keys.back());
  return base::Checksum(sample, keys.size());
}

}  // namespace

size_t BeginFrame(const FrameKind& kind, std::string* out) {
  const size_t begin = out->size();
  out->append(kind.magic);
  base::Put32(out, kind.version);
  return begin;
}

void FinishFrame(size_t begin, std::string* out) {
  base::Put64(out, base::Checksum(std::string_view(*out).substr(begin)));
}

Result<base::Decoder> OpenFrame(const FrameKind& kind, std::string_view bytes) {
  if (bytes.size() < kind.magic.size() + sizeof(uint32_t) + kChecksumBytes) {
    return kind.Corrupt("truncated");
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  base::Decoder decoder(body);
  if (decoder.GetBytes(kind.magic.size()) != kind.magic) return kind.Corrupt("bad magic");
  // Before the checksum: a newer version may have its checksum elsewhere.
  const uint32_t version = decoder.Get32();
  if (version > kind.version) {
    return Error{ErrorCode::kNotSupported, std::string(kind.name) + ": version " +
                                               std::to_string(version) +
                                               " is newer than this library"};
  }
  if (base::Checksum(body) != base::Load64(bytes.data() + body.size())) {
    return kind.Corrupt("the checksum does not match");
  }
  if (version != kind.version) return kind.Corrupt("unknown version");
  return decoder;
}

uint64_t FingerprintOf(std::span<const uint64_t> keys) { return Fingerprint(keys); }
uint64_t FingerprintOf(std::span<const std::string_view> keys) { return Fingerprint(keys); }

Error BuiltOverAnotherArray(const char* name, uint64_t indexed_keys, uint64_t given_keys) {
  return {ErrorCode::kInvalidArgument, std::string(name) + ": built over another array, of " +
                                           std::to_string(indexed_keys) + " keys; this one has " +
                                           std::to_string(given_keys)};
}

}  // namespace sibyl::index
