#include "engine/growing_filter.h"

#include <cassert>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "engine/bloom_block.h"

namespace sibyl::engine {
namespace {

// At 16 bits per key a line errs about once in a thousand.
constexpr uint64_t kKeysPerBlock = 8 * kBloomBlockBytes / 16;
constexpr uint64_t kFirstBlocks = 8;

// Hashes that go to the next table with each new key, from when the present one is half full: the
// next has caught up when it is needed.
constexpr int kHashesPerKey = 3;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

// Written by one thread with plain read-modify-write; a reader that must see a key came to know of
// it after its bits were stored.
struct GrowingFilter::Table {
  // Zeros that the system provides when they are touched: making a large table costs nothing.
  explicit Table(uint64_t count)
      : block_count(count), memory(std::calloc(count + 1, kBloomBlockBytes)) {
    if (memory == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(memory.get());
    words = reinterpret_cast<uint64_t*>((address + kBloomBlockBytes - 1) & -kBloomBlockBytes);
  }

  std::atomic_ref<uint64_t> WordOf(uint64_t hash, size_t word) const {
    return std::atomic_ref(words[BloomBlockOf(hash, block_count) * kBloomBlockWords + word]);
  }

  void Add(uint64_t hash) {
    ForEachBloomBit(hash, [&](size_t index, unsigned bit) {
      const std::atomic_ref<uint64_t> word = WordOf(hash, index);
      word.store(word.load(std::memory_order_relaxed) | uint64_t{1} << bit,
                 std::memory_order_relaxed);
    });
  }

  bool MayContain(uint64_t hash) const {
    uint64_t all = 1;
    ForEachBloomBit(hash, [&](size_t word, unsigned bit) {
      all &= WordOf(hash, word).load(std::memory_order_relaxed) >> bit;
    });
    return all != 0;
  }

  uint64_t capacity_keys() const { return block_count * kKeysPerBlock; }

  const uint64_t block_count;
  const std::unique_ptr<void, Free> memory;
  uint64_t* words;  // in memory, at a cache line
};

GrowingFilter::GrowingFilter() : filling_(AddTable(kFirstBlocks)) {
  current_.store(filling_, std::memory_order_release);
}

GrowingFilter::~GrowingFilter() = default;

bool GrowingFilter::MayContain(uint64_t hash) const {
  return current_.load(std::memory_order_acquire)->MayContain(hash);
}

void GrowingFilter::Add(uint64_t hash) {
  hashes_.push_back(hash);
  memory_bytes_.store(memory_bytes() + sizeof(hash), std::memory_order_relaxed);
  if (next_ == nullptr && hashes_.size() > filling_->capacity_keys() / 2) {
    next_ = AddTable(2 * filling_->block_count);
    in_next_ = 0;
  }
  if (next_ != nullptr) FillNext();
  filling_->Add(hash);
}

void GrowingFilter::FillNext() {
  for (int i = 0; i < kHashesPerKey && in_next_ < hashes_.size(); ++i) {
    next_->Add(hashes_[in_next_++]);
  }
  if (hashes_.size() <= filling_->capacity_keys()) return;
  assert(in_next_ == hashes_.size());
  filling_ = std::exchange(next_, nullptr);
  current_.store(filling_, std::memory_order_release);
}

GrowingFilter::Table* GrowingFilter::AddTable(uint64_t blocks) {
  tables_.push_back(std::make_unique<Table>(blocks));
  memory_bytes_.store(memory_bytes() + blocks * kBloomBlockBytes, std::memory_order_relaxed);
  return tables_.back().get();
}

}  // namespace sibyl::engine
