// The rows of the tables of statistics: see the header.

#include "sql/statistic_tables.h"

#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "sibyl/explain.h"
#include "sibyl/stats.h"
#include "sql/statistics.h"

namespace sibyl::sql {
namespace {

Cell Number(uint64_t value) { return static_cast<int64_t>(value); }

// Windows are unsigned: as hexadecimal text they sort as they are.
Cell WindowText(uint64_t window) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(window));
  return std::string(text);
}

Cell KindName(PieceKind kind) {
  switch (kind) {
    case PieceKind::kLine:
      return std::string("line");
    case PieceKind::kChild:
      return std::string("child");
    case PieceKind::kSeparator:
      return std::string("separator");
  }
  return {};
}

Result<std::vector<Row>> SegmentRows(const TableRequest& request) {
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, request.store->database()->GetStats());
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

Result<std::vector<Row>> ModelRows(const TableRequest& request) {
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, request.store->database()->GetStats());
  const MovedRoots roots = request.store->LatestRoots();
  std::vector<Row> rows;
  for (const auto& level : stats.levels) {
    for (const auto& segment : level.segments) {
      for (const auto& model : segment.models) {
        rows.push_back({Number(roots.RootOf(model.tree)), Number(level.level), Number(segment.id),
                        model.kind, Number(model.records), Number(model.blocks),
                        Number(model.pieces), Number(model.nodes), Number(model.depth),
                        Number(model.model_bytes)});
      }
    }
  }
  return rows;
}

Result<std::vector<Row>> StatRows(const TableRequest& request) {
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, request.store->database()->GetStats());
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
  std::vector<Row> rows;
  const auto add = [&rows](const char* name, uint64_t value) {
    rows.push_back({std::string(name), Number(value)});
  };
  add("generations", stats.generations.size());
  add("delta_records", delta_records);
  add("delta_bytes", delta_bytes);
  add("levels", stats.levels.size());
  add("segments", segments);
  add("segment_records", records);
  add("trees", stats.trees.size());
  add("last_sequence", stats.last_sequence);
  add("pinned_views", stats.pinned_views);
  add("range_deletions", stats.range_deletions);
  for (const NamedCounter& counter : ListCounters(stats.counters)) add(counter.name, counter.value);
  return rows;
}

Row PieceRow(uint32_t root, ModelPiece piece) {
  return {Number(root),
          Number(piece.level),
          Number(piece.segment),
          Number(piece.node),
          Number(piece.depth),
          KindName(piece.kind),
          Blob{std::move(piece.first_key)},
          WindowText(piece.window),
          piece.blocks_per_window,
          piece.base_block,
          Number(piece.records)};
}

// Of all trees, or of that with the root page given.
Result<std::vector<Row>> PieceRows(const TableRequest& request) {
  Database& database = *request.store->database();
  const MovedRoots roots = request.store->LatestRoots();
  SIBYL_ASSIGN_OR_RETURN(const auto trees, database.ListTrees());
  std::vector<Row> rows;
  for (const TreeInfo& info : trees) {
    const uint32_t root = roots.RootOf(info.tree);
    if (request.arguments[0] != nullptr && sqlite3_value_int64(request.arguments[0]) != root) {
      continue;
    }
    SIBYL_ASSIGN_OR_RETURN(auto pieces, database.ListPieces(info.tree));
    for (ModelPiece& piece : pieces) rows.push_back(PieceRow(root, std::move(piece)));
  }
  return rows;
}

// Where a value of a table's key, or of an index's first column, is in the database's trees.
struct KeyPlace {
  Tree tree;
  std::string key;
};
Result<KeyPlace> PlaceOfArguments(const TableRequest& request) {
  if (request.arguments[0] == nullptr || request.arguments[1] == nullptr) {
    return Error{ErrorCode::kInvalidArgument,
                 "sibyl_explain needs the name of a table or an index, and a key"};
  }
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(request.arguments[0]));
  const std::string name = text != nullptr ? text : "";
  uint32_t root = 0;
  SibylKey encoded{};
  const int rc = sibyl_key_of_value(request.db, request.database.c_str(), name.c_str(),
                                    request.arguments[1], &root, &encoded);
  std::string key(reinterpret_cast<const char*>(encoded.bytes), encoded.size);
  sibyl_key_free(&encoded);
  if (rc == SQLITE_NOTFOUND) {
    return Error{ErrorCode::kInvalidArgument,
                 "no table or index " + name + " in " + request.database};
  }
  if (rc == SQLITE_MISMATCH) {
    return Error{ErrorCode::kInvalidArgument, "the key of " + name + " is an integer, its rowid"};
  }
  if (rc != SQLITE_OK) return Error{ErrorCode::kInvalidArgument, sqlite3_errstr(rc)};
  return KeyPlace{request.store->LatestRoots().TreeOf(root), std::move(key)};
}

// The first entry that begins with the key, if there is one: an index's entries go on after it.
Result<std::string> WholeKey(Database& database, const KeyPlace& place) {
  SIBYL_ASSIGN_OR_RETURN(const auto iterator, database.NewIterator(place.tree));
  iterator->Seek(place.key);
  SIBYL_RETURN_IF_ERROR(iterator->status());
  if (iterator->Valid() && iterator->key().starts_with(place.key)) {
    return std::string(iterator->key());
  }
  return place.key;
}

std::string OutcomeName(LookupSource::Outcome outcome) {
  switch (outcome) {
    case LookupSource::Outcome::kAbsent:
      return "absent";
    case LookupSource::Outcome::kFiltered:
      return "filtered";
    case LookupSource::Outcome::kValue:
      return "found";
    case LookupSource::Outcome::kTombstone:
      return "deleted";
  }
  return "";
}

// A row per stage of the model, then one for what the source had to say.
void AppendSource(const LookupSource& source, std::vector<Row>* rows) {
  const Cell level = source.is_segment ? Number(source.level) : Cell{};
  const Row begin = {std::string(source.is_segment ? "segment" : "generation"), Number(source.id),
                     level};
  int64_t number = 0;
  for (const LookupStage& stage : source.stages) {
    Row row = begin;
    row.insert(row.end(), {++number,
                           Number(stage.node),
                           Number(stage.piece),
                           KindName(stage.kind),
                           WindowText(stage.window),
                           stage.block,
                           {},
                           {},
                           {},
                           {},
                           {},
                           {}});
    rows->push_back(std::move(row));
  }
  Row row = begin;
  row.resize(9);
  if (source.is_segment && source.outcome != LookupSource::Outcome::kFiltered) {
    row.insert(row.end(), {Number(source.block), Number(source.predicted_slot), Number(source.slot),
                           Number(source.block_records), Number(source.read_bytes)});
  }
  row.resize(14);
  row.push_back(OutcomeName(source.outcome));
  rows->push_back(std::move(row));
}

Result<std::vector<Row>> ExplainRows(const TableRequest& request) {
  Database& database = *request.store->database();
  SIBYL_ASSIGN_OR_RETURN(const KeyPlace place, PlaceOfArguments(request));
  SIBYL_ASSIGN_OR_RETURN(const std::string key, WholeKey(database, place));
  SIBYL_ASSIGN_OR_RETURN(const auto explanation, database.Explain({}, place.tree, key));
  std::vector<Row> rows;
  for (const LookupSource& source : explanation.sources) AppendSource(source, &rows);
  return rows;
}

constexpr TableKind kTables[] = {
    {"sibyl_segments",
     "CREATE TABLE x(level INT, segment INT, path TEXT, file_bytes INT, records INT,"
     " tombstones INT, blocks INT, largest_block_records INT, largest_block_bytes INT,"
     " data_bytes INT, index_bytes INT, index_bytes_per_record REAL, training_ns INT,"
     " build_ns INT, database HIDDEN)",
     14, 0, SegmentRows},
    {"sibyl_models",
     "CREATE TABLE x(rootpage INT, level INT, segment INT, kind TEXT, records INT, blocks INT,"
     " pieces INT, nodes INT, depth INT, model_bytes INT, database HIDDEN)",
     10, 0, ModelRows},
    {"sibyl_stats", "CREATE TABLE x(name TEXT, value INT, database HIDDEN)", 2, 0, StatRows},
    {"sibyl_pieces",
     "CREATE TABLE x(rootpage INT, level INT, segment INT, node INT, depth INT, kind TEXT,"
     " first_key BLOB, window TEXT, slope REAL, base REAL, records INT, root HIDDEN,"
     " database HIDDEN)",
     11, 1, PieceRows},
    {"sibyl_explain",
     "CREATE TABLE x(source TEXT, id INT, level INT, stage INT, node INT, piece INT, kind TEXT,"
     " window TEXT, predicted REAL, block INT, predicted_slot INT, slot INT, block_records INT,"
     " read_bytes INT, outcome TEXT, tree HIDDEN, key HIDDEN, database HIDDEN)",
     15, 2, ExplainRows},
};

}  // namespace

std::span<const TableKind> StatisticTables() { return kTables; }

}  // namespace sibyl::sql
