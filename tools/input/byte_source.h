// Where loaded bytes come from: a file or standard input, plain or compressed with Zstandard.

#ifndef SIBYL_TOOLS_INPUT_BYTE_SOURCE_H_
#define SIBYL_TOOLS_INPUT_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "sibyl/result.h"

namespace sibyl::tools {

// Reads from front to back. One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Fills the front of `buffer` and returns how many bytes; 0 only at the end.
  // Errors: kIo; kCorruption for broken compressed input; both name the file and the offset.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;

  // Bytes of the underlying file consumed so far, and its size if it has one: for progress.
  virtual uint64_t consumed_bytes() const = 0;
  virtual std::optional<uint64_t> size_bytes() const = 0;

  // The name for messages.
  virtual const std::string& name() const = 0;
};

// Opens a file, or standard input where `path` is "-". Input that begins with the Zstandard magic
// number is decompressed on the way. Errors: kIo.
Result<std::unique_ptr<ByteSource>> OpenInput(const std::string& path);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_INPUT_BYTE_SOURCE_H_
