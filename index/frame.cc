#include "index/frame.h"

#include "base/checksum.h"

namespace sibyl::index {
namespace {

constexpr size_t kChecksumBytes = 8;

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

}  // namespace sibyl::index
