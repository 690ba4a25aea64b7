#include <algorithm>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "storage/segment_base.h"

namespace sibyl::storage {
namespace {

// Walks through all blocks and recomputes what the other sections say of them.
class SegmentVerifier {
 public:
  SegmentVerifier(const ReadableFile& file, const SegmentProperties& said, const SegmentParts& parts)
      : file_(file), said_(said), parts_(parts) {}

  Status Run() {
    const BlockDirectory& directory = *parts_.directory;
    for (uint32_t block = 0; block <= directory.block_count(); ++block) {
      if (block % BlockDirectory::kGroupBlocks == 0 &&
          directory.RankOfGroup(block) != found_.records) {
        return Damaged("the rank of block " + std::to_string(block) + " is not the number of " +
                       "records before it");
      }
      if (block < directory.block_count()) SIBYL_RETURN_IF_ERROR(CheckBlock(block));
    }
    if (values_bytes_ != parts_.values.size_bytes) {
      return Damaged("the values are not as long as their section");
    }
    SIBYL_RETURN_IF_ERROR(CheckValuePadding());
    return CompareProperties();
  }

 private:
  static Error Damaged(std::string what) { return {ErrorCode::kCorruption, std::move(what)}; }

  Status CheckBlock(uint32_t block) {
    const uint64_t offset = parts_.directory->Offset(block);
    bytes_.resize(parts_.directory->Offset(block + 1) - offset);
    if (bytes_.empty()) return Ok();
    SIBYL_RETURN_IF_ERROR(file_.Read(offset, bytes_.size(), bytes_.data()));
    const std::string place =
        "block " + std::to_string(block) + " at offset " + std::to_string(offset) + ": ";
    if (!BlockChecksumMatches(bytes_, block)) return Damaged(place + "checksum mismatch");
    SIBYL_ASSIGN_OR_RETURN(const std::string_view plain, PlainForm(place));
    const auto view = BlockView::Parse(plain);
    if (!view) return Damaged(place + view.error().message);
    for (uint32_t slot = 0; slot < view->record_count(); ++slot) {
      const Status checked = CheckRecord(view.value(), slot);
      if (!checked) return Error{checked.error().code, place + checked.error().message};
    }
    found_.largest_block_records =
        std::max<uint64_t>(found_.largest_block_records, view->record_count());
    found_.largest_block_bytes = std::max<uint64_t>(found_.largest_block_bytes, bytes_.size());
    return Ok();
  }

  // Of the block in bytes_, counted on the way.
  Result<std::string_view> PlainForm(const std::string& place) {
    std::string_view plain = bytes_;
    if (IsCompressedBlock(bytes_)) {
      auto decompressed = DecompressBlock(bytes_);
      if (!decompressed) return Damaged(place + decompressed.error().message);
      decompressed_ = std::move(*decompressed);
      plain = decompressed_.view();
      ++found_.compressed_blocks;
    }
    if (plain.size() >= kBlockHeaderBytes && HasPackedWindows(plain)) ++found_.packed_blocks;
    found_.plain_blocks_bytes += plain.size();
    return plain;
  }

  Status CheckRecord(const BlockView& view, uint32_t slot) {
    view.KeyAt(slot, &key_);
    if (found_.records == 0) {
      found_.smallest_key = key_;
    } else if (key_ <= found_.largest_key) {
      return Damaged("key " + base::Quoted(key_) + " follows " + base::Quoted(found_.largest_key));
    }
    found_.largest_key = key_;
    found_.fingerprint = base::Checksum(key_, found_.fingerprint);
    ++found_.records;
    if (view.TypeAt(slot) == RecordType::kTombstone) ++found_.tombstones;
    return view.ValueIsOutOfLine(slot) ? CheckValue(view.RawValueAt(slot)) : Ok();
  }

  // Values lie in the order of their keys, without gaps.
  Status CheckValue(std::string_view encoded_reference) {
    const auto reference = ValueReference::Decode(encoded_reference);
    if (reference.offset != values_bytes_ ||
        reference.stored_bytes > parts_.values.size_bytes - values_bytes_) {
      return Damaged("the value of key " + base::Quoted(key_) + " is out of place");
    }
    values_bytes_ += reference.stored_bytes;
    value_.resize(reference.stored_bytes);
    SIBYL_RETURN_IF_ERROR(
        file_.Read(parts_.values.offset + reference.offset, value_.size(), value_.data()));
    if (base::Checksum(value_) != reference.checksum) {
      return Damaged("checksum mismatch in the value of key " + base::Quoted(key_));
    }
    std::string plain;
    if (reference.method != Compression::kNone && !DecompressValue(reference, value_, &plain)) {
      return Damaged("the value of key " + base::Quoted(key_) + " does not decompress");
    }
    return Ok();
  }

  // The zeros between the last value and the next section.
  Status CheckValuePadding() {
    const uint64_t end = parts_.values.offset + values_bytes_;
    bytes_.resize(RoundUpToAlignment(end) - end);
    SIBYL_RETURN_IF_ERROR(file_.Read(end, bytes_.size(), bytes_.data()));
    if (bytes_.find_first_not_of('\0') != std::string::npos) {
      return Damaged("bytes after the last value at offset " + std::to_string(end));
    }
    return Ok();
  }

  Status CompareProperties() {
    if (found_.records != said_.records || found_.tombstones != said_.tombstones ||
        found_.largest_block_records != said_.largest_block_records ||
        found_.largest_block_bytes != said_.largest_block_bytes ||
        found_.smallest_key != said_.smallest_key || found_.largest_key != said_.largest_key ||
        found_.fingerprint != said_.fingerprint || !FormsAreAsSaid()) {
      return Damaged("the properties are not those of the records");
    }
    return Ok();
  }

  // Files of version 1 do not say the bytes of their blocks: those are their section.
  bool FormsAreAsSaid() const {
    return found_.compressed_blocks == said_.compressed_blocks &&
           found_.packed_blocks == said_.packed_blocks &&
           (said_.plain_blocks_bytes == 0 || found_.plain_blocks_bytes == said_.plain_blocks_bytes);
  }

  const ReadableFile& file_;
  const SegmentProperties& said_;
  const SegmentParts& parts_;
  SegmentProperties found_;  // of the records so far
  uint64_t values_bytes_ = 0;
  std::string bytes_;
  OwnedBytes decompressed_;
  std::string key_;
  std::string value_;
};

}  // namespace

Status VerifySegment(const ReadableFile& file, const Path& path) {
  SIBYL_ASSIGN_OR_RETURN(const SegmentOutline outline, ReadSegmentOutline(file, path));
  SIBYL_ASSIGN_OR_RETURN(const SegmentParts parts, ReadSegmentParts(file, path, outline));
  Status verified = SegmentVerifier(file, outline.properties, parts).Run();
  if (!verified) return InFile(path, std::move(verified).error());
  return verified;
}

}  // namespace sibyl::storage
