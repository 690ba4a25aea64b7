// The tool with SQL: see sql_support.h. Talks to SQLite's own C API, which our engine stands under.

#include <sqlite3.h>

#include <fstream>
#include <memory>

#include "base/status_macros.h"
#include "base/text.h"
#include "sibyl/sql.h"
#include "sql/marker_file.h"
#include "sql/store_file.h"
#include "tools/remote_shell/remote_shell.h"
#include "tools/sql_support.h"
#include "tools/sqlite_connection.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

// The rows of a load on their way into one table, inside one transaction.
class TableLoader {
 public:
  TableLoader(const LoadArguments& arguments, sqlite3* connection)
      : connection_(connection),
        table_(arguments.table),
        rows_(arguments.files, arguments.rows),
        insert_(nullptr, sqlite3_finalize) {}

  const RowStream& rows() const { return rows_; }

  // Inserts every row; creates the table, from what the first row looks like, if there is none.
  Status Run() {
    SIBYL_RETURN_IF_ERROR(Execute(connection_, "BEGIN IMMEDIATE"));
    for (;;) {
      SIBYL_ASSIGN_OR_RETURN(const bool more, rows_.Next(&fields_));
      if (!more) break;
      if (insert_ == nullptr) {
        SIBYL_RETURN_IF_ERROR(PrepareInsert());
      }
      SIBYL_RETURN_IF_ERROR(InsertRow());
    }
    return Execute(connection_, "COMMIT");
  }

 private:
  Status PrepareInsert() {
    if (!TableExists()) {
      SIBYL_RETURN_IF_ERROR(Execute(connection_, CreateTableSql()));
    }
    SIBYL_ASSIGN_OR_RETURN(const Statement select,
                           Prepare(connection_, "SELECT * FROM " + QuotedName(table_)));
    columns_ = static_cast<size_t>(sqlite3_column_count(select.get()));
    std::string places = "?";
    for (size_t i = 1; i < columns_; ++i) places += ",?";
    SIBYL_ASSIGN_OR_RETURN(insert_, Prepare(connection_, "INSERT INTO " + QuotedName(table_) +
                                                             " VALUES(" + places + ")"));
    return Ok();
  }

  bool TableExists() const {
    return sqlite3_table_column_metadata(connection_, nullptr, table_.c_str(), nullptr, nullptr,
                                         nullptr, nullptr, nullptr, nullptr) == SQLITE_OK;
  }

  std::string CreateTableSql() const {
    const char* type = rows_.has_integer_keys() ? " INTEGER" : " TEXT";
    std::string columns;
    for (size_t i = 0; i < fields_.size(); ++i) {
      const bool named = i < rows_.header().size();
      columns += (i == 0 ? "" : ", ") +
                 QuotedName(named ? rows_.header()[i] : "c" + std::to_string(i + 1)) + type;
    }
    return "CREATE TABLE " + QuotedName(table_) + "(" + columns + ")";
  }

  Status InsertRow() {
    if (fields_.size() != columns_) {
      return Error{ErrorCode::kInvalidArgument,
                   rows_.Where() + " has " + std::to_string(fields_.size()) + " fields, table " +
                       table_ + " has " + std::to_string(columns_) + " columns"};
    }
    for (size_t i = 0; i < columns_; ++i) {
      SIBYL_RETURN_IF_ERROR(Bind(static_cast<int>(i + 1), fields_[i]));
    }
    const int code = sqlite3_step(insert_.get());
    if (code != SQLITE_DONE) return SqlError(connection_, rows_.Where());
    sqlite3_reset(insert_.get());
    return Ok();
  }

  // Text, which the column's type converts; the integers of SOSD as such, for text above 2^63
  // would silently become a rounded real.
  Status Bind(int column, const std::string& field) {
    if (!rows_.has_integer_keys()) {
      sqlite3_bind_text64(insert_.get(), column, field.data(), field.size(), SQLITE_STATIC,
                          SQLITE_UTF8);
      return Ok();
    }
    const auto number = base::ParseNumber<int64_t>(field);
    if (!number) {
      return Error{ErrorCode::kInvalidArgument,
                   rows_.Where() + ": " + field + " is above SQL's largest integer, 2^63 - 1"};
    }
    sqlite3_bind_int64(insert_.get(), column, *number);
    return Ok();
  }

  sqlite3* connection_;
  const std::string& table_;
  RowStream rows_;
  std::vector<std::string> fields_;
  Statement insert_;
  size_t columns_ = 0;
};

}  // namespace

bool IsSqlMarker(std::string_view first_bytes) { return sql::IsMarker(first_bytes); }

std::filesystem::path SqlDataFolder(const std::filesystem::path& path) {
  return sql::DataDirectoryOf(path);
}

Result<bool> MakeSqlDatabase(const std::filesystem::path& folder) {
  Options options;
  options.read_only = true;
  SIBYL_ASSIGN_OR_RETURN(auto database, Database::Open(options, folder));
  SIBYL_ASSIGN_OR_RETURN(const auto meta_tree, database->FindTree(sql::kMetaTreeName));
  if (!meta_tree) return false;
  SIBYL_ASSIGN_OR_RETURN(const auto uuid, database->Get(*meta_tree, sql::kUuidKey));
  database.reset();
  if (!uuid) return false;
  std::filesystem::path data = folder;
  data += "-sibyl";
  std::error_code error;
  if (std::filesystem::exists(data, error)) {
    return Error{ErrorCode::kInvalidArgument, data.string() +
                                                  " exists already: the SQL database stays in " +
                                                  folder.string() + ", without its marker file"};
  }
  std::filesystem::rename(folder, data, error);
  if (error)
    return Error{ErrorCode::kIo, "cannot rename " + folder.string() + ": " + error.message()};
  std::ofstream(folder).close();  // an empty file, which becomes the marker
  SIBYL_RETURN_IF_ERROR(sql::WriteMarker(std::filesystem::absolute(folder), *uuid));
  return true;
}

Result<int> RunSqlShell(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return sql::RunShell(static_cast<int>(arguments.size()), argv.data());
}

Result<int> RunServerShell(const std::string& url, const std::vector<std::string>& commands) {
  return static_cast<int>(RunRemoteShell(url, commands));
}

Result<std::map<Tree, std::string>> SqlTreeNames(const std::filesystem::path& path) {
  SIBYL_ASSIGN_OR_RETURN(const Connection connection, Connect(path.string(), SQLITE_OPEN_READONLY));
  SIBYL_ASSIGN_OR_RETURN(const Statement select,
                         Prepare(connection.get(),
                                 "SELECT rootpage, type || ' ' || name FROM sqlite_schema "
                                 "WHERE rootpage > 0"));
  std::map<Tree, std::string> names = {{Tree{1}, "sqlite_schema"}};
  while (sqlite3_step(select.get()) == SQLITE_ROW) {
    const Tree tree{static_cast<uint32_t>(sqlite3_column_int64(select.get(), 0))};
    names[tree] = reinterpret_cast<const char*>(sqlite3_column_text(select.get(), 1));
  }
  if (sqlite3_errcode(connection.get()) != SQLITE_DONE) {
    return SqlError(connection.get(), "cannot read the schema of " + path.string());
  }
  return names;
}

Result<LoadResult> LoadIntoTable(const LoadArguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const Connection connection,
                         Connect(arguments.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  TableLoader loader(arguments, connection.get());
  SIBYL_RETURN_IF_ERROR(loader.Run());
  return LoadResult{loader.rows().rows(), loader.rows().input_bytes(),
                    "rows of table " + base::Quoted(arguments.table)};
}

}  // namespace sibyl::tools
