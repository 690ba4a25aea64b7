// SibylDB through its public interface, with its default options.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"
#include "sibyl/database.h"
#include "sibyl/version.h"

namespace sibyl::bench {
namespace {

class SibylSession : public Session {
 public:
  explicit SibylSession(Database* db) : db_(db) {}

  Result<bool> Get(std::string_view key, std::string_view* value) override {
    auto found = db_->Get(reading_, kDefaultTree, key, &value_);
    *value = value_.view();
    return found;
  }

  Status MultiGet(std::span<const std::string_view> keys,
                  std::span<std::optional<std::string_view>> values) override {
    if (many_values_.size() < keys.size()) many_values_.resize(keys.size());
    SIBYL_RETURN_IF_ERROR(db_->MultiGet(reading_, kDefaultTree, keys, many_values_));
    for (size_t i = 0; i < keys.size(); ++i) {
      values[i] = many_values_[i].found() ? std::optional(many_values_[i].view()) : std::nullopt;
    }
    return Ok();
  }

  Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) override {
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, db_->NewIterator(kDefaultTree));
    iterator->Seek(start);
    for (uint64_t i = 0; i < limit_records && iterator->Valid(); ++i, iterator->Next()) {
      sink.Add(iterator->key(), iterator->value());
    }
    return iterator->status();
  }

  Status Put(std::string_view key, std::string_view value) override { return db_->Put(key, value); }

  Status Write(std::span<const KeyValue> records) override {
    batch_.Clear();
    for (const KeyValue& record : records) {
      SIBYL_RETURN_IF_ERROR(batch_.Put(record.key, record.value));
    }
    return db_->Write({}, batch_);
  }

  Status Ingest(RecordFeed& feed) override {
    KeyValue record;
    const auto source = [&]() -> Result<std::optional<Record>> {
      if (!feed.Next(&record)) return std::optional<Record>();
      return std::optional<Record>({record.key, record.value});
    };
    SIBYL_RETURN_IF_ERROR(db_->Ingest(kDefaultTree, source, {.sorted = true}));
    return Ok();
  }

 private:
  Database* const db_;
  const ReadOptions reading_;
  Value value_;
  std::vector<Value> many_values_;
  WriteBatch batch_;
};

std::string MebiBytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

double Percent(uint64_t part, uint64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(std::max<uint64_t>(whole, 1));
}

// Adds up the durations that events of a kind have in their "ns".
class EventCount {
 public:
  void Add(std::string_view line) {
    constexpr std::string_view kEvent = "\"event\":\"";
    constexpr std::string_view kNs = "\"ns\":";
    const size_t event = line.find(kEvent);
    const size_t ns = line.find(kNs);
    if (event == std::string_view::npos || ns == std::string_view::npos) return;
    const std::string_view name = line.substr(event + kEvent.size());
    Kind kind{1, 0};
    std::from_chars(line.data() + ns + kNs.size(), line.data() + line.size(), kind.longest_ns);
    const std::lock_guard lock(mutex_);
    Kind& sum = kinds_[std::string(name.substr(0, name.find('"')))];
    sum.count += kind.count;
    sum.longest_ns = std::max(sum.longest_ns, kind.longest_ns);
  }

  // "3 drain, longest 12.3 ms; ..." since the last time.
  std::string Take() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [name, kind] : std::exchange(kinds_, {})) {
      char part[96];
      std::snprintf(part, sizeof(part), "%s%lu %s, longest %.1f ms", text.empty() ? "" : "; ",
                    static_cast<unsigned long>(kind.count), name.c_str(),
                    static_cast<double>(kind.longest_ns) * 1e-6);
      text += part;
    }
    return text;
  }

 private:
  struct Kind {
    uint64_t count = 0;
    uint64_t longest_ns = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Kind> kinds_;
};

class SibylEngine : public Engine {
 public:
  SibylEngine(EngineSettings settings, std::shared_ptr<EventCount> events,
              std::shared_ptr<Database> db)
      : settings_(std::move(settings)), events_(std::move(events)), db_(std::move(db)) {}

  std::string name() const override { return "sibyl"; }

  std::string description() const override {
    return std::string("SibylDB ") + kVersion + "; " + StorageText() + ", generation " +
           MebiBytes(settings_.write_buffer_bytes) + ", first level " +
           MebiBytes(settings_.first_level_bytes) + ", 12 runs; log without fsync";
  }

  std::string StorageText() const {
    const StorageSettings& storage = settings_.storage;
    std::string text = storage.pread ? "segments read by pread" : "mapped segments";
    if (storage.compression == Compression::kLz4) text += ", LZ4";
    if (storage.compression == Compression::kZstd) text += ", Zstd";
    if (storage.packed_keys) text += ", packed keys";
    if (storage.pread || storage.compression != Compression::kNone) {
      text += ", block cache " + MebiBytes(settings_.memory_bytes);
    }
    return text;
  }

  Result<std::unique_ptr<Session>> NewSession() override {
    return std::unique_ptr<Session>(std::make_unique<SibylSession>(db_.get()));
  }

  Status Settle() override { return db_->Compact(); }

  // Frozen generations wait for their drain; a compaction that runs on shows in its counters only
  // when it ends, so the caller also watches the processor.
  Result<bool> Busy() override {
    SIBYL_ASSIGN_OR_RETURN(const Stats stats, db_->GetStats());
    for (const GenerationStats& generation : stats.generations) {
      if (!generation.active) return true;
    }
    return false;
  }

  // The index is models, block offsets and sampled ranks: everything in a segment but its data.
  Result<Footprint> Measure() override {
    Footprint footprint;
    SIBYL_ASSIGN_OR_RETURN(footprint.disk_bytes, DiskBytes(settings_.directory));
    SIBYL_ASSIGN_OR_RETURN(const Stats stats, db_->GetStats());
    for (const GenerationStats& generation : stats.generations) {
      footprint.records += generation.records;
      footprint.shape += std::string(generation.active ? "active" : "frozen") + " generation " +
                         std::to_string(generation.records) + " records, ";
    }
    uint64_t training_ns = 0;
    uint64_t build_ns = 0;
    uint64_t learned = 0;
    uint64_t models = 0;
    for (const LevelStats& level : stats.levels) {
      uint64_t level_records = 0;
      for (const SegmentStats& segment : level.segments) {
        level_records += segment.records;
        footprint.index_bytes += segment.index_bytes;
        training_ns += segment.training_ns;
        build_ns += segment.build_ns;
        models += segment.models.size();
        for (const ModelStats& model : segment.models) learned += model.kind == "learned";
      }
      if (level.segments.empty()) continue;
      footprint.records += level_records;
      footprint.shape += "level " + std::to_string(level.level) + ": " +
                         std::to_string(level_records) + " records in " +
                         std::to_string(level.segments.size()) + " segments, ";
    }
    char text[192];
    std::snprintf(text, sizeof(text),
                  "%lu of %lu models learned, training %.1f %% of building, %.1f %% of the CPU of "
                  "%.1f s of drains and compactions, ",
                  static_cast<unsigned long>(learned), static_cast<unsigned long>(models),
                  Percent(training_ns, build_ns),
                  Percent(stats.counters.training_ns, stats.counters.compaction_cpu_ns),
                  static_cast<double>(stats.counters.compaction_cpu_ns) * 1e-9);
    footprint.shape += text;
    footprint.shape += std::to_string(stats.counters.model_bound_violations) + " bound violations";
    return footprint;
  }

  std::string Incidents() override { return events_->Take(); }

 private:
  const EngineSettings settings_;
  const std::shared_ptr<EventCount> events_;
  const std::shared_ptr<Database> db_;
};

}  // namespace

Result<std::unique_ptr<Engine>> OpenSibyl(const EngineSettings& settings) {
  Options options;
  options.generation_bytes = settings.write_buffer_bytes;
  options.first_level_bytes = settings.first_level_bytes;
  options.block_cache_bytes = settings.memory_bytes;
  if (settings.storage.pread) options.read_mode = ReadMode::kPread;
  if (settings.segment_bytes) options.segment_bytes = *settings.segment_bytes;
  if (settings.last_level_filter_bits) {
    options.last_level_filter_bits_per_key = *settings.last_level_filter_bits;
  }
  auto events = std::make_shared<EventCount>();
  options.event_listener = [events](std::string_view line) { events->Add(line); };
  SIBYL_ASSIGN_OR_RETURN(auto db, Database::Open(options, settings.directory));
  SIBYL_RETURN_IF_ERROR(db->SetTreeOptions(
      kDefaultTree, {settings.storage.compression, settings.storage.packed_keys}));
  return std::unique_ptr<Engine>(
      std::make_unique<SibylEngine>(settings, std::move(events), std::move(db)));
}

}  // namespace sibyl::bench
