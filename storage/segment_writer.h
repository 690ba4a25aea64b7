// Writes one segment file: an immutable, sorted, checksummed run of records in blocks.
//
// The format is in docs/file-format.md. The writer knows nothing of models: its caller says which
// block each record belongs to and hands over the bytes of the model that will find it again.

#ifndef SIBYL_STORAGE_SEGMENT_WRITER_H_
#define SIBYL_STORAGE_SEGMENT_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "storage/file_system.h"

namespace sibyl::storage {

// Reaches the disk: never renumber.
enum class RecordType : uint8_t {
  kValue = 0,
  kTombstone = 1,  // the key was deleted; its value is empty
};

// Values longer than this live outside the blocks, in the segment's value section.
inline constexpr size_t kMaxInlineValueBytes = 64 << 10;

// The bytes a record will take in its block, out-of-line reference included, before anything is
// compressed or packed: the weight to train the model with. (The block's fixed header is not
// counted.)
uint32_t BlockBytesOfRecord(std::string_view key, std::string_view value);

// What a segment says of itself. Kept in the file in extensible form (tag, length, value).
struct SegmentProperties {
  uint64_t records = 0;  // filled by the writer, as are the next six
  uint64_t tombstones = 0;
  uint64_t blocks = 0;  // empty ones included
  uint64_t largest_block_records = 0;
  uint64_t largest_block_bytes = 0;
  std::string smallest_key;
  std::string largest_key;

  uint64_t training_ns = 0;  // by the caller: the processor's time for fitting the models
  uint64_t build_ns = 0;     // by the caller: for the whole of making the segment
  uint64_t fingerprint = 0;  // filled by the writer: XXH3 over all keys, identifies the data set
  std::string model_note;    // by the caller: how the models were chosen, for people

  // Filled by the writer; 0 in files of SegmentFormat::kPlain.
  uint64_t compressed_blocks = 0;
  uint64_t packed_blocks = 0;  // whose windows are packed, compressed ones included
  uint64_t plain_blocks_bytes = 0;  // of all blocks before compression
};

// The version that a file's header names. Reaches the disk.
enum class SegmentFormat : uint32_t {
  kPlain = 1,    // read by every program
  kEncoded = 2,  // blocks and values may be compressed, windows packed
};

struct SegmentFileInfo {
  uint64_t file_bytes = 0;
  SegmentProperties properties;
};

// One thread at a time. Keeps in memory: the block being built, 11 bytes per block, and the values
// that are out of line, since those follow the blocks in the file.
class SegmentWriter {
 public:
  // Called before so many bytes go to the file; an error ends the writing.
  using BeforeWrite = std::function<Status(uint64_t bytes)>;

  // Creates `path`. If the writer is destroyed before Finish succeeded, it removes the file.
  static Result<std::unique_ptr<SegmentWriter>> Create(
      FileSystem& files, const Path& path, BeforeWrite before_write = nullptr,
      SegmentFormat format = SegmentFormat::kPlain);
  virtual ~SegmentWriter() = default;

  // How the blocks that begin from now on are kept, and their large values. At first, as by default.
  // Precondition: in a file of SegmentFormat::kPlain, as by default.
  virtual void UseOptions(const TreeOptions& options) = 0;

  // Where in its block a record is expected of which nothing more is known.
  static constexpr uint16_t kMiddle = 1 << 15;

  // Adds the next record. Keys strictly increase, block numbers never decrease (gaps are empty
  // blocks). `line_fraction` is what lookups of the key will say of its place in the block
  // (storage/block_quartiles.h). The bytes are copied before it returns.
  // Errors: kIo, after which every call fails; kInvalidArgument naming the key that breaks either
  // order, has a tombstone with a value, or is over a limit; nothing is then added.
  virtual Status Add(std::string_view key, std::string_view value, RecordType type, uint32_t block,
                     uint16_t line_fraction) = 0;
  Status Add(std::string_view key, std::string_view value, RecordType type, uint32_t block) {
    return Add(key, value, type, block, kMiddle);
  }

  // Writes the remaining sections and syncs the file (not the directory). `block_count` is greater
  // than every block number added. An empty `filter` is left out of the file.
  // Errors: kIo (disk full included); kInvalidArgument.
  virtual Result<SegmentFileInfo> Finish(uint32_t block_count, std::string_view model,
                                         std::string_view filter,
                                         const SegmentProperties& properties) = 0;

  // The same without a filter.
  Result<SegmentFileInfo> Finish(uint32_t block_count, std::string_view model,
                                 const SegmentProperties& properties) {
    return Finish(block_count, model, {}, properties);
  }
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_WRITER_H_
