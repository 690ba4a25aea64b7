// An open segment file: reads blocks, finds records in them.
//
// The caller predicts the block with the segment's model (opaque bytes to this folder); the
// segment reads the block, verifies it and searches it. Two readers stand behind the one
// interface: a mapping of the file, and pread with a block cache.

#ifndef SIBYL_STORAGE_SEGMENT_H_
#define SIBYL_STORAGE_SEGMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sibyl/result.h"
#include "sibyl/value.h"
#include "storage/block.h"
#include "storage/block_cache.h"
#include "storage/block_quartiles.h"
#include "storage/file_system.h"
#include "storage/segment_file.h"
#include "storage/segment_writer.h"

namespace sibyl::storage {

struct SegmentReadOptions {
  // For the blocks that are read with pread, and for the plain form of compressed ones. Null:
  // compressed blocks are decompressed again for every read. Outlives the segment.
  BlockCache* cache = nullptr;
  bool pread = false;  // by pread through the cache, which is there then; else by mapping
  bool verify_every_read = false;  // checksum blocks on every read, not only the first
};

// What a point lookup in one segment ended with. Only lookups in place end with kUnknown: they
// leave the question to Segment::Lookup.
enum class LookupOutcome : uint8_t { kAbsent, kValue, kTombstone, kUnknown };

// Keeps the bytes of a block in place while it lives. Movable.
class BlockHandle {
 public:
  BlockHandle() = default;
  const BlockView& view() const { return view_; }

  // Whether the bytes live as long as the segment.
  bool in_place() const { return pin_.empty(); }

 private:
  friend class Segment;
  friend struct BlockHandleAccess;
  BlockView view_;
  CachedBlock pin_;  // empty for what lies in a mapping
};

// Immutable and thread-safe. Errors of every read: kCorruption naming file, block and offset; kIo.
class Segment {
 public:
  // Opens and verifies everything but the blocks: header, footer, section table, and the checksum
  // of each resident section. Errors: kCorruption naming what is wrong; kNotSupported for a newer
  // format version; kIo.
  static Result<std::unique_ptr<Segment>> Open(FileSystem& files, const Path& path,
                                               const SegmentReadOptions& options);
  // The same for a file that is open: what its opening has not verified.
  static Result<std::unique_ptr<Segment>> Open(SegmentFilePtr file,
                                               const SegmentReadOptions& options);
  virtual ~Segment() = default;

  const Path& path() const { return file_->path(); }
  uint64_t file_bytes() const { return file_->file_bytes(); }
  const SegmentProperties& properties() const { return file_->properties(); }
  std::string_view model() const { return model_; }  // the bytes given to SegmentWriter::Finish

  // The bytes of the filter given there, empty if there was none. They are handed over, not kept.
  std::string TakeFilter() { return std::move(filter_); }

  uint32_t block_count() const { return block_count_; }

  // Bytes of block offsets, rank samples and quartiles kept resident.
  uint64_t resident_bytes() const { return resident_bytes_; }

  // How far through the records of `block` a key is expected that the model sees `line_fraction`
  // through the block, in 1/65536: where to start searching.
  uint16_t RecordFraction(uint32_t block, uint16_t line_fraction) const {
    return block < block_count_ ? quartiles_.RecordFraction(block, line_fraction) : line_fraction;
  }

  // Adds the places in memory, beside the block's own, that each lookup reads: who chooses among
  // many segments asks for all of them at once, instead of one after the other. This, hints and
  // lookups in place are for a reader with a mapping: others add nothing, do nothing and do not
  // know.
  virtual void AddHotPlaces(std::vector<const void*>*) const {}

  // Looks for `key` in `block`, where the model sees it `line_fraction` through; fills `value` when
  // the outcome is kValue. Here and below, a block past the last is an empty one. Never kUnknown.
  virtual Result<LookupOutcome> Lookup(std::string_view key, uint32_t block, uint16_t line_fraction,
                                       Value* value) const = 0;

  // What a lookup without errors, copies and allocations found. In 16 bytes, which functions return
  // in registers.
  struct InPlace {
    const char* value = nullptr;  // of kValue; in place as long as the segment lives
    uint32_t value_bytes = 0;
    LookupOutcome outcome = LookupOutcome::kUnknown;

    std::string_view value_view() const { return {value, value_bytes}; }
  };

  // The same lookup where it needs no copy and cannot fail: kUnknown for a block not verified yet,
  // an out-of-line value, a reader without a mapping.
  virtual InPlace LookupInPlace(std::string_view /*key*/, uint32_t /*block*/,
                                uint16_t /*line_fraction*/) const {
    return {};
  }

  // A batch of lookups in three passes, each of which finds its bytes in the processor's cache if
  // the one before has run for the whole batch. The first two are hints that a search will follow:
  // they ask for the block's offset, then for the lines where the search begins. The third
  // searches, and asks for the value's lines without waiting for them.
  virtual void PrefetchOffset(uint32_t /*block*/) const {}
  virtual void PrefetchBlock(uint32_t /*block*/, uint16_t /*line_fraction*/) const {}
  // The second pass for a single lookup, which asks for where it expects the value, too.
  virtual void PrefetchRecord(uint32_t /*block*/, uint16_t /*line_fraction*/) const {}
  // A hint that the records of `block` are to be walked from there on: asks for all lines but those
  // that stream in by themselves once the first are read. 0: from its beginning.
  virtual void PrefetchWalk(uint32_t /*block*/, uint16_t /*line_fraction*/) const {}
  virtual InPlace LookupPrefetched(std::string_view /*key*/, uint32_t /*block*/,
                                   uint16_t /*line_fraction*/) const {
    return {};
  }

  // Reads a whole block, for iteration. An empty block gives an empty view.
  virtual Result<BlockHandle> ReadBlock(uint32_t block) const = 0;

  // The value at `slot` of a block of this segment; out-of-line values are read (and their
  // checksum verified) into `scratch`, others are returned in place.
  virtual Result<std::string_view> ValueAt(const BlockView& block, uint32_t slot,
                                           std::string* scratch) const = 0;

  // The number of records in the blocks before `block` (0 <= block <= block_count()): exact, at
  // most 64 block headers are looked at.
  virtual Result<uint64_t> RankOfBlock(uint32_t block) const = 0;

  // Reads everything again from the file and checks every checksum, the structure of every block,
  // the order of the keys, and the counts in the properties. Errors: the first damage found.
  virtual Status Verify() const = 0;

 protected:
  explicit Segment(SegmentFilePtr file) : file_(std::move(file)) {}
  const ReadableFile& bytes() const { return file_->bytes(); }

  std::string model_;
  std::string filter_;
  BlockQuartiles quartiles_;
  uint32_t block_count_ = 0;
  uint64_t resident_bytes_ = 0;

 private:
  const SegmentFilePtr file_;
};

// Stands for the segment of a file whose index is damaged: every read of a record is `error`.
std::unique_ptr<Segment> MakeUnreadableSegment(SegmentFilePtr file, Error error);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_H_
