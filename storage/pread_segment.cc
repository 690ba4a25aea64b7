// Reads segments block by block, each with one contiguous read of the file, into a block cache.

#include <functional>

#include "base/status_macros.h"
#include "storage/segment_base.h"

namespace sibyl::storage {
namespace {

class PreadSegment final : public SegmentBase {
 public:
  PreadSegment(SegmentFilePtr file, SegmentParts parts, const SegmentReadOptions& options)
      : SegmentBase(std::move(file), std::move(parts)),
        verify_every_read_(options.verify_every_read),
        cache_(options.cache),
        owner_(options.cache->NewOwnerId()) {}

  Result<LookupOutcome> Lookup(std::string_view key, uint32_t block, uint16_t line_fraction,
                               Value* value) const override {
    SIBYL_ASSIGN_OR_RETURN(const BlockHandle handle, ReadBlock(block));
    return Find(handle.view(), key, RecordFraction(block, line_fraction), value);
  }

  Result<BlockHandle> ReadBlock(uint32_t block) const override {
    if (block >= block_count_) return BlockHandle();
    const uint64_t offset = directory().Offset(block);
    const size_t size_bytes = directory().Offset(block + 1) - offset;
    if (size_bytes == 0) return BlockHandle();
    // Whatever enters the cache has been verified, and is plain.
    const auto read = [&]() -> Result<OwnedBytes> {
      OwnedBytes stored = OwnedBytes::OfSize(size_bytes);
      SIBYL_RETURN_IF_ERROR(bytes().Read(offset, size_bytes, stored.bytes.get()));
      if (IsCompressedBlock(stored.view())) {
        return Decompress(stored.view(), block, verify_every_read_);
      }
      SIBYL_RETURN_IF_ERROR(CheckBlock(stored.view(), block));
      return stored;
    };
    SIBYL_ASSIGN_OR_RETURN(CachedBlock pin, cache_->Get(owner_, block, std::ref(read)));
    if (verify_every_read_) SIBYL_RETURN_IF_ERROR(CheckBlock(pin.bytes(), block));
    const BlockView view = BlockView::ParseTrusted(pin.bytes());
    return BlockHandleAccess::Make(view, std::move(pin));
  }

 protected:
  Result<std::string_view> ValueBytes(uint64_t offset, uint64_t size_bytes,
                                      std::string* scratch) const override {
    scratch->resize(size_bytes);
    SIBYL_RETURN_IF_ERROR(bytes().Read(offset, size_bytes, scratch->data()));
    return std::string_view(*scratch);
  }

  Result<uint32_t> RecordsIn(uint32_t block) const override {
    SIBYL_ASSIGN_OR_RETURN(const BlockHandle handle, ReadBlock(block));
    return handle.view().record_count();
  }

 private:
  const bool verify_every_read_;
  BlockCache* const cache_;
  const uint64_t owner_;
};

}  // namespace

std::unique_ptr<Segment> OpenPreadSegment(SegmentFilePtr file, SegmentParts parts,
                                          const SegmentReadOptions& options) {
  return std::make_unique<PreadSegment>(std::move(file), std::move(parts), options);
}

}  // namespace sibyl::storage
