#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "bench/data/random.h"
#include "bench/micro/kind_comparison.h"
#include "bench/micro/turns.h"
#include "sibyl/existence_index.h"

namespace sibyl::bench {
namespace {

constexpr size_t kChunkQueries = 16384;
constexpr size_t kMostChunks = 16;
constexpr size_t kRounds = 5;
constexpr size_t kAbsentKeys = 600'000;  // half to build with, half to ask

template <typename Key>
struct FilterKeys {
  std::vector<Key> stored;
  std::vector<Key> sample;  // absent, to build with
  std::vector<Key> absent;  // absent, to ask
};

// Alternately to the sample and to the questions.
template <typename Key>
void AddAbsent(Key key, FilterKeys<Key>* keys) {
  (keys->sample.size() <= keys->absent.size() ? keys->sample : keys->absent).push_back(key);
}

template <typename Key>
uint64_t CountYes(const index::ExistenceIndex& filter, std::span<const Key> keys) {
  uint64_t yes = 0;
  for (const Key key : keys) yes += filter.MayContain(key);
  return yes;
}

template <typename Key>
double NsPerKey(const index::ExistenceIndex& filter, const std::vector<Key>& keys) {
  const size_t queries = std::min(keys.size(), kChunkQueries * kMostChunks);
  const std::span<const Key> asked = std::span(keys).first(queries);
  const uint64_t expected = CountYes(filter, asked);
  std::vector<Turn> turn = {{"", [&](size_t) { return CountYes(filter, asked); }}};
  TakeTurns(turn, std::span(&expected, 1), queries, kRounds);
  return turn[0].median_ns;
}

// A chain over stored and absent keys in turn, each of which is chosen by the last answer.
template <typename Key>
double SerialNsPerKey(const index::ExistenceIndex& filter, const FilterKeys<Key>& keys) {
  const auto answer = [&](size_t i) -> uint64_t {
    const std::vector<Key>& asked = i % 2 == 0 ? keys.stored : keys.absent;
    return filter.MayContain(asked[i % asked.size()]);
  };
  constexpr size_t kQueries = kChunkQueries * kMostChunks;
  const uint64_t expected = SerialSum(0, kQueries, answer);
  std::vector<Turn> turn = {{"", [&](size_t) { return SerialSum(0, kQueries, answer); }}};
  TakeTurns(turn, std::span(&expected, 1), kQueries / kSerialChoices, kRounds);
  return turn[0].median_ns;
}

template <typename Key>
bool Run(const std::string& name, FilterKeys<Key> keys, KindReport* report) {
  // In the order of storage, lookups would be too easy.
  Random random(7);
  for (size_t i = keys.stored.size(); i > 1; --i) {
    std::swap(keys.stored[i - 1], keys.stored[random.Below(i)]);
  }
  std::printf("\n%s: %zu stored keys, %zu absent ones to build with, %zu to ask\n", name.c_str(),
              keys.stored.size(), keys.sample.size(), keys.absent.size());
  std::printf("%-34s %7s %9s %9s %9s %9s %9s %8s\n", "filter", "asked", "rate", "bits/key",
              "stored ns", "absent ns", "serial ns", "build s");
  KindTable table{"filters", name + "/" + std::to_string(keys.stored.size()), {}};
  bool right = true;
  using index::ExistenceKind;
  for (const double rate : {0.001, 0.01, 0.1}) {
    for (const ExistenceKind kind : {ExistenceKind::kBlockedBloom, ExistenceKind::kLearnedBloom,
                                     ExistenceKind::kPartitioned}) {
      const auto filter = index::ExistenceIndex::Build(
          std::span<const Key>(keys.stored), std::span<const Key>(keys.sample), {kind, rate});
      if (!filter) {
        std::cerr << name << ": " << filter.error().ToString() << "\n";
        return false;
      }
      const index::ExistenceCandidate& built = filter->candidates()[0];
      const auto absent_yes = CountYes<Key>(*filter, keys.absent);
      const double stored_ns = NsPerKey(*filter, keys.stored);
      const double absent_ns = NsPerKey(*filter, keys.absent);
      Row row{StructureName(built.name) + "-" + std::to_string(rate)};
      row.single_ns = (stored_ns + absent_ns) / 2;
      row.serial_ns = SerialNsPerKey(*filter, keys);
      row.bytes_per_key =
          static_cast<double>(filter->memory_bytes()) / static_cast<double>(keys.stored.size());
      row.build_seconds = built.build_seconds;
      std::printf("%-34s %6.1f%% %8.3f%% %9.2f %9.1f %9.1f %9.1f %8.2f\n", built.name.c_str(),
                  100 * rate,
                  100 * static_cast<double>(absent_yes) / static_cast<double>(keys.absent.size()),
                  8 * row.bytes_per_key, stored_ns, absent_ns, row.serial_ns, row.build_seconds);
      table.rows.push_back(std::move(row));
      if (CountYes<Key>(*filter, keys.stored) == keys.stored.size()) continue;
      std::cerr << "FAILED: " << built.name << " denied a stored key\n";
      right = false;
    }
  }
  report->Add(std::move(table));
  return right;
}

}  // namespace

bool CompareFilters(const std::string& name, std::span<const uint64_t> sorted, KindReport* report) {
  FilterKeys<uint64_t> keys;
  keys.stored.assign(sorted.begin(), sorted.end());
  Random random(3);
  const uint64_t span = sorted.back() - sorted.front();
  for (size_t tries = 0; keys.absent.size() < kAbsentKeys / 2; ++tries) {
    // Where nearly all keys are stored, from everywhere.
    const bool inside = span > 0 && tries < 4 * kAbsentKeys;
    const uint64_t key = inside ? sorted.front() + random.Below(span) : random.Next();
    if (!std::binary_search(sorted.begin(), sorted.end(), key)) AddAbsent(key, &keys);
  }
  return Run(name + ", uniform absent keys", std::move(keys), report);
}

bool CompareFilters(const StringSet& set, const StringSet* others, KindReport* report) {
  FilterKeys<std::string_view> keys;
  if (others != nullptr) {
    keys.stored = set.keys;
    for (const std::string_view key : others->keys) AddAbsent(key, &keys);
    return Run(set.name + ", absent: " + others->name, std::move(keys), report);
  }
  Random random(5);
  for (const std::string_view key : set.keys) {
    const uint64_t lot = random.Below(4);
    (lot < 2 ? keys.stored : lot == 2 ? keys.sample : keys.absent).push_back(key);
  }
  return Run(set.name + ", half of the keys", std::move(keys), report);
}

}  // namespace sibyl::bench
