#include "sql/server/dialect/schema.h"

#include <algorithm>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

// One prepared statement, run to its end by Step().
class Query {
 public:
  Query(sqlite3* db, const char* sql, std::string_view argument) {
    sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr);
    sqlite3_bind_text(statement_, 1, argument.data(), static_cast<int>(argument.size()),
                      SQLITE_TRANSIENT);
  }
  ~Query() { sqlite3_finalize(statement_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool Step() { return statement_ != nullptr && sqlite3_step(statement_) == SQLITE_ROW; }
  int Int(int column) { return sqlite3_column_int(statement_, column); }
  std::string Text(int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text != nullptr ? text : "";
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

ColumnInfo ReadColumn(Query* query) {
  ColumnInfo column;
  column.name = query->Text(0);
  const std::string declared = query->Text(1);
  column.type_oid = TypeOidOf(declared);
  column.typmod = TypmodOf(declared);
  column.not_null = query->Int(2) != 0;
  column.default_sql = query->Text(3);
  column.primary_key = query->Int(4);
  column.generated = query->Int(5) >= 2;
  column.rowid_alias = column.primary_key != 0 && Lower(declared) == "integer";
  return column;
}

// A single INTEGER column as primary key of a table with rowids is the rowid itself.
void MarkRowidAlias(RelationInfo* relation) {
  int key_columns = 0;
  for (const ColumnInfo& column : relation->columns) key_columns += column.primary_key != 0;
  for (ColumnInfo& column : relation->columns) {
    column.rowid_alias = column.rowid_alias && key_columns == 1 && relation->has_rowid;
    if (!column.rowid_alias) continue;
    column.type_oid = kInt8Oid;
    column.not_null = true;
  }
}

void ReadDependents(sqlite3* db, RelationInfo* relation) {
  Query objects(db,
                "SELECT type, sql, number, temporary FROM"
                " (SELECT *, rowid AS number, 0 AS temporary FROM sqlite_schema UNION ALL"
                " SELECT *, rowid, 1 FROM sqlite_temp_schema)"
                " WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY temporary",
                relation->name);
  while (objects.Step()) {
    const std::string type = objects.Text(0);
    if (type == "table" || type == "view") {
      relation->create_sql = objects.Text(1);
      const uint32_t first = objects.Int(3) != 0 ? kFirstTemporaryOid : kFirstObjectOid;
      relation->oid = first + static_cast<uint32_t>(objects.Int(2));
    } else {
      relation->dependent_sql.push_back(objects.Text(1));
    }
  }
  Query references(db,
                   "SELECT DISTINCT s.name FROM sqlite_schema s, pragma_foreign_key_list(s.name) f"
                   " WHERE s.type = 'table' AND lower(f.\"table\") = lower(?1)"
                   " AND lower(s.name) <> lower(?1)",
                   relation->name);
  while (references.Step()) relation->referencing.push_back(references.Text(0));
  Query users(db,
              "SELECT 1 FROM sqlite_schema WHERE type = 'view'"
              " OR (type = 'trigger' AND lower(tbl_name) <> lower(?1)) LIMIT 1",
              relation->name);
  relation->may_be_used = users.Step();
}

std::unique_ptr<RelationInfo> ReadRelation(sqlite3* db, std::string_view name) {
  auto relation = std::make_unique<RelationInfo>();
  relation->name = name;
  Query columns(db,
                "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)"
                " WHERE hidden <> 1",
                name);
  while (columns.Step()) relation->columns.push_back(ReadColumn(&columns));
  if (relation->columns.empty()) return nullptr;
  Query list(db, "SELECT name, type, wr FROM pragma_table_list WHERE lower(name) = lower(?1)",
             name);
  if (list.Step()) {
    relation->name = list.Text(0);
    relation->is_view = list.Text(1) == "view";
    relation->is_virtual = list.Text(1) == "virtual";
    relation->has_rowid = list.Int(2) == 0 && !relation->is_view;
  }
  MarkRowidAlias(relation.get());
  if (!relation->is_virtual) ReadDependents(db, relation.get());
  for (ColumnInfo& column : relation->columns) {
    column.identity = column.rowid_alias && HasAutoincrement(relation->create_sql);
  }
  return relation;
}

}  // namespace

bool HasAutoincrement(std::string_view create_sql) {
  return Lower(create_sql).find("autoincrement") != std::string::npos;
}

const ColumnInfo* RelationInfo::Identity() const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [](const ColumnInfo& column) { return column.identity; });
  return found == columns.end() ? nullptr : &*found;
}

const ColumnInfo* RelationInfo::FindColumn(std::string_view column) const {
  for (const ColumnInfo& candidate : columns) {
    if (EqualIgnoringCase(candidate.name, column)) return &candidate;
  }
  return nullptr;
}

int16_t RelationInfo::ColumnNumber(std::string_view column) const {
  const ColumnInfo* found = FindColumn(column);
  return found == nullptr ? int16_t{0} : static_cast<int16_t>(found - columns.data() + 1);
}

const RelationInfo* SqliteSchema::Find(std::string_view name) const {
  const std::string key = Lower(name);
  auto found = relations_.find(key);
  if (found == relations_.end()) {
    found = relations_.emplace(key, ReadRelation(db_, name)).first;
  }
  return found->second.get();
}

bool SqliteSchema::HasIndex(std::string_view name) const {
  Query index(db_, "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND lower(name) = lower(?1)",
              name);
  return index.Step();
}

}  // namespace sibyl::sql::server
