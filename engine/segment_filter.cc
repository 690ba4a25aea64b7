#include "engine/segment_filter.h"

#include <algorithm>
#include <vector>

#include "base/coding.h"

namespace sibyl::engine {

namespace {

// version u32 | bits per key and line u32
constexpr size_t kHeaderBytes = 8;
constexpr uint32_t kVersion = 1;

}  // namespace

std::string SegmentFilter::Encode(std::span<const uint64_t> hashes, uint32_t bits_per_key) {
  const uint64_t bits = hashes.size() * bits_per_key;
  const uint64_t block_count = std::max<uint64_t>(1, bits / (8 * kBloomBlockBytes));
  const uint32_t probes = BloomProbesFor(bits_per_key);
  std::vector<Block> blocks(block_count);
  for (const uint64_t hash : hashes) {
    Block& block = blocks[BloomBlockOf(hash, block_count)];
    ForEachBloomBit(hash, probes,
                    [&](size_t word, unsigned bit) { block.words[word] |= uint64_t{1} << bit; });
  }
  std::string bytes;
  bytes.reserve(kHeaderBytes + block_count * kBloomBlockBytes);
  base::Put32(&bytes, kVersion);
  base::Put32(&bytes, probes);
  for (const Block& block : blocks) {
    for (const uint64_t word : block.words) base::Put64(&bytes, word);
  }
  return bytes;
}

Result<SegmentFilter> SegmentFilter::Decode(std::string_view bytes) {
  SegmentFilter filter;
  if (bytes.empty()) return filter;
  base::Decoder decoder(bytes);
  const uint32_t version = decoder.Get32();
  if (decoder.ok() && version > kVersion) {
    return Error{ErrorCode::kNotSupported,
                 "filter version " + std::to_string(version) + " is newer than this library"};
  }
  const uint32_t probes = decoder.Get32();
  const uint64_t left = bytes.size() - std::min(bytes.size(), kHeaderBytes);
  if (!decoder.ok() || version != kVersion || probes == 0 || probes > kMostBloomProbes || left == 0 ||
      left % kBloomBlockBytes != 0 || left / kBloomBlockBytes > UINT32_MAX) {
    return Error{ErrorCode::kCorruption, "malformed filter"};
  }
  filter.block_count_ = left / kBloomBlockBytes;
  filter.probes_ = probes;
  filter.blocks_ = std::make_unique_for_overwrite<Block[]>(filter.block_count_);
  for (uint64_t i = 0; i < filter.block_count_; ++i) {
    for (uint64_t& word : filter.blocks_[i].words) word = decoder.Get64();
  }
  return filter;
}

}  // namespace sibyl::engine
