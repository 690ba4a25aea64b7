#include "storage/block_directory.h"

namespace sibyl::storage {
namespace {

constexpr uint64_t kUnitBytes = 8;
constexpr size_t kOffsetsHeaderBytes = 8;

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

uint64_t GroupCount(uint64_t block_count) {
  return block_count / BlockDirectory::kGroupBlocks + 1;  // the end belongs to a group too
}

bool NeedsWideResiduals(std::span<const uint64_t> offsets) {
  for (size_t i = 0; i < offsets.size(); ++i) {
    const uint64_t base = offsets[i - i % BlockDirectory::kGroupBlocks];
    if ((offsets[i] - base) / kUnitBytes > 0xffff) return true;
  }
  return false;
}

}  // namespace

std::string EncodeBlockOffsets(std::span<const uint64_t> offsets) {
  const bool wide = NeedsWideResiduals(offsets);
  std::string bytes;
  base::Put32(&bytes, static_cast<uint32_t>(offsets.size() - 1));
  base::Put32(&bytes, wide ? 4 : 2);
  for (size_t i = 0; i < offsets.size(); i += BlockDirectory::kGroupBlocks) {
    base::Put64(&bytes, offsets[i] / kUnitBytes);
  }
  for (size_t i = 0; i < offsets.size(); ++i) {
    const uint64_t base = offsets[i - i % BlockDirectory::kGroupBlocks];
    const uint64_t residual = (offsets[i] - base) / kUnitBytes;
    if (wide) {
      base::Put32(&bytes, static_cast<uint32_t>(residual));
    } else {
      base::Put16(&bytes, static_cast<uint16_t>(residual));
    }
  }
  return bytes;
}

std::string EncodeRanks(std::span<const uint64_t> ranks) {
  std::string bytes;
  for (const uint64_t rank : ranks) base::Put64(&bytes, rank);
  return bytes;
}

BlockDirectory::BlockDirectory(std::string_view offsets, std::string_view ranks)
    : offsets_(offsets),
      ranks_(ranks),
      block_count_(base::Load32(offsets_.data())),
      residual_bytes_(base::Load32(offsets_.data() + 4)),
      bases_(offsets_.data() + kOffsetsHeaderBytes),
      residuals_(bases_ + 8 * GroupCount(block_count_)) {}

Result<std::unique_ptr<const BlockDirectory>> BlockDirectory::Decode(std::string_view offsets,
                                                                     std::string_view ranks,
                                                                     uint64_t blocks_begin,
                                                                     uint64_t blocks_end) {
  base::Decoder header(offsets);
  const uint64_t block_count = header.Get32();
  const uint64_t residual_bytes = header.Get32();
  const uint64_t groups = GroupCount(block_count);
  if (!header.ok() || (residual_bytes != 2 && residual_bytes != 4) ||
      header.remaining_bytes() != groups * 8 + (block_count + 1) * residual_bytes) {
    return Damaged("block offsets: impossible size");
  }
  if (ranks.size() != groups * 8) return Damaged("ranks: impossible size");
  std::unique_ptr<const BlockDirectory> directory(new BlockDirectory(offsets, ranks));

  uint64_t previous = blocks_begin;
  for (uint64_t block = 0; block <= block_count; ++block) {
    const uint64_t offset = directory->Offset(static_cast<uint32_t>(block));
    if (offset < previous || offset > blocks_end || (block == 0 && offset != blocks_begin)) {
      return Damaged("block offsets: block " + std::to_string(block) + " lies out of order");
    }
    previous = offset;
  }
  if (previous != blocks_end) return Damaged("block offsets: bytes after the last block");
  uint64_t previous_rank = 0;
  for (uint64_t group = 0; group < groups; ++group) {
    const uint64_t rank = base::Load64(ranks.data() + 8 * group);
    if (rank < previous_rank || (group == 0 && rank != 0)) {
      return Damaged("ranks: group " + std::to_string(group) + " is out of order");
    }
    previous_rank = rank;
  }
  return directory;
}

}  // namespace sibyl::storage
