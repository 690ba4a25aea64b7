// LMDB: a copy-on-write B+tree in one mapped file.

#include <lmdb.h>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"

namespace sibyl::bench {
namespace {

Error Translate(const char* call, int code) {
  return {ErrorCode::kIo, std::string("LMDB ") + call + ": " + mdb_strerror(code)};
}

MDB_val ToVal(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB's C interface; it does not write
}
std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

// A reader of the whole environment. Between reads it is reset, which keeps its slot in the reader
// table, so that the next read pays only for a renewal: LMDB's own advice for frequent readers.
class LmdbSession : public Session {
 public:
  static Result<std::unique_ptr<Session>> New(MDB_env* environment, MDB_dbi records) {
    auto session = std::unique_ptr<LmdbSession>(new LmdbSession(environment, records));
    int code = mdb_txn_begin(environment, nullptr, MDB_RDONLY, &session->reader_);
    if (code == 0) code = mdb_cursor_open(session->reader_, records, &session->cursor_);
    if (code != 0) return Translate("mdb_txn_begin", code);
    mdb_txn_reset(session->reader_);
    return std::unique_ptr<Session>(std::move(session));
  }

  ~LmdbSession() override {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
    if (reader_ != nullptr) mdb_txn_abort(reader_);
  }

  Result<bool> Get(std::string_view key, std::string_view* value) override {
    SIBYL_RETURN_IF_ERROR(BeginRead());
    const auto found = GetInside(key, value);
    EndRead();
    return found;
  }

  // LMDB has no batched read: one transaction for all, one search per key.
  Status MultiGet(std::span<const std::string_view> keys,
                  std::span<std::optional<std::string_view>> values) override {
    SIBYL_RETURN_IF_ERROR(BeginRead());
    for (size_t i = 0; i < keys.size(); ++i) {
      std::string_view value;
      auto found = GetInside(keys[i], &value);
      if (!found) return std::move(found).error();
      values[i] = *found ? std::optional(value) : std::nullopt;
    }
    EndRead();
    return Ok();
  }

  Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) override {
    SIBYL_RETURN_IF_ERROR(BeginRead());
    if (!in_long_read_) {
      const int code = mdb_cursor_renew(reader_, cursor_);
      if (code != 0) return Translate("mdb_cursor_renew", code);
    }
    MDB_val key = ToVal(start);
    MDB_val value;
    int code = mdb_cursor_get(cursor_, &key, &value, MDB_SET_RANGE);
    for (uint64_t i = 0; code == 0 && i < limit_records; ++i) {
      sink.Add(ToView(key), ToView(value));
      if (i + 1 < limit_records) code = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT);
    }
    EndRead();
    if (code != 0 && code != MDB_NOTFOUND) return Translate("mdb_cursor_get", code);
    return Ok();
  }

  Status Put(std::string_view key, std::string_view value) override {
    const KeyValue record{key, value};
    return Write({&record, 1});
  }

  Status Write(std::span<const KeyValue> records) override {
    MDB_txn* writer = nullptr;
    int code = mdb_txn_begin(environment_, nullptr, 0, &writer);
    if (code != 0) return Translate("mdb_txn_begin", code);
    for (size_t i = 0; code == 0 && i < records.size(); ++i) {
      MDB_val key = ToVal(records[i].key);
      MDB_val value = ToVal(records[i].value);
      code = mdb_put(writer, records_, &key, &value, 0);
    }
    if (code != 0) {
      mdb_txn_abort(writer);
      return Translate("mdb_put", code);
    }
    code = mdb_txn_commit(writer);
    if (code != 0) return Translate("mdb_txn_commit", code);
    return Ok();
  }

  // Appended through one cursor, without a search: LMDB's advice for sorted records.
  Status Ingest(RecordFeed& feed) override {
    constexpr int kRecordsPerCommit = 100'000;
    KeyValue record;
    for (bool more = feed.Next(&record); more;) {
      MDB_txn* writer = nullptr;
      MDB_cursor* cursor = nullptr;
      int code = mdb_txn_begin(environment_, nullptr, 0, &writer);
      if (code != 0) return Translate("mdb_txn_begin", code);
      code = mdb_cursor_open(writer, records_, &cursor);
      for (int i = 0; code == 0 && more && i < kRecordsPerCommit; ++i) {
        MDB_val key = ToVal(record.key);
        MDB_val value = ToVal(record.value);
        code = mdb_cursor_put(cursor, &key, &value, MDB_APPEND);
        if (code == 0) more = feed.Next(&record);
      }
      if (cursor != nullptr) mdb_cursor_close(cursor);
      if (code != 0) mdb_txn_abort(writer);
      if (code == 0) code = mdb_txn_commit(writer);
      if (code != 0) return Translate("MDB_APPEND", code);
    }
    return Ok();
  }

  Status BeginLongRead() override {
    SIBYL_RETURN_IF_ERROR(BeginRead());
    const int code = mdb_cursor_renew(reader_, cursor_);
    if (code != 0) return Translate("mdb_cursor_renew", code);
    in_long_read_ = true;
    return Ok();
  }

  void EndLongRead() override {
    in_long_read_ = false;
    EndRead();
  }

 private:
  LmdbSession(MDB_env* environment, MDB_dbi records)
      : environment_(environment), records_(records) {}

  Status BeginRead() {
    if (in_long_read_) return Ok();
    const int code = mdb_txn_renew(reader_);
    if (code != 0) return Translate("mdb_txn_renew", code);
    return Ok();
  }

  // What a read found stays in the map until a later write reuses its page, which this program,
  // one operation at a time, makes only after it has compared the value.
  void EndRead() {
    if (!in_long_read_) mdb_txn_reset(reader_);
  }

  Result<bool> GetInside(std::string_view key, std::string_view* value) {
    MDB_val key_val = ToVal(key);
    MDB_val value_val;
    const int code = mdb_get(reader_, records_, &key_val, &value_val);
    if (code == MDB_NOTFOUND) return false;
    if (code != 0) return Translate("mdb_get", code);
    *value = ToView(value_val);
    return true;
  }

  MDB_env* const environment_;
  const MDB_dbi records_;
  MDB_txn* reader_ = nullptr;
  MDB_cursor* cursor_ = nullptr;
  bool in_long_read_ = false;
};

struct EnvironmentCloser {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
};
using EnvironmentPtr = std::unique_ptr<MDB_env, EnvironmentCloser>;

class LmdbEngine : public Engine {
 public:
  LmdbEngine(EngineSettings settings, EnvironmentPtr environment, MDB_dbi records)
      : settings_(std::move(settings)), environment_(std::move(environment)), records_(records) {}

  std::string name() const override { return "lmdb"; }

  std::string description() const override {
    return std::string(mdb_version(nullptr, nullptr, nullptr)) +
           "; MDB_WRITEMAP, MDB_NOSYNC, MDB_NORDAHEAD; a read transaction renewed for every "
           "operation (lmdb) or one for all (lmdb-long)";
  }

  Result<std::unique_ptr<Session>> NewSession() override {
    return LmdbSession::New(environment_.get(), records_);
  }

  Status Settle() override { return Ok(); }  // a B-tree is as it is

  // The index is the branch pages of the tree.
  Result<Footprint> Measure() override {
    Footprint footprint;
    SIBYL_ASSIGN_OR_RETURN(footprint.disk_bytes, DiskBytes(settings_.directory));
    MDB_txn* reader = nullptr;
    int code = mdb_txn_begin(environment_.get(), nullptr, MDB_RDONLY, &reader);
    if (code != 0) return Translate("mdb_txn_begin", code);
    MDB_stat stat;
    code = mdb_stat(reader, records_, &stat);
    mdb_txn_abort(reader);
    if (code != 0) return Translate("mdb_stat", code);
    footprint.index_bytes = uint64_t{stat.ms_psize} * stat.ms_branch_pages;
    footprint.records = stat.ms_entries;
    footprint.shape = "depth " + std::to_string(stat.ms_depth) + ", " +
                      std::to_string(stat.ms_branch_pages) + " branch pages, " +
                      std::to_string(stat.ms_leaf_pages) + " leaf pages";
    return footprint;
  }

  bool has_long_reads() const override { return true; }

 private:
  const EngineSettings settings_;
  const EnvironmentPtr environment_;
  const MDB_dbi records_;
};

Result<MDB_dbi> OpenRecords(MDB_env* environment) {
  MDB_txn* writer = nullptr;
  MDB_dbi records = 0;
  int code = mdb_txn_begin(environment, nullptr, 0, &writer);
  if (code != 0) return Translate("mdb_txn_begin", code);
  code = mdb_dbi_open(writer, nullptr, 0, &records);
  if (code != 0) {
    mdb_txn_abort(writer);
    return Translate("mdb_dbi_open", code);
  }
  code = mdb_txn_commit(writer);
  if (code != 0) return Translate("mdb_txn_commit", code);
  return records;
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenLmdb(const EngineSettings& settings) {
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != 0) return Translate("mdb_env_create", code);
  EnvironmentPtr environment(raw);
  code = mdb_env_set_mapsize(raw, settings.map_bytes);
  if (code != 0) return Translate("mdb_env_set_mapsize", code);
  // NOSYNC leaves committed pages to the page cache: they survive the process, not the machine.
  // NOTLS ties a reader's slot to its session, not to the thread.
  constexpr unsigned kFlags = MDB_WRITEMAP | MDB_NOSYNC | MDB_NORDAHEAD | MDB_NOTLS;
  code = mdb_env_open(raw, settings.directory.c_str(), kFlags, 0644);
  if (code != 0) return Translate("mdb_env_open", code);
  SIBYL_ASSIGN_OR_RETURN(const MDB_dbi records, OpenRecords(raw));
  return std::unique_ptr<Engine>(
      std::make_unique<LmdbEngine>(settings, std::move(environment), records));
}

}  // namespace sibyl::bench
