#include "tools/sqlite_copy.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "base/status_macros.h"
#include "base/text.h"
#include "sql/marker_file.h"
#include "tools/sqlite_connection.h"

namespace sibyl::tools {
namespace {

std::string FirstBytes(const std::string& path) {
  std::string bytes(16, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

Status CheckKinds(const std::string& source, const std::string& target, CopyTo to) {
  const std::string begin = FirstBytes(source);
  const bool ours = sql::IsMarker(begin);
  if (to == CopyTo::kSibyl && !begin.starts_with("SQLite format 3")) {
    return Error{ErrorCode::kInvalidArgument, source + " is not a file of SQLite"};
  }
  if (to == CopyTo::kSqlite && !ours) {
    return Error{ErrorCode::kInvalidArgument, source + " is not a SQL database of SibylDB"};
  }
  for (const std::string& path : {target, target + "-sibyl", target + "-journal", target + "-wal"}) {
    std::error_code ignored;
    if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) continue;
    return Error{ErrorCode::kInvalidArgument, path + " exists already"};
  }
  return Ok();
}

// `path` as a URI with which SQLite makes a file of its own.
std::string NativeUri(const std::string& path) {
  std::string uri = "file:";
  for (const char byte : path) {
    if (std::strchr("%?#", byte) != nullptr) {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(byte));
      uri += code;
    } else {
      uri += byte;
    }
  }
  return uri + "?engine=sqlite";
}

Status CopyAll(sqlite3* from, sqlite3* to) {
  sqlite3_backup* backup = sqlite3_backup_init(to, "main", from, "main");
  if (backup == nullptr) return SqlError(to, "cannot begin to copy");
  const int stepped = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE) return SqlError(to, "cannot copy");
  return Ok();
}

// ---- Comparing ----

bool SameValue(sqlite3_stmt* a, sqlite3_stmt* b, int column) {
  const int type = sqlite3_column_type(a, column);
  if (type != sqlite3_column_type(b, column)) return false;
  switch (type) {
    case SQLITE_NULL:
      return true;
    case SQLITE_INTEGER:
      return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column);
    case SQLITE_FLOAT: {
      const double x = sqlite3_column_double(a, column);
      const double y = sqlite3_column_double(b, column);
      return std::memcmp(&x, &y, sizeof x) == 0;
    }
  }
  const void* x = sqlite3_column_blob(a, column);
  const void* y = sqlite3_column_blob(b, column);
  const int bytes = sqlite3_column_bytes(a, column);
  return bytes == sqlite3_column_bytes(b, column) &&
         (bytes == 0 || std::memcmp(x, y, static_cast<size_t>(bytes)) == 0);
}

// Runs the query on both. The number of rows; kCorruption if one differs.
Result<uint64_t> CompareRows(sqlite3* from, sqlite3* to, const std::string& sql,
                             const std::string& what) {
  SIBYL_ASSIGN_OR_RETURN(const Statement a, Prepare(from, sql));
  SIBYL_ASSIGN_OR_RETURN(const Statement b, Prepare(to, sql));
  for (uint64_t row = 0;; ++row) {
    const int step_a = sqlite3_step(a.get());
    const int step_b = sqlite3_step(b.get());
    if (step_a != SQLITE_ROW && step_a != SQLITE_DONE) return SqlError(from, "cannot read " + what);
    if (step_b != SQLITE_ROW && step_b != SQLITE_DONE) return SqlError(to, "cannot read " + what);
    bool same = step_a == step_b;
    if (same && step_a == SQLITE_DONE) return row;
    for (int i = 0; same && i < sqlite3_column_count(a.get()); ++i) {
      same = SameValue(a.get(), b.get(), i);
    }
    if (same) continue;
    return Error{ErrorCode::kCorruption,
                 what + " differs from its copy in row " + std::to_string(row + 1)};
  }
}

// Every ordinary table, those behind virtual ones among them, and how its rows are read in the order
// of their keys.
Result<std::vector<std::pair<std::string, std::string>>> TableQueries(sqlite3* from) {
  SIBYL_ASSIGN_OR_RETURN(
      const Statement tables,
      Prepare(from, "SELECT s.name, l.wr FROM sqlite_schema s JOIN pragma_table_list l"
                    " ON l.schema = 'main' AND l.name = s.name"
                    " WHERE s.type = 'table' AND s.rootpage > 0 ORDER BY s.rowid"));
  SIBYL_ASSIGN_OR_RETURN(
      const Statement names,
      Prepare(from, "SELECT lower(name) FROM pragma_table_xinfo(?1)"));
  std::vector<std::pair<std::string, std::string>> queries;
  while (sqlite3_step(tables.get()) == SQLITE_ROW) {
    const std::string table = reinterpret_cast<const char*>(sqlite3_column_text(tables.get(), 0));
    std::set<std::string> columns;
    sqlite3_bind_text(names.get(), 1, table.c_str(), -1, SQLITE_STATIC);
    while (sqlite3_step(names.get()) == SQLITE_ROW) {
      columns.insert(reinterpret_cast<const char*>(sqlite3_column_text(names.get(), 0)));
    }
    sqlite3_reset(names.get());
    std::string rowid;
    for (const char* name : {"rowid", "_rowid_", "oid"}) {
      if (rowid.empty() && !columns.contains(name)) rowid = name;
    }
    if (sqlite3_column_int(tables.get(), 1) != 0) rowid.clear();  // WITHOUT ROWID
    queries.emplace_back(table, "SELECT " + (rowid.empty() ? "" : rowid + ", ") + "* FROM " +
                                    QuotedName(table) + " NOT INDEXED");
  }
  if (sqlite3_errcode(from) != SQLITE_DONE) return SqlError(from, "cannot read the schema");
  return queries;
}

Status CheckIntegrity(sqlite3* connection) {
  SIBYL_ASSIGN_OR_RETURN(const Statement check, Prepare(connection, "PRAGMA integrity_check"));
  if (sqlite3_step(check.get()) != SQLITE_ROW) return SqlError(connection, "cannot check the copy");
  const std::string said = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
  if (said == "ok") return Ok();
  return Error{ErrorCode::kCorruption, "the copy is damaged: " + said};
}

Result<CopyReport> Compare(sqlite3* from, sqlite3* to) {
  for (const char* query :
       {"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid", "PRAGMA encoding",
        "PRAGMA user_version", "PRAGMA application_id"}) {
    SIBYL_RETURN_IF_ERROR(CompareRows(from, to, query, query));
  }
  SIBYL_ASSIGN_OR_RETURN(const auto queries, TableQueries(from));
  CopyReport report;
  for (const auto& [table, query] : queries) {
    SIBYL_ASSIGN_OR_RETURN(const uint64_t rows,
                           CompareRows(from, to, query, "table " + base::Quoted(table)));
    ++report.tables;
    report.rows += rows;
  }
  SIBYL_RETURN_IF_ERROR(CheckIntegrity(to));
  return report;
}

}  // namespace

Result<CopyReport> CopySqlDatabase(const std::string& source, const std::string& target,
                                   CopyTo to) {
  SIBYL_RETURN_IF_ERROR(CheckKinds(source, target, to));
  SIBYL_ASSIGN_OR_RETURN(const Connection from, Connect(source, SQLITE_OPEN_READONLY));
  constexpr int kMake = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  SIBYL_ASSIGN_OR_RETURN(const Connection made,
                         Connect(to == CopyTo::kSqlite ? NativeUri(target) : target, kMake));
  // What is read now stays the same until the comparison has ended.
  SIBYL_RETURN_IF_ERROR(Execute(from.get(), "BEGIN; SELECT 1 FROM sqlite_schema"));
  SIBYL_RETURN_IF_ERROR(CopyAll(from.get(), made.get()));
  return Compare(from.get(), made.get());
}

}  // namespace sibyl::tools
