#include "engine/growing_filter.h"

#include <array>
#include <cstddef>

namespace sibyl::engine {
namespace {

// Each hash sets six bits of a block of one cache line. At 16 bits per key that errs about once in
// a thousand; a table is replaced when it has that many keys.
constexpr size_t kWordsPerBlock = 8;
constexpr int kBitsPerKey = 6;
constexpr uint64_t kKeysPerBlock = 512 / 16;
constexpr uint64_t kFirstBlocks = 8;

// The bits of a block come from another mixture of the hash than the block's number does.
constexpr uint64_t kMixer = 0x9e3779b97f4a7c15;

struct alignas(64) Block {
  std::array<std::atomic<uint64_t>, kWordsPerBlock> words = {};
};

}  // namespace

// Written by one thread with plain read-modify-write; a reader that must see a key came to know of
// it after its bits were stored.
struct GrowingFilter::Table {
  explicit Table(uint64_t block_count) : blocks(block_count) {}

  uint64_t BlockOf(uint64_t hash) const { return ((hash >> 32) * blocks.size()) >> 32; }

  void Add(uint64_t hash) {
    Block& block = blocks[BlockOf(hash)];
    uint64_t bits = hash * kMixer;
    for (int i = 0; i < kBitsPerKey; ++i, bits <<= 9) {
      std::atomic<uint64_t>& word = block.words[bits >> 61];
      const uint64_t bit = uint64_t{1} << (bits >> 55 & 63);
      word.store(word.load(std::memory_order_relaxed) | bit, std::memory_order_relaxed);
    }
  }

  bool MayContain(uint64_t hash) const {
    const Block& block = blocks[BlockOf(hash)];
    uint64_t bits = hash * kMixer;
    uint64_t all = 1;
    for (int i = 0; i < kBitsPerKey; ++i, bits <<= 9) {
      all &= block.words[bits >> 61].load(std::memory_order_relaxed) >> (bits >> 55 & 63);
    }
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
