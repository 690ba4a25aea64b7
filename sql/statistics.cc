// The engine's statistics as virtual tables: see the header.

#include "sql/statistics.h"

#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sql/eponymous_table.h"
#include "sql/statistic_tables.h"
#include "sql/store_of_schema.h"
#include "sql/tree_store.h"

namespace {

using sibyl::sql::Blob;
using sibyl::sql::Cell;
using sibyl::sql::Row;
using sibyl::sql::TableKind;

struct Table : sqlite3_vtab {
  sqlite3* db = nullptr;
  const TableKind* kind = nullptr;
};

struct TableCursor : sqlite3_vtab_cursor {
  std::vector<Row> rows;
  std::string database;
  std::vector<std::unique_ptr<sqlite3_value, void (*)(sqlite3_value*)>> arguments;
  size_t at = 0;

  size_t count() const { return rows.size(); }
  sqlite3_int64 rowid() const { return static_cast<sqlite3_int64>(at) + 1; }
};

int Connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out, char**) {
  const auto* kind = static_cast<const TableKind*>(aux);
  int code = SQLITE_OK;
  auto* table = sibyl::sql::ConnectTable<Table>(db, kind->declaration, out, &code);
  if (table == nullptr) return code;
  table->db = db;
  table->kind = kind;
  return SQLITE_OK;
}

// The one plan: read everything that equalities on the hidden columns ask for.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  const TableKind& kind = *static_cast<Table*>(table)->kind;
  info->estimatedRows = 100;
  info->estimatedCost = 1000;
  return sibyl::sql::AskForArguments(info, kind.columns, kind.arguments + 1);
}

// The open store of the database `name` as *store, and SQLITE_OK; else a result code, and *error
// says why there is none.
int OpenStoreNamed(sqlite3* db, const char* name, SibylStore** store, std::string* error) {
  *store = sibyl_store_of_schema(db, name);
  if (*store == nullptr) {
    *error = std::string(name) + " is not a SibylDB database";
    return SQLITE_ERROR;
  }
  const int code = (*store)->OpenFile();
  if (code != SQLITE_OK) *error = (*store)->error();
  return code;
}

int Filter(sqlite3_vtab_cursor* raw, int given, const char*, int, sqlite3_value** argv) {
  auto* cursor = static_cast<TableCursor*>(raw);
  auto* table = static_cast<Table*>(raw->pVtab);
  const TableKind& kind = *table->kind;
  std::vector<sqlite3_value*> arguments =
      sibyl::sql::GivenArguments(given, kind.arguments + 1, argv);
  sibyl::sql::TableRequest request{table->db, nullptr, "main", {}};
  if (arguments.back() != nullptr) {
    const auto* name = sqlite3_value_text(arguments.back());
    if (name != nullptr) request.database = reinterpret_cast<const char*>(name);
  }
  arguments.pop_back();
  request.arguments = arguments;
  cursor->database = request.database;
  cursor->arguments.clear();
  for (sqlite3_value* argument : arguments) {
    cursor->arguments.emplace_back(argument != nullptr ? sqlite3_value_dup(argument) : nullptr,
                                   sqlite3_value_free);
  }
  cursor->rows.clear();
  cursor->at = 0;
  std::string error;
  const int code = OpenStoreNamed(table->db, request.database.c_str(), &request.store, &error);
  if (code != SQLITE_OK) return sibyl::sql::FailQuery(table, code, error);
  auto rows = kind.rows(request);
  if (!rows) return sibyl::sql::FailQuery(table, SQLITE_ERROR, rows.error().ToString());
  cursor->rows = std::move(rows).value();
  return SQLITE_OK;
}

void ShowHidden(const TableCursor& cursor, sqlite3_context* context, size_t argument) {
  const TableKind& kind = *static_cast<Table*>(cursor.pVtab)->kind;
  if (argument == static_cast<size_t>(kind.arguments)) {
    sqlite3_result_text(context, cursor.database.c_str(), -1, SQLITE_TRANSIENT);
  } else if (cursor.arguments[argument] != nullptr) {
    sqlite3_result_value(context, cursor.arguments[argument].get());
  }
}

int Column(sqlite3_vtab_cursor* raw, sqlite3_context* context, int column) {
  const auto* cursor = static_cast<TableCursor*>(raw);
  const Row& row = cursor->rows[cursor->at];
  if (static_cast<size_t>(column) >= row.size()) {
    ShowHidden(*cursor, context, static_cast<size_t>(column) - row.size());
    return SQLITE_OK;
  }
  const Cell& cell = row[static_cast<size_t>(column)];
  if (const auto* integer = std::get_if<int64_t>(&cell)) {
    sqlite3_result_int64(context, *integer);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    sqlite3_result_double(context, *real);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Blob>(&cell)) {
    sqlite3_result_blob64(context, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
  }
  return SQLITE_OK;
}

// sibyl_compact() or sibyl_compact('database'): merges all segments and retrains their models.
void CompactFunction(sqlite3_context* context, int argc, sqlite3_value** argv) {
  const auto* name = argc > 0 ? sqlite3_value_text(argv[0]) : nullptr;
  std::string error;
  SibylStore* store = nullptr;
  int code = OpenStoreNamed(sqlite3_context_db_handle(context),
                            name != nullptr ? reinterpret_cast<const char*>(name) : "main", &store,
                            &error);
  if (code == SQLITE_OK) {
    code = store->Compact();
    if (code == SQLITE_OK) return;  // the result is NULL
    error = store->error();
  }
  sqlite3_result_error(context, error.c_str(), -1);
  sqlite3_result_error_code(context, code);
}

}  // namespace

int sibyl_register_statistics(sqlite3* db) {
  static const sqlite3_module module =
      sibyl::sql::EponymousModule<Table, TableCursor>(Connect, BestIndex, Filter, Column);
  for (const TableKind& kind : sibyl::sql::StatisticTables()) {
    const int rc = sqlite3_create_module(db, kind.name, &module, const_cast<TableKind*>(&kind));
    if (rc != SQLITE_OK) return rc;
  }
  for (const int arguments : {0, 1}) {
    const int rc =
        sqlite3_create_function(db, "sibyl_compact", arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                nullptr, CompactFunction, nullptr, nullptr);
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}
