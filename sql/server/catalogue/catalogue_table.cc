#include "sql/server/catalogue/catalogue_table.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "sql/eponymous_table.h"
#include "sql/server/catalogue/sqlite_values.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

// One relation for one connection; SQLite's table and cursor follow.
struct RelationModule {
  std::shared_ptr<Catalogue> catalogue;
  const RelationColumns* relation;
  std::vector<CatalogueColumn> columns;  // empty until it is asked
};

struct RelationTable : sqlite3_vtab {
  RelationModule* module;
};

struct RelationCursor : sqlite3_vtab_cursor {
  std::shared_ptr<RelationRows> rows;
  const std::vector<size_t>* found = nullptr;  // nullptr: all rows
  size_t at = 0;

  size_t count() const { return found != nullptr ? found->size() : rows->rows().size(); }
  size_t place() const { return found != nullptr ? (*found)[at] : at; }
  sqlite3_int64 rowid() const { return static_cast<sqlite3_int64>(place()); }
};

// With an affinity that leaves text alone where the type is one of text.
std::string DeclaredType(const std::string& type) {
  if (type == "char") return "\"char\"";
  if (type[0] == '_') return "\"" + type.substr(1) + "[]\"";
  if (type == "name" || type == "pg_node_tree" || type == "inet" || type == "anyarray" ||
      type == "pg_lsn" || type == "oidvector" || type == "regtype" || type == "regproc") {
    return type + " text";
  }
  return type;
}

int Connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** result, char**) {
  auto* module = static_cast<RelationModule*>(aux);
  if (module->columns.empty()) module->columns = ColumnsOf(*module->relation);
  std::string sql = "CREATE TABLE x (";
  for (const CatalogueColumn& column : module->columns) {
    if (sql.back() != '(') sql += ", ";
    sql += "\"" + column.name + "\" " + DeclaredType(column.type);
  }
  int code = SQLITE_OK;
  auto* table = ConnectTable<RelationTable>(db, (sql + ")").c_str(), result, &code);
  if (table != nullptr) table->module = module;
  return code;
}

// One equality is enough: SQLite checks it again, and all the others.
int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  info->idxNum = -1;
  info->estimatedCost = 1000;
  info->estimatedRows = 300;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (!constraint.usable || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ ||
        constraint.iColumn < 0 || sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) {
      continue;
    }
    info->idxNum = constraint.iColumn;
    info->aConstraintUsage[i].argvIndex = 1;
    info->estimatedCost = 10;
    info->estimatedRows = 5;
    return SQLITE_OK;
  }
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* base, int column, const char*, int count, sqlite3_value** values) {
  auto* cursor = static_cast<RelationCursor*>(base);
  if (cursor->rows == nullptr) {
    auto* module = static_cast<RelationTable*>(base->pVtab)->module;
    cursor->rows = module->catalogue->Rows(*module->relation, module->columns);
  }
  cursor->at = 0;
  cursor->found = nullptr;
  if (column >= 0 && count == 1) {
    cursor->found = &cursor->rows->Find(static_cast<size_t>(column), KeyOf(ValueOf(values[0])));
  }
  return SQLITE_OK;
}

int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int number) {
  auto* cursor = static_cast<RelationCursor*>(base);
  const Row& row = cursor->rows->rows()[cursor->place()];
  ResultValue(context, row[static_cast<size_t>(number)]);
  return SQLITE_OK;
}

}  // namespace

std::string KeyOf(const Value& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value)) {
    if (*real == std::trunc(*real) && std::abs(*real) < 9e18) {
      return std::to_string(static_cast<int64_t>(*real));
    }
    return std::to_string(*real);
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return {};
  // Text that is a number in whatever form.
  char* end = nullptr;
  errno = 0;
  const int64_t integer = std::strtoll(text->c_str(), &end, 10);
  if (errno == 0 && end != text->c_str() && *end == '\0') return std::to_string(integer);
  const double number = std::strtod(text->c_str(), &end);
  while (end != nullptr && *end == ' ') ++end;
  if (!text->empty() && end != text->c_str() && *end == '\0') return KeyOf(Value(number));
  return *text;
}

const std::vector<size_t>& RelationRows::Find(size_t column, const std::string& key) {
  static const std::vector<size_t> kNone;
  auto found = by_column_.find(column);
  if (found == by_column_.end()) {
    found =
        by_column_.emplace(column, std::unordered_map<std::string, std::vector<size_t>>()).first;
    for (size_t i = 0; i < rows_.size(); ++i) found->second[KeyOf(rows_[i][column])].push_back(i);
  }
  const auto places = found->second.find(key);
  return places != found->second.end() ? places->second : kNone;
}

std::shared_ptr<const Model> Catalogue::CurrentModel() {
  const int64_t version = SchemaVersion(db_);
  if (model_ == nullptr || version != version_) {
    model_ = std::make_shared<const Model>(ReadModel(db_));
    relations_.clear();
    version_ = version;
  }
  return model_;
}

std::shared_ptr<RelationRows> Catalogue::Rows(const RelationColumns& relation,
                                              const std::vector<CatalogueColumn>& columns) {
  const std::shared_ptr<const Model> model = CurrentModel();
  const std::string_view name = relation.name;
  const auto kept = relations_.find(name);
  if (kept != relations_.end()) return kept->second;
  RowWriter writer(columns, name.starts_with("information_schema_"));
  const RowSource source{*model, db_};
  if (!WriteSchemaRows(name, source, &writer) && !WriteFixedRows(name, source, &writer)) {
    WriteInformationSchemaRows(name, source, &writer);
  }
  auto rows = std::make_shared<RelationRows>(writer.Take());
  if (!IsVolatile(name)) relations_.emplace(std::string(name), rows);
  return rows;
}

int RegisterRelations(sqlite3* db, const std::shared_ptr<Catalogue>& catalogue) {
  static const sqlite3_module module =
      EponymousModule<RelationTable, RelationCursor>(Connect, BestIndex, Filter, Column);
  for (const RelationColumns& relation : AllRelations()) {
    const int code = sqlite3_create_module_v2(
        db, relation.name, &module, new RelationModule{catalogue, &relation, {}},
        [](void* aux) { delete static_cast<RelationModule*>(aux); });
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace sibyl::sql::server
