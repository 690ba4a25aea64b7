#include "sql/server/catalogue/model.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sql/server/catalogue/query.h"
#include "sql/server/dialect/statement_parts.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

constexpr std::string_view kUsersTable = "sibyl_users";  // the server's own
constexpr uint32_t kConstraintsPerTable = 256;

// An object of sqlite_schema.
struct SchemaObject {
  uint32_t oid = 0;
  std::string type;
  std::string table;
  std::string sql;
};

using Objects = std::map<std::string, SchemaObject>;

Objects ReadObjects(sqlite3* db, const char* schema, uint32_t first_oid) {
  Objects objects;
  CatalogueQuery query(
      db, std::string("SELECT rowid, type, name, tbl_name, sql FROM ") + schema + ".sqlite_schema");
  while (query.Step()) {
    objects[query.Text(2)] = {first_oid + static_cast<uint32_t>(query.Int(0)), query.Text(1),
                              query.Text(3), query.Text(4)};
  }
  return objects;
}

bool IsHidden(const std::string& name) {
  return Lower(name).starts_with("sqlite_") || EqualIgnoringCase(name, kUsersTable);
}

void ReadColumns(sqlite3* db, const char* schema, bool without_rowid, ModelTable* table) {
  CatalogueQuery query(db,
                       "SELECT name, type, \"notnull\", dflt_value, pk, hidden"
                       " FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1",
                       {table->name, schema});
  int keys = 0;
  int rowid_alias = -1;
  while (query.Step()) {
    ModelColumn column;
    column.name = query.Text(0);
    const std::string declared = query.Text(1);
    column.type_oid = TypeOidOf(declared);
    column.typmod = TypmodOf(declared);
    column.not_null = query.Int(2) != 0;
    column.default_sql = query.Text(3);
    column.primary_key = static_cast<int>(query.Int(4));
    column.generated = query.Int(5) >= 2;
    keys += column.primary_key != 0;
    if (column.primary_key != 0 && EqualIgnoringCase(declared, "integer")) {
      rowid_alias = static_cast<int>(table->columns.size());
    }
    table->columns.push_back(std::move(column));
  }
  if (keys != 1 || rowid_alias < 0 || without_rowid || table->is_view) return;
  ModelColumn& alias = table->columns[rowid_alias];
  alias.type_oid = kInt8Oid;
  alias.typmod = -1;
  alias.not_null = true;
  alias.identity = HasAutoincrement(table->sql);
  ModelIndex index;
  index.oid = table->DerivedOid(kFirstRowidIndexOid);
  index.name = table->name + "_pkey";
  index.unique = index.primary = true;
  index.columns = {rowid_alias + 1};
  index.descending = {false};
  table->indexes.push_back(std::move(index));
}

std::string ConstraintIndexName(const ModelTable& table, const ModelIndex& index) {
  if (index.primary) return table.name + "_pkey";
  std::string name = table.name;
  for (const int column : index.columns) {
    if (column > 0) name += "_" + table.columns[column - 1].name;
  }
  return name + "_key";
}

void ReadIndexColumns(sqlite3* db, const char* schema, const std::string& name, ModelIndex* index) {
  CatalogueQuery query(
      db, "SELECT cid, \"desc\" FROM pragma_index_xinfo(?1, ?2) WHERE key = 1 ORDER BY seqno",
      {name, schema});
  const std::vector<std::string> items = IndexItemsOf(index->sql);
  while (query.Step()) {
    const int column = static_cast<int>(query.Int(0));
    const size_t place = index->columns.size();
    index->columns.push_back(column >= 0 ? column + 1 : 0);
    index->descending.push_back(query.Int(1) != 0);
    if (column >= 0) continue;
    index->expressions.push_back(place < items.size() ? items[place] : "");
  }
}

void ReadIndexes(sqlite3* db, const char* schema, const Objects& objects, ModelTable* table) {
  CatalogueQuery query(
      db,
      "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, ?2) ORDER BY seq DESC",
      {table->name, schema});
  while (query.Step()) {
    const std::string name = query.Text(0);
    const std::string origin = query.Text(2);
    ModelIndex index;
    const auto object = objects.find(name);
    // The key of a table without rowids is the table itself.
    index.oid =
        object != objects.end() ? object->second.oid : table->DerivedOid(kFirstRowidIndexOid);
    if (object != objects.end()) index.sql = object->second.sql;
    index.unique = query.Int(1) != 0;
    index.primary = origin == "pk";
    if (query.Int(3) != 0) index.where = WhereOf(index.sql);
    ReadIndexColumns(db, schema, name, &index);
    index.name = index.sql.empty() ? ConstraintIndexName(*table, index) : name;
    table->indexes.push_back(std::move(index));
  }
}

void ReadForeignKeys(sqlite3* db, const char* schema, ModelTable* table) {
  CatalogueQuery query(db,
                       "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete"
                       " FROM pragma_foreign_key_list(?1, ?2) ORDER BY id DESC, seq",
                       {table->name, schema});
  int64_t last = -1;
  while (query.Step()) {
    if (table->foreign_keys.empty() || query.Int(0) != last) {
      last = query.Int(0);
      ModelForeignKey key;
      key.other_table = query.Text(1);
      key.on_update = query.Text(4);
      key.on_delete = query.Text(5);
      table->foreign_keys.push_back(std::move(key));
    }
    table->foreign_keys.back().columns.push_back(query.Text(2));
    if (!query.IsNull(3)) table->foreign_keys.back().other_columns.push_back(query.Text(3));
  }
  for (ModelForeignKey& key : table->foreign_keys) {
    key.name = table->name;
    for (const std::string& column : key.columns) key.name += "_" + column;
    key.name += "_fkey";
  }
}

void ReadChecks(ModelTable* table) {
  int unnamed = 0;
  for (CheckText& text : ChecksOf(table->sql)) {
    ModelCheck check;
    check.expression = std::move(text.expression);
    check.name = std::move(text.name);
    const int column = table->ColumnNumber(text.column);
    if (column > 0) check.columns.push_back(column);
    if (check.name.empty()) {
      check.name = table->name + (text.column.empty() ? "" : "_" + text.column) + "_check";
      if (text.column.empty() && unnamed++ > 0) check.name += std::to_string(unnamed - 1);
    }
    table->checks.push_back(std::move(check));
  }
}

void NumberConstraints(ModelTable* table) {
  const bool temporary = table->namespace_oid == kPgTempOid;
  uint32_t next = kFirstConstraintOid + (temporary ? 0x10000000 : 0) +
                  (table->oid & 0xfffff) * kConstraintsPerTable;
  for (ModelIndex& index : table->indexes) {
    const bool constraint = index.primary || (index.unique && index.sql.empty());
    // What ALTER TABLE ADD PRIMARY KEY leaves where it cannot make the table anew.
    const bool added_key = index.unique && index.name == table->name + "_pkey";
    index.primary = index.primary || added_key;
    if (constraint || added_key) index.constraint_oid = next++;
  }
  for (ModelForeignKey& key : table->foreign_keys) key.oid = next++;
  for (ModelCheck& check : table->checks) check.oid = next++;
}

void ReadSchema(sqlite3* db, const char* schema, uint32_t first_oid, Model* model) {
  const Objects objects = ReadObjects(db, schema, first_oid);
  CatalogueQuery query(
      db, "SELECT name, type, wr FROM pragma_table_list WHERE schema = ?1 ORDER BY name", {schema});
  while (query.Step()) {
    const std::string type = query.Text(1);
    const auto object = objects.find(query.Text(0));
    if (object == objects.end() || IsHidden(object->first) || type == "shadow") continue;
    ModelTable table;
    table.oid = object->second.oid;
    table.name = object->first;
    table.sql = object->second.sql;
    table.is_view = type == "view";
    table.namespace_oid = first_oid == kFirstTemporaryOid ? kPgTempOid : kPublicOid;
    ReadColumns(db, schema, query.Int(2) != 0, &table);
    if (type == "table") {
      ReadIndexes(db, schema, objects, &table);
      ReadForeignKeys(db, schema, &table);
      ReadChecks(&table);
    }
    for (const auto& [name, trigger] : objects) {
      if (trigger.type != "trigger" || !EqualIgnoringCase(trigger.table, table.name)) continue;
      table.triggers.push_back({trigger.oid, name, trigger.sql});
    }
    NumberConstraints(&table);
    model->tables.push_back(std::move(table));
  }
}

// A foreign key that names no columns means the other table's primary key.
void CompleteForeignKeys(Model* model) {
  for (ModelTable& table : model->tables) {
    for (ModelForeignKey& key : table.foreign_keys) {
      const ModelTable* other = model->FindTable(key.other_table);
      if (other == nullptr || !key.other_columns.empty()) continue;
      for (size_t place = 1; place <= key.columns.size(); ++place) {
        for (const ModelColumn& column : other->columns) {
          if (column.primary_key == static_cast<int>(place)) {
            key.other_columns.push_back(column.name);
          }
        }
      }
    }
  }
}

// Whether one pair of parentheses is around all of `expression`.
bool IsInParentheses(const std::string& expression) {
  if (!expression.starts_with('(')) return false;
  int depth = 0;
  char quote = '\0';
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';  // a doubled one opens the next at once
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) return i + 1 == expression.size();
  }
  return false;
}

std::string List(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + Quoted(name);
  return list;
}

}  // namespace

int ModelTable::ColumnNumber(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (EqualIgnoringCase(columns[i].name, column)) return static_cast<int>(i) + 1;
  }
  return 0;
}

uint32_t ModelTable::DerivedOid(uint32_t first_of_kind) const {
  return server::DerivedOid(oid, first_of_kind);
}

bool ModelTable::has_identity() const {
  return std::any_of(columns.begin(), columns.end(),
                     [](const ModelColumn& column) { return column.identity; });
}

const ModelTable* Model::FindTable(std::string_view name) const {
  for (const ModelTable& table : tables) {
    if (EqualIgnoringCase(table.name, name)) return &table;
  }
  return nullptr;
}

const ModelTable* Model::FindTable(uint32_t oid) const {
  for (const ModelTable& table : tables) {
    if (table.oid == oid) return &table;
  }
  return nullptr;
}

const ModelIndex* Model::FindIndex(uint32_t oid, const ModelTable** table) const {
  for (const ModelTable& candidate : tables) {
    for (const ModelIndex& index : candidate.indexes) {
      if (index.oid != oid) continue;
      *table = &candidate;
      return &index;
    }
  }
  return nullptr;
}

Model ReadModel(sqlite3* db) {
  Model model;
  ReadSchema(db, "temp", kFirstTemporaryOid, &model);
  ReadSchema(db, "main", kFirstObjectOid, &model);
  CompleteForeignKeys(&model);
  return model;
}

int64_t SchemaVersion(sqlite3* db) {
  CatalogueQuery main(db, "PRAGMA main.schema_version");
  CatalogueQuery temporary(db, "PRAGMA temp.schema_version");
  const int64_t version = main.Step() ? main.Int(0) : 0;
  return (version << 32) + (temporary.Step() ? temporary.Int(0) : 0);
}

std::string NamespaceName(uint32_t oid) {
  switch (oid) {
    case kPgCatalogOid:
      return "pg_catalog";
    case kInformationSchemaOid:
      return "information_schema";
    case kPgTempOid:
      return "pg_temp";
    default:
      return "public";
  }
}

std::string IndexColumn(const ModelTable& table, const ModelIndex& index, size_t column) {
  if (column >= index.columns.size()) return "";
  const int number = index.columns[column];
  if (number > 0) return Quoted(table.columns[number - 1].name);
  size_t expression = 0;
  for (size_t i = 0; i < column; ++i) expression += index.columns[i] == 0;
  return expression < index.expressions.size() ? index.expressions[expression] : "";
}

std::string CheckDefinition(const ModelCheck& check, bool pretty) {
  const bool has_parentheses = IsInParentheses(check.expression);
  if (pretty && has_parentheses) return "CHECK " + check.expression;
  return "CHECK (" + (pretty || has_parentheses ? check.expression : "(" + check.expression + ")") +
         ")";
}

std::string IndexDefinition(const ModelTable& table, const ModelIndex& index, bool pretty) {
  std::string columns;
  for (size_t i = 0; i < index.columns.size(); ++i) {
    columns += (columns.empty() ? "" : ", ") + IndexColumn(table, index, i);
    if (index.columns[i] > 0 && index.descending[i]) columns += " DESC";
  }
  return std::string("CREATE ") + (index.unique ? "UNIQUE " : "") + "INDEX " + Quoted(index.name) +
         " ON " + (pretty ? "" : NamespaceName(table.namespace_oid) + ".") + Quoted(table.name) +
         " USING btree (" + columns + ")" +
         (index.where.empty() ? "" : " WHERE (" + index.where + ")");
}

std::string KeyDefinition(const ModelTable& table, const ModelIndex& index) {
  std::string columns;
  for (size_t i = 0; i < index.columns.size(); ++i) {
    columns += (columns.empty() ? "" : ", ") + IndexColumn(table, index, i);
  }
  return (index.primary ? "PRIMARY KEY (" : "UNIQUE (") + columns + ")";
}

std::string ForeignKeyDefinition(const ModelForeignKey& key) {
  std::string text = "FOREIGN KEY (" + List(key.columns) + ") REFERENCES " +
                     Quoted(key.other_table) + "(" + List(key.other_columns) + ")";
  if (key.on_update != "NO ACTION") text += " ON UPDATE " + key.on_update;
  if (key.on_delete != "NO ACTION") text += " ON DELETE " + key.on_delete;
  return text;
}

}  // namespace sibyl::sql::server
