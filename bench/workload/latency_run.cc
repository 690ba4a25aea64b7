#include "bench/workload/latency_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "bench/data/random.h"

namespace sibyl::bench {
namespace {

constexpr size_t kBatchRecords = 100;

Error WrongAnswer(std::string_view key) {
  return {ErrorCode::kCorruption,
          "WRONG ANSWER: a value that its key did not have, key " + base::Quoted(key)};
}

}  // namespace

uint64_t Latencies::QuantileNs(double fraction) {
  if (ns_.empty()) return 0;
  std::sort(ns_.begin(), ns_.end());
  const auto rank = static_cast<size_t>(std::ceil(fraction * static_cast<double>(ns_.size())));
  return ns_[std::clamp<size_t>(rank, 1, ns_.size()) - 1];
}

double Latencies::MeanNs() const {
  if (ns_.empty()) return 0;
  const uint64_t sum = std::accumulate(ns_.begin(), ns_.end(), uint64_t{0});
  return static_cast<double>(sum) / static_cast<double>(ns_.size());
}

LatencyRun::LatencyRun(LatencyOptions options, const KeySet& keys, std::ostream& out)
    : options_(std::move(options)),
      keys_(keys),
      out_(out),
      values_(options_.value_bytes),
      versions_(keys.size()) {}

Status LatencyRun::Run(const Contender& contender) {
  for (auto& version : versions_) version.store(1);
  EngineSettings settings;
  settings.directory = options_.directory / contender.name;
  settings.memory_bytes = options_.memory_bytes;
  settings.map_bytes = 4 * (keys_.key_bytes() + uint64_t{keys_.size()} * options_.value_bytes) +
                       100 * uint64_t{keys_.size()} + (1ull << 30);
  std::filesystem::create_directory(settings.directory);
  SIBYL_ASSIGN_OR_RETURN(const auto engine, contender.open(settings));
  {
    SIBYL_ASSIGN_OR_RETURN(const auto session, engine->NewSession());
    SIBYL_RETURN_IF_ERROR(Load(*session));
  }
  SIBYL_RETURN_IF_ERROR(engine->Settle());
  std::vector<Row> rows;
  SIBYL_RETURN_IF_ERROR(Measure(*engine, "idle, warming up", 1, false, &rows));
  rows.clear();
  (void)engine->Incidents();
  SIBYL_RETURN_IF_ERROR(Measure(*engine, "idle", 1, false, &rows));
  SIBYL_RETURN_IF_ERROR(Measure(*engine, "idle, two threads", 2, false, &rows));
  SIBYL_RETURN_IF_ERROR(Measure(*engine, "alone", 0, true, &rows));
  SIBYL_RETURN_IF_ERROR(Measure(*engine, "together", 1, true, &rows));
  Print(contender.name, &rows);
  if (const std::string incidents = engine->Incidents(); !incidents.empty()) {
    out_ << "  " << incidents << "\n";
  }
  out_ << std::flush;
  return Ok();
}

Status LatencyRun::Load(Session& session) {
  std::vector<uint32_t> order(keys_.size());
  std::iota(order.begin(), order.end(), 0);
  Random random(1);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  std::vector<std::string> bytes(kBatchRecords);
  std::vector<KeyValue> batch;
  for (size_t i = 0; i < order.size(); ++i) {
    std::string& value = bytes[batch.size()];
    values_.Encode(ValueCoder::Seed(order[i], 1), &value);
    batch.push_back({keys_.Key(order[i]), value});
    if (batch.size() < kBatchRecords && i + 1 < order.size()) continue;
    SIBYL_RETURN_IF_ERROR(session.Write(batch));
    batch.clear();
  }
  return Ok();
}

bool LatencyRun::IsVersion(std::string_view value, uint32_t rank, uint32_t first,
                           uint32_t last) const {
  for (uint32_t version = first; version <= last; ++version) {
    if (values_.Matches(value, ValueCoder::Seed(rank, version))) return true;
  }
  return false;
}

Status LatencyRun::Read(Session& session, uint64_t seed, const std::atomic<bool>& stop,
                        Latencies* latencies) {
  Random random(seed);
  while (!stop.load(std::memory_order_relaxed)) {
    const auto rank = static_cast<uint32_t>(random.Below(keys_.size()));
    const std::string_view key = keys_.Key(rank);
    // The last Put of the key may be under way: then the version before it is right, too.
    const uint32_t before = versions_[rank].load(std::memory_order_acquire);
    std::string_view value;
    const uint64_t began_ns = base::NowNs();
    SIBYL_ASSIGN_OR_RETURN(const bool found, session.Get(key, &value));
    latencies->Add(base::NowNs() - began_ns);
    const uint32_t after = versions_[rank].load(std::memory_order_acquire);
    if (!found || !IsVersion(value, rank, std::max(before, 2u) - 1, after)) return WrongAnswer(key);
  }
  return Ok();
}

Status LatencyRun::Write(Session& session, uint64_t seed, const std::atomic<bool>& stop,
                         Latencies* latencies) {
  Random random(seed);
  std::string value;
  while (!stop.load(std::memory_order_relaxed)) {
    const auto rank = static_cast<uint32_t>(random.Below(keys_.size()));
    const uint32_t version = versions_[rank].load(std::memory_order_relaxed) + 1;
    values_.Encode(ValueCoder::Seed(rank, version), &value);
    versions_[rank].store(version, std::memory_order_release);
    const uint64_t began_ns = base::NowNs();
    SIBYL_RETURN_IF_ERROR(session.Put(keys_.Key(rank), value));
    latencies->Add(base::NowNs() - began_ns);
  }
  return Ok();
}

Status LatencyRun::Measure(Engine& engine, const std::string& name, int readers, bool writer,
                           std::vector<Row>* rows) {
  const int threads = readers + (writer ? 1 : 0);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < threads; ++i) {
    SIBYL_ASSIGN_OR_RETURN(auto session, engine.NewSession());
    sessions.push_back(std::move(session));
  }
  std::vector<Latencies> latencies(static_cast<size_t>(threads));
  std::vector<Status> statuses(static_cast<size_t>(threads), Ok());
  std::vector<uint64_t> cpu_ns(static_cast<size_t>(threads));
  std::atomic<bool> stop{false};
  const uint64_t began_ns = base::NowNs();
  {
    std::vector<std::jthread> running;
    for (size_t i = 0; i < static_cast<size_t>(threads); ++i) {
      running.emplace_back([&, i] {
        const bool reads = i < static_cast<size_t>(readers);
        const uint64_t seed = began_ns + i;  // other keys each time
        statuses[i] = reads ? Read(*sessions[i], seed, stop, &latencies[i])
                            : Write(*sessions[i], seed, stop, &latencies[i]);
        cpu_ns[i] = base::ThreadNs();
      });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(options_.seconds));
    stop = true;
  }
  const double seconds = static_cast<double>(base::NowNs() - began_ns) * 1e-9;
  for (const Status& status : statuses) SIBYL_RETURN_IF_ERROR(status);
  if (writer) {
    rows->push_back({"Put, " + name, std::move(latencies.back()), seconds, cpu_ns.back()});
  }
  if (readers == 0) return Ok();
  Row reads{"Get, " + name, {}, seconds, 0};
  for (size_t i = 0; i < static_cast<size_t>(readers); ++i) {
    reads.latencies.Add(latencies[i]);
    reads.cpu_ns += cpu_ns[i];
  }
  rows->push_back(std::move(reads));
  return Ok();
}

void LatencyRun::Print(const std::string& engine, std::vector<Row>* rows) {
  char line[256];
  std::snprintf(line, sizeof(line), "%-24s %10s %10s %7s %7s %7s %8s %8s %9s %9s\n",
                (engine + ", us").c_str(), "calls", "calls/s", "cpu", "mean", "p50", "p99", "p99.9",
                "p99.99", "longest");
  out_ << line;
  for (Row& row : *rows) {
    Latencies& latencies = row.latencies;
    const double calls = std::max(1.0, static_cast<double>(latencies.count()));
    const auto micro = [&](double fraction) {
      return static_cast<double>(latencies.QuantileNs(fraction)) * 1e-3;
    };
    std::snprintf(line, sizeof(line),
                  "%-24s %10zu %10.0f %7.2f %7.2f %7.2f %8.2f %8.2f %9.2f %9.2f\n",
                  row.name.c_str(), latencies.count(), calls / row.wall_seconds,
                  static_cast<double>(row.cpu_ns) * 1e-3 / calls, latencies.MeanNs() * 1e-3,
                  micro(0.5), micro(0.99), micro(0.999), micro(0.9999), micro(1));
    out_ << line;
  }
}

}  // namespace sibyl::bench
