// TreeChanges: counts changes, so that who reads beside a writer knows when to look again, and of
// each tree apart, so that who reads one tree does not look again because of others.

#ifndef SIBYL_ENGINE_TREE_CHANGES_H_
#define SIBYL_ENGINE_TREE_CHANGES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/internal_key.h"
#include "sibyl/tree.h"

namespace sibyl::engine {

// One thread at a time.
class TreeChanges {
 public:
  void Note(std::string_view internal_key) {
    ++counters_[SlotOf(internal_key)];
    ++all_;
  }
  void NoteEverywhere() {
    for (uint64_t& counter : counters_) ++counter;
    ++all_;
  }

  // Changes when the tree does, and sometimes when another does; of all trees if there is none. It
  // lives as long as this.
  const uint64_t* CounterOf(std::optional<Tree> tree) const {
    return tree ? &counters_[tree->id % kSlots] : &all_;
  }

 private:
  // By the last byte of the tree's number, the fourth of its keys.
  static constexpr size_t kSlots = 64;
  static size_t SlotOf(std::string_view key) {
    return key.size() < kTreePrefixBytes ? 0 : static_cast<unsigned char>(key[3]) % kSlots;
  }

  std::array<uint64_t, kSlots> counters_ = {};
  uint64_t all_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_TREE_CHANGES_H_
