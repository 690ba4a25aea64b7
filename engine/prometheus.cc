// Statistics in Prometheus' text format, version 0.0.4.

#include <cstdio>
#include <string>
#include <string_view>

#include "sibyl/stats.h"

namespace sibyl {

namespace {

// Latencies are shown in powers of two from 64 ns to 69 s.
constexpr int kFirstOctave = 6;
constexpr int kLastOctave = 36;

std::string Seconds(double ns) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", ns / 1e9);
  return text;
}

class Writer {
 public:
  void Header(std::string_view name, std::string_view type, std::string_view help) {
    text_ += "# HELP sibyl_" + std::string(name) + ' ' + std::string(help) + "\n# TYPE sibyl_" +
             std::string(name) + ' ' + std::string(type) + '\n';
  }
  void Value(std::string_view name, std::string_view labels, std::string_view value) {
    text_ += "sibyl_" + std::string(name);
    if (!labels.empty()) text_ += '{' + std::string(labels) + '}';
    text_ += ' ' + std::string(value) + '\n';
  }
  void Counter(std::string_view name, std::string_view help, uint64_t value) {
    Header(name, "counter", help);
    Value(name, "", std::to_string(value));
  }
  void Gauge(std::string_view name, std::string_view help, uint64_t value) {
    Header(name, "gauge", help);
    Value(name, "", std::to_string(value));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// By the format's custom times are seconds, and a counter's name ends with _total.
void WriteCounters(const Counters& counters, Writer* out) {
  for (const NamedCounter& counter : ListCounters(counters)) {
    std::string_view name = counter.name;
    if (!name.ends_with("_ns")) {
      out->Counter(std::string(name) + "_total", counter.meaning, counter.value);
      continue;
    }
    name.remove_suffix(3);
    const std::string in_seconds = std::string(name) + "_seconds_total";
    out->Header(in_seconds, "counter", counter.meaning);
    out->Value(in_seconds, "", Seconds(static_cast<double>(counter.value)));
  }
}

void WriteMemory(const MemoryStats& memory, Writer* out) {
  out->Header("memory_bytes", "gauge", "Memory by component");
  const std::pair<const char*, uint64_t> components[] = {
      {"delta", memory.delta_bytes},
      {"index", memory.index_bytes},
      {"block_cache", memory.block_cache_bytes},
      {"transactions", memory.transaction_bytes}};
  for (const auto& [component, bytes] : components) {
    out->Value("memory_bytes", std::string("component=\"") + component + '"',
               std::to_string(bytes));
  }
  out->Gauge("process_allocated_bytes", "Allocated by the whole process",
             memory.process_allocated_bytes);
  out->Gauge("process_resident_bytes", "Held by the process's allocator",
             memory.process_resident_bytes);
}

void WriteLevels(const Stats& stats, Writer* out) {
  const auto each = [&](std::string_view name, std::string_view help, auto value_of) {
    out->Header(name, "gauge", help);
    for (const LevelStats& level : stats.levels) {
      uint64_t total = 0;
      for (const SegmentStats& segment : level.segments) total += value_of(segment);
      out->Value(name, "level=\"" + std::to_string(level.level) + '"', std::to_string(total));
    }
  };
  each("level_segments", "Segments", [](const SegmentStats&) { return uint64_t{1}; });
  each("level_file_bytes", "Bytes of segment files",
       [](const SegmentStats& segment) { return segment.file_bytes; });
  each("level_records", "Records, tombstones included",
       [](const SegmentStats& segment) { return segment.records; });
  each("level_index_bytes", "Bytes of models and block directories",
       [](const SegmentStats& segment) { return segment.index_bytes; });
}

void WriteLatency(const LatencyStats& latency, Writer* out) {
  const LatencyHistogram& histogram = latency.histogram;
  const std::string call = "call=\"" + latency.call + '"';
  size_t bucket = 0;
  uint64_t below = 0;
  for (int octave = kFirstOctave; octave <= kLastOctave; ++octave) {
    const uint64_t bound_ns = uint64_t{1} << octave;
    while (bucket < histogram.counts.size() && LatencyHistogram::UpperBoundNs(bucket) <= bound_ns) {
      below += histogram.counts[bucket++];
    }
    out->Value("latency_seconds_bucket",
               call + ",le=\"" + Seconds(static_cast<double>(bound_ns)) + '"',
               std::to_string(below * histogram.sample_every));
  }
  const std::string count = std::to_string(histogram.recorded * histogram.sample_every);
  out->Value("latency_seconds_bucket", call + ",le=\"+Inf\"", count);
  out->Value("latency_seconds_sum", call,
             Seconds(static_cast<double>(histogram.total_ns) * histogram.sample_every));
  out->Value("latency_seconds_count", call, count);
}

}  // namespace

std::string PrometheusText(const Stats& stats) {
  Writer out;
  WriteCounters(stats.counters, &out);
  out.Gauge("generations", "Generations in memory", stats.generations.size());
  out.Gauge("range_deletions", "Deleted ranges that still hide records", stats.range_deletions);
  out.Gauge("pinned_views", "Snapshots, iterators and transactions alive", stats.pinned_views);
  out.Gauge("pinned_generation_bytes", "Memory of drained generations that are read still",
            stats.pinned_generation_bytes);
  out.Gauge("pinned_generations", "Drained generations that are read still",
            stats.pinned_generations);
  out.Gauge("writes_stopped", "1: a write to the log failed, none is taken until the next opening",
            stats.writes_stopped_by.empty() ? 0 : 1);
  out.Gauge("merging_stopped", "1: damage in a segment ended merging until the next opening",
            stats.merging_stopped_by.empty() ? 0 : 1);
  out.Gauge("last_sequence", "The last commit", stats.last_sequence);
  out.Gauge("trees", "Trees", stats.trees.size());
  WriteMemory(stats.memory, &out);
  WriteLevels(stats, &out);
  out.Header("latency_seconds", "histogram", "How long calls took, from a sample");
  for (const LatencyStats& latency : stats.latencies) WriteLatency(latency, &out);
  return out.Take();
}

}  // namespace sibyl
