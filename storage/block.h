// A block: the unit of reading and of checksumming, some 4 KiB of records in columns.
//
// Columns: the 8-byte windows of the keys after the prefix that all keys of the block share, as
// native integers for SIMD comparison; tags; key remainders; values. Byte by byte in
// docs/file-format.md, "Block".

#ifndef SIBYL_STORAGE_BLOCK_H_
#define SIBYL_STORAGE_BLOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "storage/segment_writer.h"

namespace sibyl::storage {

// The bytes of one verified block, not owned. A default-constructed view is an empty block.
// Trusts its bytes: Parse is the border where they are checked.
class BlockView {
 public:
  BlockView() = default;

  // Checks the structure of `bytes` (counts and offsets within bounds), not the checksum.
  static Result<BlockView> Parse(std::string_view bytes);

  // As Parse for bytes that Parse accepted before: no checks.
  static BlockView ParseTrusted(std::string_view bytes);

  uint32_t record_count() const;

  // The first slot whose key is >= `key`, record_count() if none; `fraction` (in 1/65536 of the
  // block) is where the search starts, a hint that affects speed only.
  uint32_t LowerBound(std::string_view key, uint16_t fraction) const;

  // The slot that holds exactly `key`.
  std::optional<uint32_t> Find(std::string_view key, uint16_t fraction) const;

  RecordType TypeAt(uint32_t slot) const;

  // Writes the whole key at `slot` to `key`, replacing its content.
  void KeyAt(uint32_t slot, std::string* key) const;

  // The value of `slot`, or, if the value is out of line, the reference to it.
  bool ValueIsOutOfLine(uint32_t slot) const;
  std::string_view RawValueAt(uint32_t slot) const;

 private:
  friend class BlockBuilder;
  const char* windows_ = nullptr;  // further members are up to the implementation
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_H_
