// The engine's statistics as virtual tables: see the header.

#include "sql/statistics.h"

#include <sqlite3.h>

#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sibyl/stats.h"
#include "sql/tree_store.h"

// In btree_dispatch.c: the store behind the attached database `schema`, null if it is not ours.
extern "C" SibylStore* sibyl_store_of_schema(sqlite3* db, const char* schema);

namespace {

using sibyl::Stats;
using Cell = std::variant<int64_t, double, std::string>;
using Row = std::vector<Cell>;

Cell Number(uint64_t value) { return static_cast<int64_t>(value); }

// One table: its columns, and how its rows come from the statistics. The last column, hidden, is
// the name of the database.
struct TableKind {
  const char* declaration;
  int hidden_column;
  std::vector<Row> (*rows)(const Stats& stats);
};

std::vector<Row> SegmentRows(const Stats& stats) {
  std::vector<Row> rows;
  for (const auto& level : stats.levels) {
    for (const auto& segment : level.segments) {
      const double index_bytes_per_record =
          segment.records == 0
              ? 0
              : static_cast<double>(segment.index_bytes) / static_cast<double>(segment.records);
      rows.push_back(
          {Number(level.level), Number(segment.id), segment.path, Number(segment.file_bytes),
           Number(segment.records), Number(segment.tombstones), Number(segment.blocks),
           Number(segment.largest_block_records), Number(segment.largest_block_bytes),
           Number(segment.data_bytes), Number(segment.index_bytes), index_bytes_per_record,
           Number(segment.training_ns), Number(segment.build_ns)});
    }
  }
  return rows;
}

std::vector<Row> ModelRows(const Stats& stats) {
  std::vector<Row> rows;
  for (const auto& level : stats.levels) {
    for (const auto& segment : level.segments) {
      for (const auto& model : segment.models) {
        rows.push_back({Number(model.tree.id), Number(level.level), Number(segment.id), model.kind,
                        Number(model.records), Number(model.blocks), Number(model.pieces),
                        Number(model.nodes), Number(model.depth), Number(model.model_bytes)});
      }
    }
  }
  return rows;
}

std::vector<Row> StatRows(const Stats& stats) {
  uint64_t delta_records = 0;
  uint64_t delta_bytes = 0;
  uint64_t segments = 0;
  uint64_t records = 0;
  for (const auto& generation : stats.generations) {
    delta_records += generation.records;
    delta_bytes += generation.bytes;
  }
  for (const auto& level : stats.levels) {
    segments += level.segments.size();
    for (const auto& segment : level.segments) records += segment.records;
  }
  const auto& counters = stats.counters;
  const std::pair<const char*, uint64_t> values[] = {
      {"generations", stats.generations.size()},
      {"delta_records", delta_records},
      {"delta_bytes", delta_bytes},
      {"levels", stats.levels.size()},
      {"segments", segments},
      {"segment_records", records},
      {"trees", stats.trees.size()},
      {"last_sequence", stats.last_sequence},
      {"pinned_views", stats.pinned_views},
      {"gets", counters.gets},
      {"writes_records", counters.writes_records},
      {"writes_batches", counters.writes_batches},
      {"log_syncs", counters.log_syncs},
      {"generations_drained", counters.generations_drained},
      {"compactions", counters.compactions},
      {"compaction_read_bytes", counters.compaction_read_bytes},
      {"compaction_written_bytes", counters.compaction_written_bytes},
      {"compaction_ns", counters.compaction_ns},
      {"training_ns", counters.training_ns},
      {"writer_stall_ns", counters.writer_stall_ns},
      {"transactions_committed", counters.transactions_committed},
      {"transactions_conflicted", counters.transactions_conflicted},
      {"model_bound_violations", counters.model_bound_violations},
  };
  std::vector<Row> rows;
  for (const auto& [name, value] : values) rows.push_back({std::string(name), Number(value)});
  return rows;
}

const TableKind kSegments = {
    "CREATE TABLE x(level INT, segment INT, path TEXT, file_bytes INT, records INT, tombstones INT,"
    " blocks INT, largest_block_records INT, largest_block_bytes INT, data_bytes INT,"
    " index_bytes INT, index_bytes_per_record REAL, training_ns INT, build_ns INT,"
    " database HIDDEN)",
    14, SegmentRows};

const TableKind kModels = {
    "CREATE TABLE x(rootpage INT, level INT, segment INT, kind TEXT, records INT, blocks INT,"
    " pieces INT, nodes INT, depth INT, model_bytes INT, database HIDDEN)",
    10, ModelRows};

const TableKind kStats = {"CREATE TABLE x(name TEXT, value INT, database HIDDEN)", 2, StatRows};

struct Table : sqlite3_vtab {
  sqlite3* db = nullptr;
  const TableKind* kind = nullptr;
};

struct TableCursor : sqlite3_vtab_cursor {
  std::vector<Row> rows;
  std::string database;
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

// The one plan: read everything, of the database that an equality on the hidden column names.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  const int hidden = static_cast<Table*>(table)->kind->hidden_column;
  for (int i = 0; i < info->nConstraint; i++) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.iColumn != hidden || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!constraint.usable) return SQLITE_CONSTRAINT;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    break;
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

// The tables show root pages, by which sqlite_schema knows the trees.
void NameTreesByRoot(const SibylStore& store, Stats* stats) {
  const sibyl::sql::MovedRoots roots = store.LatestRoots();
  for (auto& level : stats->levels) {
    for (auto& segment : level.segments) {
      for (auto& model : segment.models) model.tree = sibyl::Tree{roots.RootOf(model.tree)};
    }
  }
}

int Filter(sqlite3_vtab_cursor* raw, int, const char*, int argc, sqlite3_value** argv) {
  auto* cursor = static_cast<TableCursor*>(raw);
  auto* table = static_cast<Table*>(raw->pVtab);
  const auto* name = argc > 0 ? sqlite3_value_text(argv[0]) : nullptr;
  cursor->database = name != nullptr ? reinterpret_cast<const char*>(name) : "main";
  cursor->rows.clear();
  cursor->at = 0;
  std::string error;
  SibylStore* store = StoreNamed(table->db, cursor->database.c_str(), &error);
  if (store != nullptr) {
    auto stats = store->database()->GetStats();
    if (stats) {
      NameTreesByRoot(*store, &*stats);
      cursor->rows = table->kind->rows(*stats);
      return SQLITE_OK;
    }
    error = stats.error().ToString();
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

int Column(sqlite3_vtab_cursor* raw, sqlite3_context* context, int column) {
  const auto* cursor = static_cast<TableCursor*>(raw);
  const Row& row = cursor->rows[cursor->at];
  if (static_cast<size_t>(column) >= row.size()) {
    sqlite3_result_text(context, cursor->database.c_str(), -1, SQLITE_TRANSIENT);
    return SQLITE_OK;
  }
  const Cell& cell = row[static_cast<size_t>(column)];
  if (const auto* integer = std::get_if<int64_t>(&cell)) {
    sqlite3_result_int64(context, *integer);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    sqlite3_result_double(context, *real);
  } else {
    sqlite3_result_text(context, std::get<std::string>(cell).c_str(), -1, SQLITE_TRANSIENT);
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
  const std::pair<const char*, const TableKind*> tables[] = {
      {"sibyl_segments", &kSegments}, {"sibyl_models", &kModels}, {"sibyl_stats", &kStats}};
  for (const auto& [name, kind] : tables) {
    const int rc = sqlite3_create_module(db, name, &kModule, const_cast<TableKind*>(kind));
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
