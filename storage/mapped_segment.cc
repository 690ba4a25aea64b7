// Reads segments through a mapping of the file: nothing is copied but the answer. Compressed blocks are
// decompressed out of it.

#include <algorithm>
#include <atomic>
#include <functional>

#include "base/status_macros.h"
#include "storage/segment_base.h"

namespace sibyl::storage {
namespace {

constexpr ptrdiff_t kCacheLineBytes = 64;

// A longer value streams in by itself once its beginning is read.
constexpr size_t kPrefetchedValueBytes = 512;

// `kMayBeCompressed`: some blocks may be. Those are never marked as verified, so that every lookup in
// place leaves them to ReadBlock, and plain blocks cost nothing for there being others.
template <bool kMayBeCompressed>
class MappedSegment final : public SegmentBase {
 public:
  MappedSegment(SegmentFilePtr file, SegmentParts parts, std::unique_ptr<Mapping> mapping,
                const SegmentReadOptions& options, uint32_t window_share)
      : SegmentBase(std::move(file), std::move(parts)),
        mapping_(std::move(mapping)),
        start_(mapping_->bytes().data()),
        verify_every_read_(options.verify_every_read),
        verified_(new std::atomic<uint64_t>[block_count_ / 64 + 1]()),
        window_share_(window_share),
        cache_(options.cache),
        owner_(cache_ == nullptr ? 0 : cache_->NewOwnerId()) {}

  void AddHotPlaces(std::vector<const void*>* places) const override {
    places->insert(places->end(), {this, &quartiles_, &start_, &directory()});
  }

  Result<LookupOutcome> Lookup(std::string_view key, uint32_t block, uint16_t line_fraction,
                               Value* value) const override {
    SIBYL_ASSIGN_OR_RETURN(const BlockHandle handle, ReadBlock(block));
    return Find(handle.view(), key, RecordFraction(block, line_fraction), value);
  }

  InPlace LookupInPlace(std::string_view key, uint32_t block,
                        uint16_t line_fraction) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty()) return {nullptr, 0, LookupOutcome::kAbsent};
    if (kMayBeCompressed && !IsVerified(block)) return {};  // nothing to ask for
    const uint16_t fraction = quartiles_.RecordFraction(block, line_fraction);
    PrefetchWindows(bytes, fraction);
    PrefetchExpectedValue(bytes, fraction);
    if (!IsVerified(block)) [[unlikely]]
      return {};
    return FindInPlace(BlockView::ParseTrusted(bytes), key, fraction);
  }

  void PrefetchOffset(uint32_t block) const override {
    if (block >= block_count_) return;
    directory().PrefetchOffset(block);
    quartiles_.Prefetch(block);
  }

  void PrefetchBlock(uint32_t block, uint16_t line_fraction) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty() || (kMayBeCompressed && !IsVerified(block))) return;
    __builtin_prefetch(bytes.data());
    PrefetchWindows(bytes, quartiles_.RecordFraction(block, line_fraction));
  }

  void PrefetchRecord(uint32_t block, uint16_t line_fraction) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty() || (kMayBeCompressed && !IsVerified(block))) return;
    const uint16_t fraction = quartiles_.RecordFraction(block, line_fraction);
    __builtin_prefetch(bytes.data());
    PrefetchWindows(bytes, fraction);
    PrefetchExpectedValue(bytes, fraction);
  }

  void PrefetchWalk(uint32_t block, uint16_t line_fraction) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty() || (kMayBeCompressed && !IsVerified(block))) return;
    const uint16_t fraction = quartiles_.RecordFraction(block, line_fraction);
    __builtin_prefetch(bytes.data());
    PrefetchWindows(bytes, fraction);
    PrefetchValuesFrom(bytes, fraction);
  }

  InPlace LookupPrefetched(std::string_view key, uint32_t block,
                           uint16_t line_fraction) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty()) return {nullptr, 0, LookupOutcome::kAbsent};
    if (!IsVerified(block)) [[unlikely]]
      return {};
    const uint16_t fraction = quartiles_.RecordFraction(block, line_fraction);
    const InPlace found = FindInPlace(BlockView::ParseTrusted(bytes), key, fraction);
    PrefetchValue(found.value_view());
    return found;
  }

  Result<BlockHandle> ReadBlock(uint32_t block) const override {
    const std::string_view bytes = BlockBytes(block);
    if (bytes.empty()) return BlockHandle();
    if (kMayBeCompressed && !IsVerified(block) && IsCompressedBlock(bytes)) {
      return ReadCompressedBlock(bytes, block);
    }
    SIBYL_RETURN_IF_ERROR(EnsureVerified(bytes, block));
    return BlockHandleAccess::Make(BlockView::ParseTrusted(bytes), CachedBlock());
  }

 protected:
  Result<std::string_view> ValueBytes(uint64_t offset, uint64_t size_bytes,
                                      std::string*) const override {
    return std::string_view(start_ + offset, size_bytes);
  }

  Result<uint32_t> RecordsIn(uint32_t block) const override {
    const std::string_view bytes = BlockBytes(block);
    if (kMayBeCompressed && !IsVerified(block) && IsCompressedBlock(bytes)) {
      if (!BlockChecksumMatches(bytes, block)) return DamagedBlock(block, "checksum mismatch");
      return CompressedBlockHeader(bytes).records;  // no need to decompress it
    }
    SIBYL_RETURN_IF_ERROR(EnsureVerified(bytes, block));
    return BlockView::ParseTrusted(bytes).record_count();
  }

 private:
  // Empty for an empty block and for one past the end.
  std::string_view BlockBytes(uint32_t block) const {
    if (block >= block_count_) return {};
    const BlockDirectory::Range range = directory().RangeOf(block);
    return {start_ + range.begin, range.end - range.begin};
  }

  // Through the cache: decompressing takes far longer than finding it there.
  Result<BlockHandle> ReadCompressedBlock(std::string_view bytes, uint32_t block) const {
    const auto read = [&] { return Decompress(bytes, block, verify_every_read_); };
    CachedBlock pin;
    if (cache_ == nullptr) {
      SIBYL_ASSIGN_OR_RETURN(OwnedBytes plain, read());
      pin = CachedBlock::Own(std::move(plain));
    } else {
      SIBYL_ASSIGN_OR_RETURN(pin, cache_->Get(owner_, block, std::ref(read)));
    }
    if (verify_every_read_) SIBYL_RETURN_IF_ERROR(CheckBlock(pin.bytes(), block));
    const BlockView view = BlockView::ParseTrusted(pin.bytes());
    return BlockHandleAccess::Make(view, std::move(pin));
  }

  static void PrefetchValue(std::string_view value) {
    const size_t lines_bytes = std::min(value.size(), kPrefetchedValueBytes);
    for (size_t i = 0; i < lines_bytes; i += kCacheLineBytes) __builtin_prefetch(value.data() + i);
    if (lines_bytes > 0) __builtin_prefetch(value.data() + lines_bytes - 1);
  }

  // Asks for the windows around the place where the key is expected, the five lines that usual
  // blocks have, while the header is on its way.
  void PrefetchWindows(std::string_view bytes, uint16_t fraction) const {
    constexpr size_t kUsualPrefixBytes = 8;
    constexpr ptrdiff_t kReachLines = 2;
    const uint64_t column_bytes = bytes.size() * window_share_ >> 16;
    const char* expected =
        bytes.data() + kBlockHeaderBytes + kUsualPrefixBytes + (column_bytes * fraction >> 16);
#pragma GCC unroll 5
    for (ptrdiff_t line = -kReachLines; line <= kReachLines; ++line) {
      __builtin_prefetch(expected + line * kCacheLineBytes);
    }
  }

  // Asks for the lines where the value is expected, so that its miss of cache and translation runs
  // beside that of the windows instead of after it. Every line that is missed costs more than all
  // that are asked for in vain: of 100-byte values, seven lines on each side hold all but 2 to 11
  // %.
  void PrefetchExpectedValue(std::string_view bytes, uint16_t fraction) const {
    constexpr ptrdiff_t kReachLines = 7;
    const uint64_t windows_bytes = bytes.size() * window_share_ >> 16;
    const char* expected =
        bytes.data() + windows_bytes + ((bytes.size() - windows_bytes) * fraction >> 16);
    __builtin_prefetch(expected);
#pragma GCC unroll 7
    for (ptrdiff_t line = 1; line <= kReachLines; ++line) {  // the likeliest first
      __builtin_prefetch(expected + line * kCacheLineBytes);
      __builtin_prefetch(expected - line * kCacheLineBytes);
    }
  }

  // Asks for the lines where the values of the next records are expected: a few before, in case the
  // expectation is late.
  void PrefetchValuesFrom(std::string_view bytes, uint16_t fraction) const {
    constexpr ptrdiff_t kLinesBefore = 2;
    constexpr ptrdiff_t kLinesAfter = 16;
    const uint64_t windows_bytes = bytes.size() * window_share_ >> 16;
    const char* const expected =
        bytes.data() + windows_bytes + ((bytes.size() - windows_bytes) * fraction >> 16);
    const char* const end = bytes.data() + bytes.size();
    for (ptrdiff_t line = -kLinesBefore; line < kLinesAfter; ++line) {
      const char* const place = expected + line * kCacheLineBytes;
      if (place >= end) break;
      __builtin_prefetch(place);
    }
  }

  // Never true if every read is to verify. Relaxed: the bytes of the block never change, so there
  // is nothing to publish with the bit.
  bool IsVerified(uint32_t block) const {
    return (verified_[block / 64].load(std::memory_order_relaxed) >> block % 64 & 1) != 0;
  }

  Status EnsureVerified(std::string_view bytes, uint32_t block) const {
    if (IsVerified(block)) [[likely]]
      return Ok();
    SIBYL_RETURN_IF_ERROR(CheckBlock(bytes, block));
    if (!verify_every_read_) {
      verified_[block / 64].fetch_or(uint64_t{1} << block % 64, std::memory_order_relaxed);
    }
    return Ok();
  }

  const std::unique_ptr<Mapping> mapping_;
  const char* const start_;
  const bool verify_every_read_;
  const std::unique_ptr<std::atomic<uint64_t>[]> verified_;  // one bit per block
  const uint32_t window_share_;  // the average part of a block that is windows, in 1/65536
  BlockCache* const cache_;
  const uint64_t owner_;
};

template <bool kMayBeCompressed>
std::unique_ptr<Segment> NewMappedSegment(SegmentFilePtr file, SegmentParts parts,
                                          std::unique_ptr<Mapping> mapping,
                                          const SegmentReadOptions& options,
                                          uint32_t window_share) {
  return std::make_unique<MappedSegment<kMayBeCompressed>>(
      std::move(file), std::move(parts), std::move(mapping), options, window_share);
}

uint32_t WindowShare(const SegmentProperties& properties, const SegmentParts& parts) {
  const double blocks_bytes = static_cast<double>(parts.blocks.size_bytes);
  const double windows_bytes = static_cast<double>(properties.records) * kWindowBytes;
  return windows_bytes < blocks_bytes ? static_cast<uint32_t>(65536 * windows_bytes / blocks_bytes)
                                      : 0;
}

}  // namespace

Result<std::unique_ptr<Segment>> OpenMappedSegment(SegmentFilePtr file, SegmentParts parts,
                                                   const SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(auto mapping, file->bytes().Map());
  const uint32_t window_share = WindowShare(file->properties(), parts);
  const auto make = file->properties().compressed_blocks > 0 ? NewMappedSegment<true>
                                                             : NewMappedSegment<false>;
  return make(std::move(file), std::move(parts), std::move(mapping), options, window_share);
}

}  // namespace sibyl::storage
