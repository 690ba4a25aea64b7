// RocksDB, as its tuning guide sets it up for point reads from memory: block-based table, Bloom
// filter of 10 bits, a block cache as large as the budget, index and filters outside it.

#include <dlfcn.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/table_properties.h>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"

namespace sibyl::bench {
namespace {

Error Translate(const char* call, const rocksdb::Status& status) {
  return {ErrorCode::kIo, std::string("RocksDB ") + call + ": " + status.ToString()};
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The write-ahead log without fsync: survives the crash of the process, as for every engine here.
rocksdb::WriteOptions Writing() {
  rocksdb::WriteOptions options;
  options.sync = false;
  options.disableWAL = false;
  return options;
}

class RocksDbSession : public Session {
 public:
  explicit RocksDbSession(rocksdb::DB* db) : db_(db) {}

  Result<bool> Get(std::string_view key, std::string_view* value) override {
    pinned_.Reset();
    const auto status = db_->Get(reading_, db_->DefaultColumnFamily(), ToSlice(key), &pinned_);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return Translate("Get", status);
    *value = ToView(pinned_);
    return true;
  }

  Status MultiGet(std::span<const std::string_view> keys,
                  std::span<std::optional<std::string_view>> values) override {
    const size_t count = keys.size();
    slices_.resize(count);
    many_pinned_.resize(count);
    statuses_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      slices_[i] = ToSlice(keys[i]);
      many_pinned_[i].Reset();
    }
    db_->MultiGet(reading_, db_->DefaultColumnFamily(), count, slices_.data(), many_pinned_.data(),
                  statuses_.data());
    for (size_t i = 0; i < count; ++i) {
      values[i].reset();
      if (statuses_[i].IsNotFound()) continue;
      if (!statuses_[i].ok()) return Translate("MultiGet", statuses_[i]);
      values[i] = ToView(many_pinned_[i]);
    }
    return Ok();
  }

  Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) override {
    const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(reading_));
    iterator->Seek(ToSlice(start));
    for (uint64_t i = 0; i < limit_records && iterator->Valid(); ++i, iterator->Next()) {
      sink.Add(ToView(iterator->key()), ToView(iterator->value()));
    }
    if (!iterator->status().ok()) return Translate("Iterator", iterator->status());
    return Ok();
  }

  Status Put(std::string_view key, std::string_view value) override {
    const auto status = db_->Put(writing_, ToSlice(key), ToSlice(value));
    if (!status.ok()) return Translate("Put", status);
    return Ok();
  }

  Status Write(std::span<const KeyValue> records) override {
    batch_.Clear();
    for (const KeyValue& record : records) {
      const auto status = batch_.Put(ToSlice(record.key), ToSlice(record.value));
      if (!status.ok()) return Translate("WriteBatch::Put", status);
    }
    const auto status = db_->Write(writing_, &batch_);
    if (!status.ok()) return Translate("Write", status);
    return Ok();
  }

  // Files as large as compaction would make them, written beside the database and linked into it.
  Status Ingest(RecordFeed& feed) override {
    const rocksdb::Options options = db_->GetOptions();
    std::vector<std::string> paths;
    KeyValue record;
    for (bool more = feed.Next(&record); more;) {
      paths.push_back(db_->GetName() + "/ingest-" + std::to_string(paths.size()) + ".sst");
      rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
      auto status = writer.Open(paths.back());
      do {
        if (status.ok()) status = writer.Put(ToSlice(record.key), ToSlice(record.value));
        more = feed.Next(&record);
      } while (more && status.ok() && writer.FileSize() < options.target_file_size_base);
      if (status.ok()) status = writer.Finish();
      if (!status.ok()) return Translate("SstFileWriter", status);
    }
    rocksdb::IngestExternalFileOptions ingesting;
    ingesting.move_files = true;
    const auto status = db_->IngestExternalFile(paths, ingesting);
    if (!status.ok()) return Translate("IngestExternalFile", status);
    return Ok();
  }

 private:
  rocksdb::DB* const db_;
  const rocksdb::ReadOptions reading_;
  const rocksdb::WriteOptions writing_ = Writing();
  rocksdb::PinnableSlice pinned_;
  rocksdb::WriteBatch batch_;
  std::vector<rocksdb::Slice> slices_;
  std::vector<rocksdb::PinnableSlice> many_pinned_;
  std::vector<rocksdb::Status> statuses_;
};

class RocksDbEngine : public Engine {
 public:
  RocksDbEngine(EngineSettings settings, std::unique_ptr<rocksdb::DB> db)
      : settings_(std::move(settings)), db_(std::move(db)) {}

  std::string name() const override { return "rocksdb"; }

  std::string description() const override {
    // Sync points exist only in builds whose assertions are live.
    const bool has_assertions =
        dlsym(RTLD_DEFAULT, "_ZN7rocksdb9SyncPoint11GetInstanceEv") != nullptr;
    return "RocksDB " + rocksdb::GetRocksVersionAsString() +
           (has_assertions ? ", shared library built WITHOUT NDEBUG (assertions and sync points "
                             "live: slower than a release build)"
                           : ", built with NDEBUG") +
           "; " + CompressionName() + ", Bloom filter 10 bits, block cache " +
           std::to_string(settings_.memory_bytes >> 20) + " MiB; log without fsync";
  }

  const char* CompressionName() const {
    switch (settings_.storage.compression) {
      case Compression::kLz4: return "LZ4";
      case Compression::kZstd: return "Zstd";
      case Compression::kNone: break;
    }
    return "no compression";
  }

  Result<std::unique_ptr<Session>> NewSession() override {
    return std::unique_ptr<Session>(std::make_unique<RocksDbSession>(db_.get()));
  }

  Status Settle() override {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    const auto status = db_->CompactRange(options, nullptr, nullptr);
    if (!status.ok()) return Translate("CompactRange", status);
    return Ok();
  }

  Result<bool> Busy() override {
    for (const auto* property : {&rocksdb::DB::Properties::kNumRunningCompactions,
                                 &rocksdb::DB::Properties::kNumRunningFlushes,
                                 &rocksdb::DB::Properties::kCompactionPending,
                                 &rocksdb::DB::Properties::kMemTableFlushPending}) {
      uint64_t value = 0;
      if (db_->GetIntProperty(*property, &value) && value != 0) return true;
    }
    return false;
  }

  // The index is what RocksDB keeps in memory to find a block: index blocks and filters.
  Result<Footprint> Measure() override {
    Footprint footprint;
    SIBYL_ASSIGN_OR_RETURN(footprint.disk_bytes, DiskBytes(settings_.directory));
    rocksdb::TablePropertiesCollection tables;
    const auto status = db_->GetPropertiesOfAllTables(&tables);
    if (!status.ok()) return Translate("GetPropertiesOfAllTables", status);
    for (const auto& [path, table] : tables) {
      footprint.index_bytes += table->index_size + table->filter_size;
      footprint.records += table->num_entries;
    }
    footprint.shape = "files per level";
    for (int level = 0; level < db_->NumberLevels(); ++level) {
      std::string files;
      db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + std::to_string(level),
                       &files);
      footprint.shape += " " + files;
    }
    return footprint;
  }

 private:
  const EngineSettings settings_;
  const std::unique_ptr<rocksdb::DB> db_;
};

rocksdb::CompressionType ToRocksDb(Compression compression) {
  switch (compression) {
    case Compression::kLz4: return rocksdb::kLZ4Compression;
    case Compression::kZstd: return rocksdb::kZSTD;
    case Compression::kNone: break;
  }
  return rocksdb::kNoCompression;
}

rocksdb::Options OpenOptions(const EngineSettings& settings) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.block_cache = rocksdb::NewLRUCache(settings.memory_bytes);
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = ToRocksDb(settings.storage.compression);
  options.write_buffer_size = settings.write_buffer_bytes;
  options.max_bytes_for_level_base = settings.first_level_bytes;
  // Files smaller than the first level, so that a small first level is still many files.
  options.target_file_size_base = std::min<uint64_t>(64ull << 20, settings.first_level_bytes);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenRocksDb(const EngineSettings& settings) {
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(OpenOptions(settings), settings.directory.string(), &db);
  if (!status.ok()) return Translate("Open", status);
  return std::unique_ptr<Engine>(
      std::make_unique<RocksDbEngine>(settings, std::unique_ptr<rocksdb::DB>(db)));
}

}  // namespace sibyl::bench
