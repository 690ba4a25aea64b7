#include "engine/growing_filter.h"

namespace sibyl::engine {
namespace {

constexpr uint64_t kFirstBlocks = 16;
constexpr uint64_t kGrowth = 4;

}  // namespace

void GrowingFilter::Add(uint64_t hash) {
  if (keys_left_ == 0) Grow();
  --keys_left_;
  Filter& last = filters_.back();
  Block& block = last.blocks[BloomBlockOf(hash, last.block_count)];
  ForEachBloomBit(hash, kMostBloomProbes,
                  [&](size_t word, unsigned bit) { block[word] |= uint64_t{1} << bit; });
}

void GrowingFilter::Grow() {
  const uint64_t blocks = filters_.empty() ? kFirstBlocks : kGrowth * filters_.back().block_count;
  filters_.push_back({blocks, std::make_unique<Block[]>(blocks)});
  keys_left_ = blocks * kKeysPerBlock;
  memory_bytes_ += blocks * kBloomBlockBytes;
}

}  // namespace sibyl::engine
