// SQLite, as Debian builds it: one table of BLOB keys WITHOUT ROWID, write-ahead log, memory map.

#include <sqlite3.h>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"

namespace sibyl::bench {
namespace {

struct ConnectionCloser {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using ConnectionPtr = std::unique_ptr<sqlite3, ConnectionCloser>;

struct StatementCloser {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, StatementCloser>;

Error LastError(sqlite3* connection, const std::string& what) {
  return {ErrorCode::kIo, "SQLite " + what + ": " + sqlite3_errmsg(connection)};
}

Status Execute(sqlite3* connection, const std::string& sql) {
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return LastError(connection, sql);
  }
  return Ok();
}

Result<StatementPtr> Prepare(sqlite3* connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return LastError(connection, std::string(sql));
  }
  return StatementPtr(statement);
}

// The single integer that `sql` yields.
Result<uint64_t> QueryInteger(sqlite3* connection, std::string_view sql) {
  SIBYL_ASSIGN_OR_RETURN(const auto statement, Prepare(connection, sql));
  if (sqlite3_step(statement.get()) != SQLITE_ROW) return LastError(connection, std::string(sql));
  return static_cast<uint64_t>(sqlite3_column_int64(statement.get(), 0));
}

Result<ConnectionPtr> Connect(const EngineSettings& settings) {
  const auto path = settings.directory / "records.sqlite";
  sqlite3* raw = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, kFlags, nullptr);
  ConnectionPtr connection(raw);
  if (code != SQLITE_OK) return LastError(raw, "opening " + path.string());
  // synchronous=OFF with the write-ahead log: committed rows are in the page cache and survive the
  // process, not the machine.
  SIBYL_RETURN_IF_ERROR(Execute(
      raw,
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
      "PRAGMA mmap_size=" +
          std::to_string(settings.map_bytes) +
          ";"
          "PRAGMA cache_size=-" +
          std::to_string(settings.memory_bytes >> 10) +
          ";"
          "CREATE TABLE IF NOT EXISTS records(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"));
  return connection;
}

void Bind(sqlite3_stmt* statement, int position, std::string_view bytes) {
  // A null pointer would bind NULL; the empty string is a value.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  sqlite3_bind_blob(statement, position, data, static_cast<int>(bytes.size()), SQLITE_STATIC);
}

std::string_view Column(sqlite3_stmt* statement, int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

class SqliteSession : public Session {
 public:
  static Result<std::unique_ptr<Session>> New(const EngineSettings& settings) {
    auto session = std::unique_ptr<SqliteSession>(new SqliteSession);
    SIBYL_ASSIGN_OR_RETURN(session->connection_, Connect(settings));
    sqlite3* const connection = session->connection_.get();
    SIBYL_ASSIGN_OR_RETURN(session->get_,
                           Prepare(connection, "SELECT value FROM records WHERE key=?1"));
    SIBYL_ASSIGN_OR_RETURN(session->scan_, Prepare(connection,
                                                   "SELECT key, value FROM records WHERE key>=?1 "
                                                   "ORDER BY key LIMIT ?2"));
    SIBYL_ASSIGN_OR_RETURN(session->put_,
                           Prepare(connection, "REPLACE INTO records VALUES(?1, ?2)"));
    SIBYL_ASSIGN_OR_RETURN(session->begin_, Prepare(connection, "BEGIN"));
    SIBYL_ASSIGN_OR_RETURN(session->commit_, Prepare(connection, "COMMIT"));
    return std::unique_ptr<Session>(std::move(session));
  }

  // The statement stays on its row until the next call, so that the value can be read in place.
  Result<bool> Get(std::string_view key, std::string_view* value) override {
    return GetHere(key, value);
  }

  // One prepared statement per key: an IN list would hand the rows back in another order.
  Status MultiGet(std::span<const std::string_view> keys,
                  std::span<std::optional<std::string_view>> values) override {
    copies_.clear();
    offsets_.assign(1, 0);
    found_.clear();
    for (const std::string_view key : keys) {
      std::string_view value;
      auto found = GetHere(key, &value);
      if (!found) return std::move(found).error();
      if (*found) copies_ += value;
      found_.push_back(*found);
      offsets_.push_back(copies_.size());
    }
    sqlite3_reset(get_.get());
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto value =
          std::string_view(copies_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
      values[i] = found_[i] ? std::optional(value) : std::nullopt;
    }
    return Ok();
  }

  Status Scan(std::string_view start, uint64_t limit_records, RecordSink& sink) override {
    EndStatement();
    Bind(scan_.get(), 1, start);
    sqlite3_bind_int64(scan_.get(), 2, static_cast<int64_t>(limit_records));
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(scan_.get())) == SQLITE_ROW) {
      sink.Add(Column(scan_.get(), 0), Column(scan_.get(), 1));
    }
    sqlite3_reset(scan_.get());
    if (code != SQLITE_DONE) return LastError(connection_.get(), "scan");
    return Ok();
  }

  Status Put(std::string_view key, std::string_view value) override {
    EndStatement();
    return PutRow({key, value});
  }

  Status Write(std::span<const KeyValue> records) override {
    EndStatement();
    SIBYL_RETURN_IF_ERROR(Run(begin_.get()));
    for (const KeyValue& record : records) SIBYL_RETURN_IF_ERROR(PutRow(record));
    return Run(commit_.get());
  }

  Status BeginLongRead() override {
    EndStatement();
    return Run(begin_.get());
  }

  void EndLongRead() override {
    EndStatement();
    sqlite3_exec(connection_.get(), "COMMIT", nullptr, nullptr, nullptr);
  }

 private:
  SqliteSession() = default;

  // Ends the read transaction that the last Get left open, before anything else begins.
  void EndStatement() { sqlite3_reset(get_.get()); }

  Result<bool> GetHere(std::string_view key, std::string_view* value) {
    sqlite3_reset(get_.get());
    Bind(get_.get(), 1, key);
    const int code = sqlite3_step(get_.get());
    if (code == SQLITE_DONE) return false;
    if (code != SQLITE_ROW) return LastError(connection_.get(), "get");
    *value = Column(get_.get(), 0);
    return true;
  }

  Status PutRow(const KeyValue& record) {
    Bind(put_.get(), 1, record.key);
    Bind(put_.get(), 2, record.value);
    return Run(put_.get());
  }

  Status Run(sqlite3_stmt* statement) {
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (code != SQLITE_DONE) return LastError(connection_.get(), sqlite3_sql(statement));
    return Ok();
  }

  ConnectionPtr connection_;  // closed after its statements: declared before them
  StatementPtr get_;
  StatementPtr scan_;
  StatementPtr put_;
  StatementPtr begin_;
  StatementPtr commit_;
  std::string copies_;
  std::vector<size_t> offsets_;
  std::vector<bool> found_;
};

class SqliteEngine : public Engine {
 public:
  SqliteEngine(EngineSettings settings, ConnectionPtr connection)
      : settings_(std::move(settings)), connection_(std::move(connection)) {}

  std::string name() const override { return "sqlite"; }

  std::string description() const override {
    return std::string("SQLite ") + sqlite3_libversion() +
           "; WITHOUT ROWID, prepared statements, WAL, synchronous=OFF, mmap, page cache " +
           std::to_string(settings_.memory_bytes >> 20) +
           " MiB; a transaction per operation (sqlite) or one for all reads (sqlite-long)";
  }

  Result<std::unique_ptr<Session>> NewSession() override { return SqliteSession::New(settings_); }

  Status Settle() override {
    return Execute(connection_.get(), "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize");
  }

  // The index is the interior pages. In a table WITHOUT ROWID they hold whole rows too, so this
  // counts some data as index.
  Result<Footprint> Measure() override {
    sqlite3* const connection = connection_.get();
    Footprint footprint;
    SIBYL_ASSIGN_OR_RETURN(footprint.disk_bytes, DiskBytes(settings_.directory));
    SIBYL_ASSIGN_OR_RETURN(footprint.index_bytes,
                           QueryInteger(connection,
                                        "SELECT coalesce(sum(pgsize), 0) FROM dbstat "
                                        "WHERE name='records' AND pagetype='internal'"));
    SIBYL_ASSIGN_OR_RETURN(footprint.records,
                           QueryInteger(connection, "SELECT count(*) FROM records"));
    SIBYL_ASSIGN_OR_RETURN(const uint64_t pages, QueryInteger(connection, "PRAGMA page_count"));
    footprint.shape = std::to_string(pages) + " pages";
    return footprint;
  }

  bool has_long_reads() const override { return true; }

 private:
  const EngineSettings settings_;
  const ConnectionPtr connection_;
};

}  // namespace

Result<std::unique_ptr<Engine>> OpenSqlite(const EngineSettings& settings) {
  SIBYL_ASSIGN_OR_RETURN(ConnectionPtr connection, Connect(settings));
  return std::unique_ptr<Engine>(std::make_unique<SqliteEngine>(settings, std::move(connection)));
}

}  // namespace sibyl::bench
