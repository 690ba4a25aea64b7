// Goal: the latency run counts what was called, its percentiles are those of the calls, and it stops
// at a value that its key never had.
// Method: percentiles of known numbers; an engine that is a locked std::map, and the same with a lie.

#include "bench/workload/latency_run.h"

#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <sstream>

#include "bench/workload/memory_baseline.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::bench {
namespace {

enum class Lie { kNone, kFlippedByte, kMissingKey, kOldVersion };

struct Store {
  std::mutex mutex;
  std::map<std::string, std::string, std::less<>> records;
  std::map<std::string, std::string, std::less<>> first;  // each key's first value
  Lie lie = Lie::kNone;
};

class MapSession : public Session {
 public:
  explicit MapSession(Store* store) : store_(*store) {}
  Result<bool> Get(std::string_view key, std::string_view* value) override {
    const std::lock_guard lock(store_.mutex);
    const auto& records = store_.lie == Lie::kOldVersion ? store_.first : store_.records;
    const auto found = records.find(key);
    if (found == records.end() || store_.lie == Lie::kMissingKey) return false;
    value_ = found->second;
    if (store_.lie == Lie::kFlippedByte) value_.back() ^= 1;
    *value = value_;
    return true;
  }
  Status MultiGet(std::span<const std::string_view>,
                  std::span<std::optional<std::string_view>>) override {
    return Ok();
  }
  Status Scan(std::string_view, uint64_t, RecordSink&) override { return Ok(); }
  Status Put(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(store_.mutex);
    store_.first.emplace(key, value);
    store_.records.insert_or_assign(std::string(key), std::string(value));
    return Ok();
  }
  Status Write(std::span<const KeyValue> records) override {
    for (const KeyValue& record : records) {
      if (auto put = Put(record.key, record.value); !put) return put;
    }
    return Ok();
  }

 private:
  Store& store_;
  std::string value_;
};

class MapEngine : public Engine {
 public:
  explicit MapEngine(Store* store) : store_(store) {}
  std::string name() const override { return "map"; }
  std::string description() const override { return "a map"; }
  Result<std::unique_ptr<Session>> NewSession() override {
    return std::unique_ptr<Session>(std::make_unique<MapSession>(store_));
  }
  Status Settle() override { return Ok(); }
  Result<Footprint> Measure() override { return Footprint{}; }
  std::string Incidents() override { return "nothing happened"; }

 private:
  Store* const store_;
};

struct Outcome {
  Status status = Ok();
  std::string screen;
};

Outcome Run(Lie lie) {
  const testing::TemporaryDirectory directory;
  Store store;
  store.lie = lie;
  std::vector<uint64_t> integers;
  for (uint64_t i = 0; i < 50; ++i) integers.push_back(i * i);
  const KeySet keys = KeySet::FromIntegers(std::move(integers)).value();
  std::ostringstream out;
  LatencyOptions options;
  options.directory = directory.path();
  options.seconds = 0.05;
  LatencyRun run(options, keys, out);
  const Contender contender{"map", [&store](const EngineSettings&) -> Result<std::unique_ptr<Engine>> {
                              return std::unique_ptr<Engine>(std::make_unique<MapEngine>(&store));
                            }};
  Outcome outcome;
  outcome.status = run.Run(contender);
  outcome.screen = out.str();
  return outcome;
}

TEST_CASE("percentiles are those of the calls", "[bench][latency]") {
  Latencies latencies;
  CHECK(latencies.QuantileNs(0.5) == 0);
  CHECK(latencies.MeanNs() == 0);
  for (uint64_t ns = 1000; ns >= 1; --ns) latencies.Add(ns);
  CHECK(latencies.count() == 1000);
  CHECK(latencies.QuantileNs(0) == 1);
  CHECK(latencies.QuantileNs(0.5) == 500);
  CHECK(latencies.QuantileNs(0.999) == 999);
  CHECK(latencies.QuantileNs(0.9999) == 1000);
  CHECK(latencies.QuantileNs(1) == 1000);
  CHECK(latencies.MeanNs() == 500.5);
  latencies.Add(UINT64_MAX);
  CHECK(latencies.QuantileNs(1) == UINT32_MAX);
}

TEST_CASE("an engine that answers rightly gets its table", "[bench][latency]") {
  const Outcome outcome = Run(Lie::kNone);
  REQUIRE(outcome.status);
  INFO(outcome.screen);
  for (const char* row : {"Get, idle ", "Get, idle, two threads", "Put, alone", "Put, together",
                          "Get, together", "nothing happened"}) {
    CHECK(outcome.screen.find(row) != std::string::npos);
  }
}

TEST_CASE("a wrong value ends the run", "[bench][latency]") {
  const auto lie = GENERATE(Lie::kFlippedByte, Lie::kMissingKey, Lie::kOldVersion);
  const Outcome outcome = Run(lie);
  REQUIRE_FALSE(outcome.status);
  CHECK(outcome.status.error().message.find("WRONG ANSWER") == 0);
}

TEST_CASE("bare memory is read by any number of threads", "[bench][latency]") {
  const auto threads = GENERATE(1u, 3u);
  CHECK(MemoryReadsPerSecond(threads, 64 << 10, 0.01) > 0);
}

}  // namespace
}  // namespace sibyl::bench
