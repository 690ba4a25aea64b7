// Engine: the one interface behind which every storage engine is measured.
//
// It asks for what all of them can do and nothing that favours one: point reads, batched reads,
// short scans, atomic batches of writes, and a moment to reach the state in which they read best.
// One adapter per engine keeps that engine's advice from its own documentation (docs/
// benchmarks-engine.md lists the choices).

#ifndef SIBYL_BENCH_RIVALS_ENGINE_H_
#define SIBYL_BENCH_RIVALS_ENGINE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "sibyl/tree.h"

namespace sibyl::bench {

struct KeyValue {
  std::string_view key;
  std::string_view value;
};

// Receives the records of a scan, in key order.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void Add(std::string_view key, std::string_view value) = 0;
};

// Hands out records in key order.
class RecordFeed {
 public:
  virtual ~RecordFeed() = default;

  // False at the end. What `record` points to is valid until the next call.
  virtual bool Next(KeyValue* record) = 0;
};

// One thread's access to an engine. Used by one thread at a time; ends before its engine.
class Session {
 public:
  virtual ~Session() = default;

  // Points `value` at what was found, valid until the next call, and returns whether `key` exists.
  virtual Result<bool> Get(std::string_view key, std::string_view* value) = 0;

  // values[i] answers keys[i], nullopt for an absent key; valid until the next call.
  virtual Status MultiGet(std::span<const std::string_view> keys,
                          std::span<std::optional<std::string_view>> values) = 0;

  // Hands the first `limit_records` records with key >= `start` to `sink`, fewer at the end.
  virtual Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) = 0;

  virtual Status Put(std::string_view key, std::string_view value) = 0;

  // One atomic batch.
  virtual Status Write(std::span<const KeyValue> records) = 0;

  // Fills an empty database with all of `feed`, by the fastest way that the engine has for sorted
  // records. By default in batches of 10,000.
  virtual Status Ingest(RecordFeed& feed);

  // From here to EndLongRead every read of this session sees one state, through one transaction
  // that stays open. Only called if the engine says has_long_reads().
  virtual Status BeginLongRead() { return Error{ErrorCode::kNotSupported, "no long reads"}; }
  virtual void EndLongRead() {}
};

// What the data costs. Taken when the engine is quiet.
struct Footprint {
  uint64_t disk_bytes = 0;   // allocated to the engine's files
  uint64_t index_bytes = 0;  // what leads to the data and is not data: see each adapter
  uint64_t records = 0;      // as the engine counts them, newer versions and all
  std::string shape;         // levels, pages or pieces, in a few words
};

// How segments, tables and files keep their data, for engines that have the choice.
struct StorageSettings {
  Compression compression = Compression::kNone;  // Sibyl's, RocksDB's
  bool packed_keys = false;                      // Sibyl's
  bool pread = false;  // Sibyl reads through a cache of memory_bytes instead of a mapping
};

// How an engine is opened. The same numbers go to every engine that has such a knob.
struct EngineSettings {
  std::filesystem::path directory;  // exists and belongs to this engine alone

  // For the engine's own cache: RocksDB's block cache, SQLite's page cache; Sibyl's where it has
  // compressed blocks or reads with pread. Engines that map their files (Sibyl, LMDB) use the page
  // cache of the operating system instead.
  uint64_t memory_bytes = 0;

  StorageSettings storage;

  uint64_t write_buffer_bytes = 64ull << 20;  // Sibyl's generation, RocksDB's memtable
  uint64_t first_level_bytes = 512ull << 20;  // Sibyl's runs together, RocksDB's level base

  // Sibyl only; nullopt: its default.
  std::optional<uint64_t> segment_bytes;

  // Sibyl only, RocksDB always has 10: bits per key of the last level's filters; nullopt: its default.
  std::optional<uint32_t> last_level_filter_bits;

  uint64_t map_bytes = 1ull << 30;            // address space for LMDB's and SQLite's mapping
};

class Engine {
 public:
  virtual ~Engine() = default;

  virtual std::string name() const = 0;

  // Version, build and the options that matter, for the head of the report.
  virtual std::string description() const = 0;

  virtual Result<std::unique_ptr<Session>> NewSession() = 0;

  // Brings the engine into the state in which it reads best: compacted, statistics gathered.
  virtual Status Settle() = 0;

  // True while background work is queued or running.
  virtual Result<bool> Busy() { return false; }

  virtual Result<Footprint> Measure() = 0;

  // What may have made single calls slow since this was last asked, in a few words; empty: the
  // engine does not tell.
  virtual std::string Incidents() { return {}; }

  // True if reading inside one long transaction is a different, usual way to use this engine.
  virtual bool has_long_reads() const { return false; }
};

// Bytes the files under `directory` occupy: holes and space reserved beyond a file's end excluded.
Result<uint64_t> DiskBytes(const std::filesystem::path& directory);

// ---- The adapters ----
// Each opens the database in settings.directory, creating it if it is not there.

Result<std::unique_ptr<Engine>> OpenSibyl(const EngineSettings& settings);
Result<std::unique_ptr<Engine>> OpenRocksDb(const EngineSettings& settings);
Result<std::unique_ptr<Engine>> OpenLmdb(const EngineSettings& settings);
Result<std::unique_ptr<Engine>> OpenSqlite(const EngineSettings& settings);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_RIVALS_ENGINE_H_
