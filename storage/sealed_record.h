// A small record in a file or in the log's catalogue: magic, version, content, checksum.

#ifndef SIBYL_STORAGE_SEALED_RECORD_H_
#define SIBYL_STORAGE_SEALED_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"

namespace sibyl::storage {

// What one kind of sealed record begins with.
struct SealedKind {
  std::string_view name;   // in messages: "manifest"
  std::string_view magic;  // 8 bytes
  uint32_t version;        // the newest that this program knows, and the one it writes; from 1
};

// The beginning of a record, for the content to be appended to; then Seal appends the checksum.
std::string BeginSealed(const SealedKind& kind);
void Seal(std::string* record);

struct Unsealed {
  uint32_t version = 0;  // 1 to the kind's
  base::Decoder content;
};

// Checks magic, checksum and version. The decoder reads from `record`.
// Errors: kCorruption; kNotSupported for a newer version.
Result<Unsealed> Unseal(const SealedKind& kind, std::string_view record);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEALED_RECORD_H_
