// Where each block of a segment lies and how many records precede it: the index that stays in
// memory, some 2 bytes per block.
//
// Offsets are stored as a base per 64 blocks and a residual per block, in units of 8 bytes. Two
// bytes suffice for a residual unless 64 blocks span more than 512 KiB; then all take four.

#ifndef SIBYL_STORAGE_BLOCK_DIRECTORY_H_
#define SIBYL_STORAGE_BLOCK_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"

namespace sibyl::storage {

// The section of block offsets: block count u32 | bytes per residual u32 | a base u64 per group of
// 64 | a residual per block and one for their end. `offsets` has the start of each block and the
// end of the last, all multiples of 8, never decreasing.
std::string EncodeBlockOffsets(std::span<const uint64_t> offsets);

// The section of ranks: a u64 per group, the number of records before its first block.
std::string EncodeRanks(std::span<const uint64_t> ranks);

// Immutable and thread-safe.
class BlockDirectory {
 public:
  static constexpr uint32_t kGroupBlocks = 64;

  // Checks that the blocks tile [blocks_begin, blocks_end) of the file and that ranks do not
  // decrease. Errors: kCorruption.
  static Result<std::unique_ptr<const BlockDirectory>> Decode(std::string_view offsets,
                                                              std::string_view ranks,
                                                              uint64_t blocks_begin,
                                                              uint64_t blocks_end);

  uint32_t block_count() const { return block_count_; }

  // The file offset of `block`; for block_count(), the end of the last. A block is empty if it ends
  // where it starts.
  uint64_t Offset(uint32_t block) const {
    const char* residuals = residuals_ + size_t{block} * residual_bytes_;
    const uint64_t residual =
        residual_bytes_ == 2 ? base::Load16(residuals) : base::Load32(residuals);
    return (Base(block) + residual) * 8;
  }

  struct Range {
    uint64_t begin;
    uint64_t end;
  };
  // Offset(block) and Offset(block + 1). Precondition: block < block_count().
  Range RangeOf(uint32_t block) const {
    if (residual_bytes_ != 2) [[unlikely]]
      return {Offset(block), Offset(block + 1)};
    const char* residuals = residuals_ + size_t{2} * block;
    const uint64_t begin = Base(block) + base::Load16(residuals);
    const uint64_t end = Base(block + 1) + base::Load16(residuals + 2);
    return {begin * 8, end * 8};
  }

  void PrefetchOffset(uint32_t block) const {
    __builtin_prefetch(residuals_ + size_t{block} * residual_bytes_);
  }

  // The number of records before the first block of the group of `block`.
  uint64_t RankOfGroup(uint32_t block) const {
    return base::Load64(ranks_.data() + size_t{8} * (block / kGroupBlocks));
  }

  uint64_t memory_bytes() const { return offsets_.size() + ranks_.size(); }

 private:
  BlockDirectory(std::string_view offsets, std::string_view ranks);
  uint64_t Base(uint32_t block) const {
    return base::Load64(bases_ + size_t{8} * (block / kGroupBlocks));
  }
  BlockDirectory(const BlockDirectory&) = delete;  // it points into itself
  BlockDirectory& operator=(const BlockDirectory&) = delete;

  const std::string offsets_;  // both sections as they are in the file
  const std::string ranks_;
  const uint32_t block_count_;
  const uint32_t residual_bytes_;
  const char* const bases_;  // into offsets_
  const char* const residuals_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_DIRECTORY_H_
