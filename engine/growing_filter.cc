#include "engine/growing_filter.h"

#include <array>
#include <cstddef>

#include "engine/bloom_block.h"

namespace sibyl::engine {
namespace {

// At 16 bits per key a line errs about once in a thousand.
constexpr uint64_t kKeysPerBlock = 8 * kBloomBlockBytes / 16;
constexpr uint64_t kFirstBlocks = 8;

struct alignas(kBloomBlockBytes) Block {
  std::array<std::atomic<uint64_t>, kBloomBlockWords> words = {};
};

}  // namespace

// Written by one thread with plain read-modify-write; a reader that must see a key came to know of
// it after its bits were stored.
struct GrowingFilter::Table {
  explicit Table(uint64_t block_count) : blocks(block_count) {}

  void Add(uint64_t hash) {
    Block& block = blocks[BloomBlockOf(hash, blocks.size())];
    ForEachBloomBit(hash, [&block](size_t index, unsigned bit) {
      std::atomic<uint64_t>& word = block.words[index];
      word.store(word.load(std::memory_order_relaxed) | uint64_t{1} << bit,
                 std::memory_order_relaxed);
    });
  }

  bool MayContain(uint64_t hash) const {
    const Block& block = blocks[BloomBlockOf(hash, blocks.size())];
    uint64_t all = 1;
    ForEachBloomBit(hash, [&](size_t word, unsigned bit) {
      all &= block.words[word].load(std::memory_order_relaxed) >> bit;
    });
    return all != 0;
  }

  std::vector<Block> blocks;
};

GrowingFilter::GrowingFilter() { Grow(); }

GrowingFilter::~GrowingFilter() = default;

bool GrowingFilter::MayContain(uint64_t hash) const {
  return current_.load(std::memory_order_acquire)->MayContain(hash);
}

void GrowingFilter::Add(uint64_t hash) {
  if (hashes_.size() == tables_.back()->blocks.size() * kKeysPerBlock) Grow();
  hashes_.push_back(hash);
  tables_.back()->Add(hash);
}

void GrowingFilter::Grow() {
  const uint64_t blocks = tables_.empty() ? kFirstBlocks : 2 * tables_.back()->blocks.size();
  auto table = std::make_unique<Table>(blocks);
  hashes_.reserve(blocks * kKeysPerBlock);
  for (const uint64_t hash : hashes_) table->Add(hash);
  tables_.push_back(std::move(table));
  current_.store(tables_.back().get(), std::memory_order_release);

  const uint64_t bytes = blocks * sizeof(Block) + hashes_.capacity() * sizeof(uint64_t);
  memory_bytes_.store(memory_bytes() + bytes, std::memory_order_relaxed);
}

}  // namespace sibyl::engine
