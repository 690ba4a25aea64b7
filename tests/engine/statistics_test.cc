// Goal: statistics say what happened: counters, latencies, memory, events; and Prometheus can read
// them.
// Method: histograms against numbers sorted by hand; a small life of a database whose counters are
// known; the text is parsed line by line.

#include <fstream>
#include <mutex>
#include <sstream>

#include "engine/latency.h"
#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

TEST_CASE("buckets tile all latencies, none wider than a quarter", "[engine][stats]") {
  for (size_t bucket = 1; bucket < LatencyHistogram::kBuckets; ++bucket) {
    const uint64_t below = LatencyHistogram::UpperBoundNs(bucket - 1);
    const uint64_t bound = LatencyHistogram::UpperBoundNs(bucket);
    INFO("bucket " << bucket);
    REQUIRE(below < bound);
    REQUIRE(LatencyHistogram::BucketOf(below) == bucket);
    REQUIRE(LatencyHistogram::BucketOf(bound - 1) == bucket);
    if (bound != UINT64_MAX && below >= 4) REQUIRE((bound - below) * 4 <= below);
  }
  CHECK(LatencyHistogram::BucketOf(0) == 0);
  CHECK(LatencyHistogram::BucketOf(UINT64_MAX) == LatencyHistogram::kBuckets - 1);
}

TEST_CASE("quantiles are right within a quarter", "[engine][stats]") {
  engine::LatencyRecorder recorder(1);
  CHECK(recorder.Read().QuantileNs(0.5) == 0);
  for (uint64_t ns = 1; ns <= 100'000; ++ns) recorder.Record(ns);
  const LatencyHistogram histogram = recorder.Read();
  CHECK(histogram.recorded == 100'000);
  CHECK(histogram.longest_ns == 100'000);
  CHECK(histogram.total_ns == 100'000ull * 100'001 / 2);
  for (const double fraction : {0.001, 0.5, 0.9, 0.999, 1.0}) {
    const double right = fraction * 100'000;
    INFO("fraction " << fraction);
    CHECK(static_cast<double>(histogram.QuantileNs(fraction)) >= right);
    CHECK(static_cast<double>(histogram.QuantileNs(fraction)) <= right * 1.25 + 1);
  }
}

TEST_CASE("a sample is taken evenly, also of every second call", "[engine][stats]") {
  engine::LatencyRecorder rare(1024);
  engine::LatencyRecorder often(16);
  for (int i = 0; i < 1 << 18; ++i) {
    { const engine::LatencySample sample(rare); }
    { const engine::LatencySample sample(often); }
  }
  CHECK(rare.Read().recorded > 200);
  CHECK(rare.Read().recorded < 300);
  CHECK(often.Read().recorded > 15'000);
  CHECK(often.Read().recorded < 18'000);
}

uint64_t Recorded(const Stats& stats, const std::string& call) {
  for (const LatencyStats& latency : stats.latencies) {
    if (latency.call == call) return latency.histogram.recorded;
  }
  FAIL("no latency of " << call);
  return 0;
}

// Of long keys, drained and merged again and again without a Get.
TEST_CASE("training is counted apart, and segments say how their models were chosen",
          "[engine][stats]") {
  Options options = SmallOptions();
  options.background_threads = 0;
  TestDatabase database(options);
  uint64_t notes[2] = {0, 0};  // of plain, of learned models
  for (uint64_t i = 0; i < 60'000; ++i) {
    Must(database->Put("a key that is longer than a window " + std::to_string(i * 7919 % 60'000),
                       std::string(40, 'v')));
    if (i % 2'000 != 0) continue;
    for (const LevelStats& level : Must(database->GetStats()).levels) {
      for (const SegmentStats& segment : level.segments) {
        const bool learned = segment.model_note.rfind("learned: ", 0) == 0;
        REQUIRE((learned || segment.model_note.rfind("plain: ", 0) == 0));
        ++notes[learned];
      }
    }
  }
  CHECK(notes[0] > 0);
  CHECK(notes[1] > 0);
  Must(database->Compact());
  const Stats stats = Must(database->GetStats());
  CHECK(stats.counters.training_ns > 0);
  CHECK(stats.counters.compaction_cpu_ns > stats.counters.training_ns);
  REQUIRE(stats.levels.back().segments.size() > 0);
  for (const SegmentStats& segment : stats.levels.back().segments) {
    CHECK(segment.model_note == "learned: last level");
    CHECK(segment.build_ns > segment.training_ns);
  }
  CHECK(Must(database->Verify()).ok());
}

TEST_CASE("counters, latencies and memory follow what is done", "[engine][stats]") {
  TestDatabase database;
  for (uint64_t i = 0; i < 5000; ++i) Must(database->Put(BigEndianKey(i), "value"));
  Must(database->Put("synced", "x", {.sync = true}));
  Must(database->Sync());
  for (uint64_t i = 0; i < 10'000; ++i) (void)Must(database->Get(BigEndianKey(i)));
  Must(database->Flush());
  Must(database->Compact());
  const auto transaction = Must(database->BeginTransaction());
  Must(transaction->Put(kDefaultTree, "in a transaction", std::string(1000, 'x')));
  const Stats during = Must(database->GetStats());
  CHECK(during.memory.transaction_bytes > 1000);
  CHECK(during.pinned_views == 1);
  Must(transaction->Commit());

  const Stats stats = Must(database->GetStats());
  CHECK(stats.counters.writes_records == 5002);
  CHECK(stats.counters.gets >= 10'000);
  CHECK(Recorded(stats, "get") > 0);
  CHECK(Recorded(stats, "write") > 100);
  CHECK(Recorded(stats, "synced_write") == 1);
  CHECK(Recorded(stats, "sync") == 1);
  CHECK(Recorded(stats, "flush") == 1);
  CHECK(Recorded(stats, "compact") == 1);
  CHECK(Recorded(stats, "commit") == 1);
  CHECK(stats.memory.delta_bytes > 0);
  CHECK(stats.memory.index_bytes > 0);
  CHECK(stats.counters.model_bound_violations == 0);
}

TEST_CASE("the Prometheus text is well-formed and complete", "[engine][stats]") {
  TestDatabase database;
  for (uint64_t i = 0; i < 3000; ++i) Must(database->Put(BigEndianKey(i), "value"));
  Must(database->Compact());
  std::istringstream text(PrometheusText(Must(database->GetStats())));
  std::map<std::string, double> values;
  std::string type_of;
  for (std::string line; std::getline(text, line);) {
    INFO(line);
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      type_of = line.substr(7, line.find(' ', 7) - 7);
      continue;
    }
    REQUIRE(line.starts_with(type_of));
    const size_t space = line.rfind(' ');
    const std::string name = line.substr(0, space);
    const size_t name_end = std::min(name.find('{'), name.size());
    REQUIRE(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") >= name_end);
    REQUIRE((name_end == name.size() || name.ends_with("\"}")));
    size_t parsed = 0;
    const double value = std::stod(line.substr(space + 1), &parsed);
    REQUIRE(parsed == line.size() - space - 1);
    REQUIRE(values.emplace(name, value).second);
  }
  CHECK(values.at("sibyl_writes_records_total") == 3000);
  CHECK(values.at("sibyl_model_bound_violations_total") == 0);
  double records = 0;
  for (const auto& [name, value] : values) {
    if (name.starts_with("sibyl_level_records{")) records += value;
  }
  CHECK(records == 3000);
  CHECK(values.contains("sibyl_latency_seconds_bucket{call=\"write\",le=\"+Inf\"}"));
  CHECK(values.at("sibyl_latency_seconds_bucket{call=\"compact\",le=\"+Inf\"}") == 1);
  CHECK(values.contains("sibyl_memory_bytes{component=\"index\"}"));
}

TEST_CASE("events are lines of JSON, in a file that is rotated and to a listener",
          "[engine][stats]") {
  std::mutex mutex;
  std::vector<std::string> lines;
  Options options = SmallOptions();
  options.event_log_bytes = 2000;
  options.event_listener = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
  };
  TestDatabase database(options);
  for (int round = 0; round < 30; ++round) {
    Must(database->Put("key", std::to_string(round)));
    Must(database->Compact());
  }
  database.Close();
  const auto seen = [&](const std::string& event) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find("\"event\":\"" + event + '"') != std::string::npos;
    });
  };
  for (const char* event : {"open", "drain", "close"}) {
    INFO(event);
    CHECK(seen(event));
  }
  for (const char* name : {"EVENTS", "EVENTS.1"}) {
    const auto path = database.path() / name;
    REQUIRE(std::filesystem::exists(path));
    CHECK(std::filesystem::file_size(path) <= 2000);
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      CHECK(line.starts_with("{\"unix_ms\":"));
      CHECK(line.back() == '}');
      CHECK(std::find(lines.begin(), lines.end(), line) != lines.end());
    }
  }
  database.options().event_log_bytes = 0;
  std::filesystem::remove(database.path() / "EVENTS");
  database.Reopen();
  CHECK_FALSE(std::filesystem::exists(database.path() / "EVENTS"));
}

TEST_CASE("an opening goes on with the events of earlier ones", "[engine][stats]") {
  TestDatabase database;
  for (int opening = 0; opening < 3; ++opening) database.Reopen();
  database.Close();
  std::ifstream file(database.path() / "EVENTS");
  size_t openings = 0;
  for (std::string line; std::getline(file, line);) {
    openings += line.find("\"event\":\"open\"") != std::string::npos;
  }
  CHECK(openings == 4);
  CHECK_FALSE(std::filesystem::exists(database.path() / "EVENTS.1"));
}

}  // namespace
}  // namespace sibyl::testing
