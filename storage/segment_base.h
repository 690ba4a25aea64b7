// What the two readers of segments share: all but how the bytes of a block and of an out-of-line
// value are come by.

#ifndef SIBYL_STORAGE_SEGMENT_BASE_H_
#define SIBYL_STORAGE_SEGMENT_BASE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "storage/block_compression.h"
#include "storage/segment.h"
#include "storage/segment_parts.h"

namespace sibyl::storage {

// Makes handles for the readers.
struct BlockHandleAccess {
  static BlockHandle Make(BlockView view, CachedBlock pin) {
    BlockHandle handle;
    handle.view_ = view;
    handle.pin_ = std::move(pin);
    return handle;
  }
};

class SegmentBase : public Segment {
 public:
  SegmentBase(SegmentFilePtr file, SegmentParts parts);

  Result<std::string_view> ValueAt(const BlockView& block, uint32_t slot,
                                   std::string* scratch) const final;
  Result<uint64_t> RankOfBlock(uint32_t block) const final;
  Status Verify() const final;

 protected:
  // Bytes of the file, as an out-of-line value stands in it, not yet verified: in place, or read into
  // `scratch`.
  virtual Result<std::string_view> ValueBytes(uint64_t offset, uint64_t size_bytes,
                                              std::string* scratch) const = 0;

  // The number of records in `block`, which is not empty.
  virtual Result<uint32_t> RecordsIn(uint32_t block) const = 0;

  const BlockDirectory& directory() const { return *directory_; }

  Error DamagedBlock(uint32_t block, const std::string& what) const;

  // Checks the checksum and the structure of `block`, a plain one.
  Status CheckBlock(std::string_view bytes, uint32_t block) const;

  // The plain form of a compressed block, checked; with a checksum, if it is to be checked again.
  Result<OwnedBytes> Decompress(std::string_view stored, uint32_t block, bool with_checksum) const;

  // Looks for `key` in a block of this segment; kUnknown for an out-of-line value. Inlined: the
  // innermost part of every lookup.
  [[gnu::always_inline]] static InPlace FindInPlace(const BlockView& view, std::string_view key,
                                                    uint16_t fraction) {
    // Decided once: what follows is compiled for plain windows only.
    if (view.packed_windows()) [[unlikely]]
      return FindInPacked(BlockView(view), key, fraction);
    return FindInAny(view, key, fraction);
  }

  // The same, whatever the value.
  Result<LookupOutcome> Find(const BlockView& view, std::string_view key, uint16_t fraction,
                             Value* value) const;

 private:
  [[gnu::always_inline]] static InPlace FindInAny(const BlockView& view, std::string_view key,
                                                  uint16_t fraction) {
    const uint32_t slot = view.Find(key, fraction);
    if (slot == view.record_count()) return {nullptr, 0, LookupOutcome::kAbsent};
    const RecordTag tag = view.TagAt(slot);
    if (tag.type() == RecordType::kTombstone) return {nullptr, 0, LookupOutcome::kTombstone};
    if (tag.out_of_line()) [[unlikely]]
      return {};
    const std::string_view value = view.RawValueAt(slot);
    return {value.data(), static_cast<uint32_t>(value.size()), LookupOutcome::kValue};
  }
  // Out of line, and given a copy, so that the caller keeps its view in registers.
  [[gnu::noinline]] static InPlace FindInPacked(BlockView view, std::string_view key,
                                                uint16_t fraction);

  Result<std::string_view> OutOfLineValue(std::string_view encoded_reference,
                                          std::string* scratch) const;

  const std::unique_ptr<const BlockDirectory> directory_;
  const Section values_;
};

// The two readers. options.cache must outlive the segment.
Result<std::unique_ptr<Segment>> OpenMappedSegment(SegmentFilePtr file, SegmentParts parts,
                                                   const SegmentReadOptions& options);
std::unique_ptr<Segment> OpenPreadSegment(SegmentFilePtr file, SegmentParts parts,
                                          const SegmentReadOptions& options);

// Reads every byte of the file and checks it, the parts given included. Errors: see
// Segment::Verify.
Status VerifySegment(const ReadableFile& file, const Path& path);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_BASE_H_
