// The frame of a serialized index: what it is, its version, the body, a checksum over all of it.

#ifndef SIBYL_INDEX_FRAME_H_
#define SIBYL_INDEX_FRAME_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"

namespace sibyl::index {

struct FrameKind {
  std::string_view magic;  // eight bytes
  uint32_t version;        // the newest, and the one that is written
  const char* name;        // in messages, for example "string index"

  Error Corrupt(const std::string& what) const {
    return {ErrorCode::kCorruption, std::string(name) + ": " + what};
  }
};

// Appends the head; returns where the frame begins. The body follows, then FinishFrame.
size_t BeginFrame(const FrameKind& kind, std::string* out);
void FinishFrame(size_t begin, std::string* out);

// The body of a frame. Errors: kCorruption for another magic, a length or checksum that does not
// fit; kNotSupported for a newer version.
Result<base::Decoder> OpenFrame(const FrameKind& kind, std::string_view bytes);

// Tells arrays apart with certainty if their sizes, ends or sampled keys differ, else not.
uint64_t FingerprintOf(std::span<const uint64_t> keys);
uint64_t FingerprintOf(std::span<const std::string_view> keys);

// kInvalidArgument: an index `name` over `indexed_keys` keys was given another array.
Error BuiltOverAnotherArray(const char* name, uint64_t indexed_keys, uint64_t given_keys);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_FRAME_H_
