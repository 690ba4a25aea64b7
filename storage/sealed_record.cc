#include "storage/sealed_record.h"

#include "base/checksum.h"

namespace sibyl::storage {

std::string BeginSealed(const SealedKind& kind) {
  std::string record(kind.magic);
  base::Put32(&record, kind.version);
  return record;
}

void Seal(std::string* record) { base::Put64(record, base::Checksum(*record)); }

Result<Unsealed> Unseal(const SealedKind& kind, std::string_view record) {
  constexpr size_t kVersionBytes = 4;
  constexpr size_t kChecksumBytes = 8;
  const auto damaged = [&](const std::string& what) {
    return Error{ErrorCode::kCorruption, std::string(kind.name) + ": " + what};
  };
  if (record.size() < kind.magic.size() + kVersionBytes + kChecksumBytes ||
      !record.starts_with(kind.magic)) {
    return damaged("it does not begin with \"" + std::string(kind.magic) + "\"");
  }
  const std::string_view checked = record.substr(0, record.size() - kChecksumBytes);
  if (base::Load64(record.data() + checked.size()) != base::Checksum(checked)) {
    return damaged("checksum mismatch");
  }
  base::Decoder content(checked.substr(kind.magic.size()));
  const uint32_t version = content.Get32();
  if (version > kind.version) {
    return Error{ErrorCode::kNotSupported, std::string(kind.name) + " version " +
                                               std::to_string(version) +
                                               " is newer than this program, which knows version " +
                                               std::to_string(kind.version)};
  }
  if (version == 0) return damaged("malformed");
  return Unsealed{version, content};
}

}  // namespace sibyl::storage
