// The engine's statistics as virtual tables: see the header.

#include "sql/statistics.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
};

int Connect(sqlite3* db, void* kind, int, const char* const*, sqlite3_vtab** out, char**) {
  auto table = new Table;
  std::memset(static_cast<sqlite3_vtab*>(table), 0, sizeof(sqlite3_vtab));
  table->db = db;
  table->kind = static_cast<const TableKind*>(kind);
  *out = table;
  return sqlite3_declare_vtab(db, table->kind->declaration);
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// The one plan: read everything that equalities on the hidden columns ask for. idxNum has a bit for
// each of them that is given; their values come in the order of the columns.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  const TableKind& kind = *static_cast<Table*>(table)->kind;
  int given = 0;
  for (int hidden = 0; hidden <= kind.arguments; hidden++) {
    for (int i = 0; i < info->nConstraint; i++) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.iColumn != kind.columns + hidden) continue;
      if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (!constraint.usable) return SQLITE_CONSTRAINT;
      info->aConstraintUsage[i].argvIndex = ++given;
      info->aConstraintUsage[i].omit = 1;
      info->idxNum |= 1 << hidden;
      break;
    }
  }
  info->estimatedRows = 100;
  info->estimatedCost = 1000;
  return SQLITE_OK;
}

int Open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = new TableCursor;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<TableCursor*>(cursor);
  return SQLITE_OK;
}

// The open store of the database `name`; null, and *error set, if there is none.
SibylStore* StoreNamed(sqlite3* db, const char* name, std::string* error) {
  SibylStore* store = sibyl_store_of_schema(db, name);
  if (store == nullptr) {
    *error = std::string(name) + " is not a SibylDB database";
  } else if (store->OpenFile() != SQLITE_OK) {
    *error = store->error();
    store = nullptr;
  }
  return store;
}

int Filter(sqlite3_vtab_cursor* raw, int given, const char*, int, sqlite3_value** argv) {
  auto* cursor = static_cast<TableCursor*>(raw);
  auto* table = static_cast<Table*>(raw->pVtab);
  const TableKind& kind = *table->kind;
  sibyl::sql::TableRequest request{table->db, nullptr, "main", {}};
  int next = 0;
  for (int i = 0; i < kind.arguments; i++) {
    if ((given & 1 << i) != 0) request.arguments[i] = argv[next++];
  }
  if ((given & 1 << kind.arguments) != 0) {
    const auto* name = sqlite3_value_text(argv[next]);
    if (name != nullptr) request.database = reinterpret_cast<const char*>(name);
  }
  cursor->database = request.database;
  cursor->arguments.clear();
  for (sqlite3_value* argument : request.arguments) {
    cursor->arguments.emplace_back(argument != nullptr ? sqlite3_value_dup(argument) : nullptr,
                                   sqlite3_value_free);
  }
  cursor->rows.clear();
  cursor->at = 0;
  std::string error;
  request.store = StoreNamed(table->db, request.database.c_str(), &error);
  if (request.store != nullptr) {
    auto rows = kind.rows(request);
    if (rows) {
      cursor->rows = std::move(rows).value();
      return SQLITE_OK;
    }
    error = rows.error().ToString();
  }
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = sqlite3_mprintf("%s", error.c_str());
  return SQLITE_ERROR;
}

int Next(sqlite3_vtab_cursor* cursor) {
  static_cast<TableCursor*>(cursor)->at++;
  return SQLITE_OK;
}

int Eof(sqlite3_vtab_cursor* raw) {
  const auto* cursor = static_cast<TableCursor*>(raw);
  return cursor->at >= cursor->rows.size();
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
    sqlite3_result_text(context, text->c_str(), -1, SQLITE_TRANSIENT);
  } else if (const auto* blob = std::get_if<Blob>(&cell)) {
    sqlite3_result_blob64(context, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
  }
  return SQLITE_OK;
}

int Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
  *rowid = static_cast<sqlite3_int64>(static_cast<TableCursor*>(cursor)->at + 1);
  return SQLITE_OK;
}

// No xCreate: the tables exist without CREATE VIRTUAL TABLE.
constexpr sqlite3_module MakeModule() {
  sqlite3_module module{};
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = Eof;
  module.xColumn = Column;
  module.xRowid = Rowid;
  return module;
}
constexpr sqlite3_module kModule = MakeModule();

// sibyl_compact() or sibyl_compact('database'): merges all segments and retrains their models.
void CompactFunction(sqlite3_context* context, int argc, sqlite3_value** argv) {
  const auto* name = argc > 0 ? sqlite3_value_text(argv[0]) : nullptr;
  std::string error;
  SibylStore* store =
      StoreNamed(sqlite3_context_db_handle(context),
                 name != nullptr ? reinterpret_cast<const char*>(name) : "main", &error);
  if (store != nullptr && store->Compact() == SQLITE_OK) return;  // the result is NULL
  if (store != nullptr) error = store->error();
  sqlite3_result_error(context, error.c_str(), -1);
}

}  // namespace

int sibyl_register_statistics(sqlite3* db) {
  for (const TableKind& kind : sibyl::sql::StatisticTables()) {
    const int rc = sqlite3_create_module(db, kind.name, &kModule, const_cast<TableKind*>(&kind));
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
