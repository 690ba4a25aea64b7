// Goal: a comparison passes an engine that answers rightly, and stops at the first wrong answer,
// naming engine, workload and key, whatever is wrong: that is what makes its numbers worth reading.
// Method: an engine that is a std::map, and the same with one lie each.

#include "bench/workload/comparison.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "base/status_macros.h"
#include "bench/workload/report.h"

namespace sibyl::bench {
namespace {

enum class Lie {
  kNone,
  kFlippedByte,      // in the last byte of a value
  kMissingKey,       // a key that is there is not found
  kGhost,            // a key that is not there is found
  kLostUpdate,       // a single write is forgotten
  kScanSkips,        // a scan leaves a record out
  kScanEndsEarly,    // a scan ends one record too soon
  kMultiGetSwapped,  // two answers of a batch exchanged
  kIngestsLess,      // the last record that is handed over to be ingested is forgotten
};

using Records = std::map<std::string, std::string, std::less<>>;

// Lies only from the `kHonestReads`-th read on, so that the load's check passes.
constexpr int kHonestReads = 200;

class MapSession : public Session {
 public:
  MapSession(Records* records, Lie lie, std::atomic<int>* reads)
      : records_(*records), lie_(lie), reads_(*reads) {}

  Result<bool> Get(std::string_view key, std::string_view* value) override {
    const bool lying = ++reads_ > kHonestReads;
    const auto found = records_.find(key);
    if (found == records_.end()) {
      value_ = "ghost";
      *value = value_;
      return lying && lie_ == Lie::kGhost;
    }
    if (lying && lie_ == Lie::kMissingKey) return false;
    value_ = found->second;
    if (lying && lie_ == Lie::kFlippedByte) value_.back() ^= 1;
    *value = value_;
    return true;
  }

  Status MultiGet(std::span<const std::string_view> keys,
                  std::span<std::optional<std::string_view>> values) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto found = records_.find(keys[i]);
      values[i] =
          found == records_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    }
    if (lie_ == Lie::kMultiGetSwapped) std::swap(values[0], values[keys.size() - 1]);
    return Ok();
  }

  Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) override {
    const bool is_check = limit_records > kYcsbScanRecordsMax;  // of the load
    if (lie_ == Lie::kScanEndsEarly && !is_check) --limit_records;
    auto record = records_.lower_bound(start);
    for (uint64_t i = 0; i < limit_records && record != records_.end(); ++i, ++record) {
      if (lie_ == Lie::kScanSkips && !is_check && i == 1 && ++record == records_.end()) break;
      sink.Add(record->first, record->second);
    }
    return Ok();
  }

  Status Put(std::string_view key, std::string_view value) override {
    if (lie_ == Lie::kLostUpdate) return Ok();
    records_.insert_or_assign(std::string(key), std::string(value));
    return Ok();
  }

  Status Write(std::span<const KeyValue> records) override {
    for (const KeyValue& record : records) {
      records_.insert_or_assign(std::string(record.key), std::string(record.value));
    }
    return Ok();
  }

  Status Ingest(RecordFeed& feed) override {
    records_.clear();  // an empty database
    SIBYL_RETURN_IF_ERROR(Session::Ingest(feed));
    if (lie_ == Lie::kIngestsLess) records_.erase(std::prev(records_.end()));
    return Ok();
  }

  Status BeginLongRead() override { return Ok(); }

 private:
  Records& records_;
  const Lie lie_;
  std::atomic<int>& reads_;
  std::string value_;
};

class MapEngine : public Engine {
 public:
  MapEngine(Records* records, Lie lie) : records_(records), lie_(lie) {}
  std::string name() const override { return "map"; }
  std::string description() const override { return "a \"map\""; }
  Result<std::unique_ptr<Session>> NewSession() override {
    return std::unique_ptr<Session>(std::make_unique<MapSession>(records_, lie_, &reads_));
  }
  Status Settle() override { return Ok(); }
  Result<Footprint> Measure() override { return Footprint{}; }
  bool has_long_reads() const override { return true; }

 private:
  Records* const records_;
  const Lie lie_;
  std::atomic<int> reads_ = 0;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = std::filesystem::temp_directory_path() / "sibyl_bench_test.XXXXXX";
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

const KeySet& Keys() {
  static const KeySet keys = [] {
    std::vector<uint64_t> integers;
    for (uint64_t i = 0; i < 2000; ++i) integers.push_back(i * i + 3);
    return KeySet::FromIntegers(std::move(integers)).value();
  }();
  return keys;
}

struct Outcome {
  Status status = Ok();
  std::string screen;
  std::string json;
};

Outcome Compare(Lie lie, std::vector<Workload> workloads, uint32_t threads = 1,
                bool measure_delta = false) {
  const TemporaryDirectory directory;
  Records honest_records;
  Records lying_records;
  ComparisonOptions options;
  options.directory = directory.path();
  options.workloads = std::move(workloads);
  options.rounds = 2;
  options.operations = 2000;
  options.measure_delta = measure_delta;
  options.threads = threads;
  const auto honest = [&](const EngineSettings&) -> Result<std::unique_ptr<Engine>> {
    return std::unique_ptr<Engine>(std::make_unique<MapEngine>(&honest_records, Lie::kNone));
  };
  const auto liar = [&](const EngineSettings&) -> Result<std::unique_ptr<Engine>> {
    return std::unique_ptr<Engine>(std::make_unique<MapEngine>(&lying_records, lie));
  };
  std::ostringstream screen;
  Report report(screen);
  Outcome outcome;
  outcome.status =
      Comparison(options, {{"honest", honest}, {"suspect", liar}}, Keys(), report).Run();
  if (outcome.status) report.Summary();
  outcome.screen = screen.str();
  outcome.json = report.Json();
  return outcome;
}

const std::vector<Workload> kAll = {Workload::kLoad,   Workload::kIngest, Workload::kUniform,
                                    Workload::kSerial, Workload::kZipf,   Workload::kAbsent,
                                    Workload::kScan50, Workload::kYcsbA,  Workload::kYcsbB,
                                    Workload::kYcsbC,  Workload::kYcsbE,  Workload::kMultiGet32,
                                    Workload::kYcsbF,  Workload::kUpdate};

TEST_CASE("an engine that answers rightly passes every workload in both states",
          "[bench][comparison]") {
  const uint32_t threads = GENERATE(1u, 3u);
  INFO("threads=" << threads);
  const Outcome outcome = Compare(Lie::kNone, kAll, threads, true);
  INFO(outcome.screen);
  REQUIRE(outcome.status.has_value());
  for (const char* text : {"ingest", "uniform", "multiget32", "update", "honest-long",
                           "Verdict, compacted", "Verdict, delta", "none was wrong"}) {
    INFO(text);
    CHECK(outcome.screen.find(text) != std::string::npos);
  }
  CHECK(outcome.json.find("\"a \\\"map\\\"\"") != std::string::npos);
}

TEST_CASE("each kind of wrong answer stops the comparison and is named", "[bench][comparison]") {
  struct Case {
    Lie lie;
    Workload workload;
  };
  const Case lying = GENERATE(
      Case{Lie::kFlippedByte, Workload::kUniform}, Case{Lie::kFlippedByte, Workload::kSerial},
      Case{Lie::kMissingKey, Workload::kZipf}, Case{Lie::kGhost, Workload::kAbsent},
      Case{Lie::kLostUpdate, Workload::kYcsbA}, Case{Lie::kLostUpdate, Workload::kYcsbF},
      Case{Lie::kLostUpdate, Workload::kYcsbE}, Case{Lie::kLostUpdate, Workload::kUpdate},
      Case{Lie::kScanSkips, Workload::kScan50}, Case{Lie::kScanEndsEarly, Workload::kScan50},
      Case{Lie::kScanEndsEarly, Workload::kYcsbE},
      Case{Lie::kMultiGetSwapped, Workload::kMultiGet32},
      Case{Lie::kIngestsLess, Workload::kIngest});
  INFO("lie " << static_cast<int>(lying.lie) << ", workload " << WorkloadName(lying.workload));
  const Outcome outcome = Compare(lying.lie, {lying.workload});
  REQUIRE_FALSE(outcome.status.has_value());
  const std::string& message = outcome.status.error().message;
  INFO(message);
  CHECK(message.find("suspect") == 0);
  CHECK(message.find(WorkloadName(lying.workload)) != std::string::npos);
  CHECK(message.find("WRONG ANSWER") != std::string::npos);
}

}  // namespace
}  // namespace sibyl::bench
