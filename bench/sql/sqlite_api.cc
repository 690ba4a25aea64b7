// The two tables of functions, and what is common to both: see the header.

#include "bench/sql/sqlite_api.h"

#include <dlfcn.h>

#include <bit>

#include "base/status_macros.h"

namespace sibyl::bench {
namespace {

// Visits every function of the table with its name in sqlite3.h.
template <typename Visitor>
void ForEachFunction(SqliteApi* api, const Visitor& visit) {
  visit("sqlite3_open_v2", &api->open_v2);
  visit("sqlite3_close", &api->close);
  visit("sqlite3_exec", &api->exec);
  visit("sqlite3_errmsg", &api->errmsg);
  visit("sqlite3_prepare_v3", &api->prepare_v3);
  visit("sqlite3_finalize", &api->finalize);
  visit("sqlite3_step", &api->step);
  visit("sqlite3_reset", &api->reset);
  visit("sqlite3_bind_int64", &api->bind_int64);
  visit("sqlite3_bind_double", &api->bind_double);
  visit("sqlite3_bind_text", &api->bind_text);
  visit("sqlite3_column_count", &api->column_count);
  visit("sqlite3_column_type", &api->column_type);
  visit("sqlite3_column_int64", &api->column_int64);
  visit("sqlite3_column_double", &api->column_double);
  visit("sqlite3_column_text", &api->column_text);
  visit("sqlite3_column_bytes", &api->column_bytes);
}

uint64_t Fold(uint64_t checksum, uint64_t word) {
  return std::rotl((checksum ^ word) * 0x9e3779b97f4a7c15u, 29);
}

uint64_t FoldText(uint64_t checksum, std::string_view text) {
  for (const char c : text) checksum = checksum * 31 + static_cast<unsigned char>(c);
  return Fold(checksum, text.size());
}

}  // namespace

SqliteApi OurSqlite() {
  SqliteApi api;
  api.name = "sibyl";
  api.open_v2 = sqlite3_open_v2;
  api.close = sqlite3_close;
  api.exec = sqlite3_exec;
  api.errmsg = sqlite3_errmsg;
  api.prepare_v3 = sqlite3_prepare_v3;
  api.finalize = sqlite3_finalize;
  api.step = sqlite3_step;
  api.reset = sqlite3_reset;
  api.bind_int64 = sqlite3_bind_int64;
  api.bind_double = sqlite3_bind_double;
  api.bind_text = sqlite3_bind_text;
  api.column_count = sqlite3_column_count;
  api.column_type = sqlite3_column_type;
  api.column_int64 = sqlite3_column_int64;
  api.column_double = sqlite3_column_double;
  api.column_text = sqlite3_column_text;
  api.column_bytes = sqlite3_column_bytes;
  return api;
}

Result<SqliteApi> LoadSqlite(const std::string& name, const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Error{ErrorCode::kIo, std::string("cannot load: ") + dlerror()};
  SqliteApi api;
  api.name = name;
  const char* missing = nullptr;
  ForEachFunction(&api, [&](const char* symbol, auto* function) {
    *function =
        reinterpret_cast<std::remove_reference_t<decltype(*function)>>(dlsym(library, symbol));
    if (*function == nullptr) missing = symbol;
  });
  if (missing != nullptr) return Error{ErrorCode::kIo, path + " has no function " + missing};
  return api;
}

Status SqlStatement::Run(uint64_t* checksum) {
  int code = SQLITE_ROW;
  while ((code = api_->step(statement_)) == SQLITE_ROW) *checksum = FoldRow(*checksum);
  if (code == SQLITE_DONE) code = api_->reset(statement_);
  if (code == SQLITE_OK) return Ok();
  return Error{ErrorCode::kIo, api_->name + ": error " + std::to_string(code) + " in a statement"};
}

uint64_t SqlStatement::FoldRow(uint64_t checksum) const {
  const int columns = api_->column_count(statement_);
  for (int i = 0; i < columns; ++i) {
    switch (api_->column_type(statement_, i)) {
      case SQLITE_INTEGER:
        checksum = Fold(checksum, static_cast<uint64_t>(api_->column_int64(statement_, i)));
        break;
      case SQLITE_FLOAT:
        checksum = Fold(checksum, std::bit_cast<uint64_t>(api_->column_double(statement_, i)));
        break;
      case SQLITE_NULL:
        checksum = Fold(checksum, 5);
        break;
      default: {
        const auto* text = reinterpret_cast<const char*>(api_->column_text(statement_, i));
        const auto bytes = static_cast<size_t>(api_->column_bytes(statement_, i));
        checksum = FoldText(checksum, {text, bytes});
      }
    }
  }
  return checksum;
}

Result<std::unique_ptr<SqlConnection>> SqlConnection::Open(const SqliteApi* api,
                                                           const std::string& path) {
  sqlite3* db = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = api->open_v2(path.c_str(), &db, kFlags, nullptr);
  std::unique_ptr<SqlConnection> connection(new SqlConnection(api, db));
  if (code != SQLITE_OK) {
    return Error{ErrorCode::kIo, api->name + ": opening " + path + ": " + api->errmsg(db)};
  }
  SIBYL_RETURN_IF_ERROR(
      connection->Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                          "PRAGMA cache_size=-262144; PRAGMA mmap_size=17179869184"));
  return connection;
}

Status SqlConnection::Execute(const std::string& sql) {
  if (api_->exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return Ok();
  return Error{ErrorCode::kIo, api_->name + ": " + sql + ": " + api_->errmsg(db_)};
}

Result<std::unique_ptr<SqlStatement>> SqlConnection::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (api_->prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                       &statement, nullptr) != SQLITE_OK) {
    return Error{ErrorCode::kIo, api_->name + ": " + sql + ": " + api_->errmsg(db_)};
  }
  return std::make_unique<SqlStatement>(api_, statement);
}

}  // namespace sibyl::bench
