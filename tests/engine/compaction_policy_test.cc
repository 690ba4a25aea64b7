// Goal: merges are chosen so that runs stay few, levels keep to their capacity, and little is
// rewritten; merging runs and filters lose no record.
// Method: shapes small enough to decide by hand; then loads are played through on sizes alone, as
// if every key were new and random, and what would be written is counted.

#include <catch2/catch.hpp>
#include <numeric>
#include <random>

#include "base/checksum.h"
#include "engine/compaction_policy.h"
#include "engine/generation.h"
#include "engine/merge_stream.h"
#include "engine/segment_filter.h"
#include "engine/write_pacer.h"
#include "tests/engine/cursor_oracle.h"

namespace sibyl::engine {
namespace {

using Kind = CompactionChoice::Kind;

Options PolicyOptions() {
  Options options;
  options.first_level_bytes = 1000;
  options.max_runs = 4;
  options.level_ratio = 10;
  return options;
}

TEST_CASE("what merge comes next", "[engine][compaction]") {
  const Options options = PolicyOptions();
  const auto choose = [&](std::vector<uint64_t> runs, std::vector<uint64_t> levels) {
    return ChooseCompaction({std::move(runs), std::move(levels)}, options);
  };
  CHECK(choose({}, {}).kind == Kind::kNone);
  CHECK(choose({10, 10, 10}, {5000}).kind == Kind::kNone);
  CHECK(choose({10, 10, 10, 10}, {}) == CompactionChoice{Kind::kMergeRunsDown, 4, 0});
  CHECK(choose({400, 400, 300}, {9000}) == CompactionChoice{Kind::kMergeRunsDown, 3, 0});
  // Small runs beside a large level are joined, never a large one for the sake of small ones.
  CHECK(choose({10, 10, 10, 10}, {5000}) == CompactionChoice{Kind::kJoinRuns, 4, 0});
  CHECK(choose({10, 10, 500, 10}, {9000}) == CompactionChoice{Kind::kJoinRuns, 2, 0});
  CHECK(choose({500, 10, 10, 10}, {9000}) == CompactionChoice{Kind::kJoinRuns, 4, 0});
  // The fullest goes first.
  CHECK(choose({}, {10001}) == CompactionChoice{Kind::kMoveDown, 0, 1});
  CHECK(choose({}, {10000, 200000}) == CompactionChoice{Kind::kMoveDown, 0, 2});
  CHECK(choose({1100}, {30000}).kind == Kind::kMoveDown);
  CHECK(choose({4000}, {30000}).kind == Kind::kMergeRunsDown);
  CHECK(LevelFor(10000, options) == 1);
  CHECK(LevelFor(10001, options) == 2);
  CHECK(LevelFor(UINT64_MAX, options) < 30);
}

// Plays a load of random keys: every merge overlaps all that lies in its way.
struct Played {
  LevelSizes sizes;
  uint64_t written = 0;
  size_t most_runs = 0;
};

void MoveDown(size_t level, uint64_t bytes, Played* played) {
  auto& levels = played->sizes.level_bytes;
  levels.resize(std::max(levels.size(), level));
  levels[level - 1] += bytes;
}

void Play(const CompactionChoice& choice, const Options& options, Played* played) {
  auto& [runs, levels] = played->sizes;
  const auto end = runs.begin() + static_cast<ptrdiff_t>(choice.runs);
  const uint64_t joined = std::accumulate(runs.begin(), end, uint64_t{0});
  runs.erase(runs.begin(), end);
  switch (choice.kind) {
    case Kind::kJoinRuns:
      runs.insert(runs.begin(), joined);
      played->written += joined;
      break;
    case Kind::kMergeRunsDown:
      MoveDown(1, joined, played);
      played->written += levels[0];
      break;
    default: {
      const uint64_t part = std::min(levels[choice.level - 1], options.segment_bytes);
      const double share =
          static_cast<double>(part) / static_cast<double>(levels[choice.level - 1]);
      levels[choice.level - 1] -= part;
      MoveDown(choice.level + 1, part, played);
      played->written +=
          part + static_cast<uint64_t>(share * static_cast<double>(levels[choice.level]));
    }
  }
}

Played PlayLoad(uint64_t drains, uint64_t drain_bytes, const Options& options) {
  Played played;
  for (uint64_t i = 0; i < drains; ++i) {
    played.sizes.run_bytes.insert(played.sizes.run_bytes.begin(), drain_bytes);
    played.written += drain_bytes;
    played.most_runs = std::max(played.most_runs, played.sizes.run_bytes.size());
    for (int step = 0;; ++step) {
      REQUIRE(step < 1000);  // it comes to an end
      const CompactionChoice choice = ChooseCompaction(played.sizes, options);
      if (choice.kind == Kind::kNone) break;
      Play(choice, options, &played);
    }
  }
  return played;
}

TEST_CASE("write amplification of random loads", "[engine][compaction]") {
  const Options options;
  const auto [drains, drain_mib, most] = GENERATE(
      std::tuple(34u, 33u, 3.0),     // 10 M records of 108 bytes: two merges into level 1
      std::tuple(300u, 33u, 13.0),   // 10 GB: level 1 overflows
      std::tuple(3000u, 1u, 16.0));  // tiny drains, as a program that flushes often makes them
  INFO(drains << " drains of " << drain_mib << " MiB");
  const uint64_t drain_bytes = uint64_t{drain_mib} << 20;
  const Played played = PlayLoad(drains, drain_bytes, options);
  const uint64_t loaded = drains * drain_bytes;
  CHECK(static_cast<double>(played.written) / static_cast<double>(loaded) < most);
  CHECK(played.most_runs <= options.max_runs);
  for (size_t i = 0; i < played.sizes.level_bytes.size(); ++i) {
    CHECK(played.sizes.level_bytes[i] <= LevelCapacityBytes(i + 1, options));
  }
}

TEST_CASE("a merge stream shows the newest record of each key", "[engine][compaction]") {
  const size_t sources = GENERATE(0u, 1u, 2u, 3u, 7u, 16u, 61u);
  const uint64_t seed = GENERATE(1u, 2u);
  INFO(sources << " sources, seed " << seed);
  std::mt19937_64 random(seed);
  const std::vector<std::string> edges = EdgeKeys();
  std::vector<std::unique_ptr<Generation>> generations;
  std::vector<std::unique_ptr<ForwardCursor>> newest_first;
  std::map<std::string, std::pair<RecordType, std::string>> expected;
  for (size_t i = 0; i < sources; ++i) {
    generations.push_back(std::make_unique<Generation>(i + 1));
    const size_t records = i % 5 == 3 ? 0 : 150;  // some sources are empty
    for (size_t j = 0; j < records; ++j) {
      const std::string user_key =
          random() % 2 == 0 ? edges[random() % edges.size()] : BigEndian(random() % 500);
      const std::string key =
          EncodeInternalKey(Tree{1 + static_cast<uint32_t>(random() % 2)}, user_key);
      const auto type = random() % 4 == 0 ? RecordType::kTombstone : RecordType::kValue;
      const std::string value = type == RecordType::kValue ? std::to_string(i * 1000 + j) : "";
      generations.back()->Add(key, j + 1, type, value);
      expected[key] = {type, value};
    }
    newest_first.insert(newest_first.begin(), generations.back()->NewCursor(UINT64_MAX));
  }
  MergeStream stream(std::move(newest_first));
  for (const auto& [key, record] : expected) {
    REQUIRE(stream.Valid());
    REQUIRE(stream.key() == key);
    REQUIRE(stream.type() == record.first);
    REQUIRE(stream.value() == record.second);
    stream.Next();
  }
  CHECK_FALSE(stream.Valid());
  CHECK(stream.status());
}

TEST_CASE("a segment's filter has all its keys and few others", "[engine][filter]") {
  const size_t count = GENERATE(0u, 1u, 51u, 52u, 20000u);
  INFO(count << " keys");
  std::vector<uint64_t> hashes;
  for (size_t i = 0; i < count; ++i) hashes.push_back(base::Checksum(BigEndian(i)));
  const std::string bytes = SegmentFilter::Encode(hashes, 10);
  const SegmentFilter filter = SegmentFilter::Decode(bytes).value();
  for (const uint64_t hash : hashes) REQUIRE(filter.MayContain(hash));
  size_t passed = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    passed += filter.MayContain(base::Checksum(BigEndian(i + (uint64_t{1} << 40))));
  }
  CHECK(passed < 20000 / 50);
  CHECK(filter.memory_bytes() <= count * 10 / 8 + kBloomBlockBytes);
  CHECK(SegmentFilter::Decode({}).value().MayContain(1));
}

TEST_CASE("a malformed filter is refused", "[engine][filter]") {
  const std::vector<uint64_t> hashes(100, 7);
  const std::string good = SegmentFilter::Encode(hashes, 10);
  for (size_t size = 1; size < good.size(); ++size) {
    REQUIRE_FALSE(SegmentFilter::Decode(std::string_view(good).substr(0, size)));
  }
  std::string newer = good;
  newer[0] = 2;
  CHECK(SegmentFilter::Decode(newer).error().code == ErrorCode::kNotSupported);
  std::string other = good;
  other[4] = 7;
  CHECK(SegmentFilter::Decode(other).error().code == ErrorCode::kCorruption);
}

TEST_CASE("writers are slowed down to the drain before there is a wall", "[engine][pacer]") {
  Options options;
  options.generation_bytes = 1 << 20;
  options.max_frozen_generations = 3;
  options.max_runs = 4;
  WritePacer pacer(options);
  pacer.NoteDrained(1 << 20, 10 << 20);  // 10 ns per byte
  const auto waits = [&](const Backlog& backlog) {
    uint64_t now_ns = 1;
    uint64_t waited_ns = 0;
    for (int i = 0; i < 10000; ++i) {
      const uint64_t delay_ns = pacer.DelayNs(backlog, 100, now_ns);
      REQUIRE(delay_ns <= WritePacer::kLongestDelayNs);
      waited_ns += delay_ns;
      now_ns += delay_ns;
    }
    return waited_ns / 1'000'000;  // for a megabyte
  };
  CHECK(waits({0, 0, 0}) == 0);
  CHECK(waits({1, 1 << 18, 8}) == 0);
  const uint64_t half = waits({1, 3 << 18, 0});
  const uint64_t full = waits({3, 1 << 20, 0});
  CHECK(half >= 10);
  CHECK(full > half);
  CHECK(full < 100);
  // Readers must not find ever more runs: far behind, writers crawl.
  CHECK(waits({0, 0, 12}) > half);
  CHECK(waits({0, 0, 1000}) > 400);
}

}  // namespace
}  // namespace sibyl::engine
