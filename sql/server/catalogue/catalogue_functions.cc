// Functions over the catalogue: regclass and its kin, pg_get_indexdef, sizes, ....

#include <memory>
#include <utility>

#include "base/text.h"
#include "sql/server/catalogue/catalogue.h"
#include "sql/server/catalogue/catalogue_table.h"
#include "sql/server/catalogue/function_support.h"
#include "sql/server/catalogue/query.h"
#include "sql/server/dialect/statement_parts.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

Catalogue* CatalogueOf(sqlite3_context* context) {
  return static_cast<std::shared_ptr<Catalogue>*>(sqlite3_user_data(context))->get();
}

uint32_t OidArgument(sqlite3_value* value) {
  return static_cast<uint32_t>(sqlite3_value_int64(value));
}

// ---- Names and oids ----

// The last part of a name that may be qualified and quoted: public."My table".
std::string BareName(std::string_view name) {
  std::string part;
  bool quoted = false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '"') {
      if (quoted && i + 1 < name.size() && name[i + 1] == '"') {
        part += name[++i];
      } else {
        quoted = !quoted;
      }
    } else if (name[i] == '.' && !quoted) {
      part.clear();
    } else {
      part += quoted ? name[i] : Lower(name.substr(i, 1))[0];
    }
  }
  return part;
}

std::optional<uint32_t> RelationOid(const Model& model, std::string_view name) {
  const std::string bare = BareName(name);
  if (const ModelTable* table = model.FindTable(bare)) return table->oid;
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (EqualIgnoringCase(index.name, bare)) return index.oid;
    }
    for (const ModelColumn& column : table.columns) {
      if (column.identity && EqualIgnoringCase(table.name + "_" + column.name + "_seq", bare)) {
        return table.DerivedOid(kFirstSequenceOid);
      }
    }
  }
  const bool information = Lower(name).starts_with("information_schema.");
  const std::string known = (information ? "information_schema_" : "") + bare;
  for (const RelationColumns& relation : AllRelations()) {
    if (known == relation.name) return relation.oid;
  }
  return std::nullopt;
}

std::optional<std::string> RelationName(const Model& model, uint32_t oid) {
  if (const ModelTable* table = model.FindTable(oid)) return Quoted(table->name);
  const ModelTable* table = nullptr;
  if (const ModelIndex* index = model.FindIndex(oid, &table)) return Quoted(index->name);
  for (const ModelTable& owner : model.tables) {
    for (const ModelColumn& column : owner.columns) {
      if (column.identity && owner.DerivedOid(kFirstSequenceOid) == oid) {
        return Quoted(owner.name + "_" + column.name + "_seq");
      }
    }
  }
  for (const RelationColumns& relation : AllRelations()) {
    if (relation.oid == oid) return relation.name;
  }
  return std::nullopt;
}

// Text that is a number stands for itself.
bool ResultIfNumber(sqlite3_context* context, sqlite3_value* value) {
  if (sqlite3_value_type(value) == SQLITE_INTEGER) {
    sqlite3_result_value(context, value);
    return true;
  }
  const std::string_view text = TextArgument(value);
  const auto number = base::ParseNumber<uint32_t>(text);
  if (!number) return false;
  sqlite3_result_int64(context, *number);
  return true;
}

void RegclassIn(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || ResultIfNumber(context, values[0])) return;
  const std::string_view name = TextArgument(values[0]);
  const auto oid = RelationOid(*CatalogueOf(context)->CurrentModel(), name);
  if (!oid) {
    FailFunction(context, "42P01", "relation \"" + std::string(name) + "\" does not exist");
    return;
  }
  sqlite3_result_int64(context, *oid);
}

void ToRegclass(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const auto oid = RelationOid(*CatalogueOf(context)->CurrentModel(), TextArgument(values[0]));
  if (oid) sqlite3_result_int64(context, *oid);
}

void ResultNameOrOid(sqlite3_context* context, const std::optional<std::string>& name,
                     sqlite3_value* oid) {
  if (name) {
    ResultText(context, name);
  } else if (OidArgument(oid) == 0) {
    ResultText(context, std::string_view("-"));
  } else {
    ResultText(context, TextArgument(oid));
  }
}

void RegclassOut(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const auto model = CatalogueOf(context)->CurrentModel();
  ResultNameOrOid(context, RelationName(*model, OidArgument(values[0])), values[0]);
}

void RegtypeIn(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || ResultIfNumber(context, values[0])) return;
  const TypeInfo* type = FindType(BareName(TextArgument(values[0])));
  if (type == nullptr) {
    FailFunction(context, "42704",
                 "type \"" + std::string(TextArgument(values[0])) + "\" does not exist");
    return;
  }
  sqlite3_result_int64(context, type->oid);
}

void RegtypeOut(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const TypeInfo* type = FindType(OidArgument(values[0]));
  ResultNameOrOid(context,
                  type != nullptr ? std::optional(FormatType(type->oid, -1)) : std::nullopt,
                  values[0]);
}

void RegnamespaceIn(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || ResultIfNumber(context, values[0])) return;
  const std::string name = BareName(TextArgument(values[0]));
  for (const uint32_t oid : {kPgCatalogOid, kPublicOid, kInformationSchemaOid, kPgTempOid}) {
    if (NamespaceName(oid) != name) continue;
    sqlite3_result_int64(context, oid);
    return;
  }
  FailFunction(context, "3F000", "schema \"" + name + "\" does not exist");
}

void RegnamespaceOut(sqlite3_context* context, int, sqlite3_value** values) {
  if (!IsNull(values[0])) {
    ResultText(context, std::string_view(NamespaceName(OidArgument(values[0]))));
  }
}

// There are no functions in the catalogue, so none has an oid, but two by which clients tell
// arrays.
constexpr uint32_t kArrayIn = 750;
constexpr uint32_t kArrayOut = 751;

void RegprocIn(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || ResultIfNumber(context, values[0])) return;
  const std::string name = BareName(TextArgument(values[0]));
  if (name == "array_in" || name == "array_out") {
    sqlite3_result_int64(context, name == "array_in" ? kArrayIn : kArrayOut);
    return;
  }
  FailFunction(context, "42883",
               "function \"" + std::string(TextArgument(values[0])) + "\" does not exist");
}
void RegprocOut(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const uint32_t oid = OidArgument(values[0]);
  if (oid == kArrayIn || oid == kArrayOut) {
    ResultText(context, std::string_view(oid == kArrayIn ? "array_in" : "array_out"));
  } else {
    ResultNameOrOid(context, std::nullopt, values[0]);
  }
}

std::optional<std::string> RoleName(sqlite3* db, uint32_t oid) {
  if (oid == kOwnerOid) return kOwnerName;
  if (oid != kSessionUserOid) return std::nullopt;
  CatalogueQuery user(db, "SELECT pg_session_user()");
  return user.Step() ? std::optional(user.Text(0)) : std::nullopt;
}

void RegroleIn(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || ResultIfNumber(context, values[0])) return;
  const std::string name = BareName(TextArgument(values[0]));
  sqlite3_result_int64(context, name == kOwnerName ? kOwnerOid : kSessionUserOid);
}
void RegroleOut(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  ResultNameOrOid(context, RoleName(CatalogueOf(context)->db(), OidArgument(values[0])), values[0]);
}
void UserById(sqlite3_context* context, int, sqlite3_value** values) {
  const uint32_t oid = OidArgument(values[0]);
  const auto name = RoleName(CatalogueOf(context)->db(), oid);
  ResultText(context, std::string_view(name ? *name : "unknown (OID=" + std::to_string(oid) + ")"));
}

// ---- Definitions ----

void FormatTypeFunction(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const int32_t typmod = IsNull(values[1]) ? -1 : sqlite3_value_int(values[1]);
  const uint32_t oid = OidArgument(values[0]);
  ResultText(context, std::string_view(oid == 0 ? "-" : FormatType(oid, typmod)));
}

// What the catalogue keeps as an expression is its text already.
void GetExpr(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_value(context, values[0]);
}

// index [, column from 1, pretty]
void GetIndexdef(sqlite3_context* context, int count, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  const ModelTable* table = nullptr;
  const ModelIndex* index = model->FindIndex(OidArgument(values[0]), &table);
  if (index == nullptr) return;
  const int column = count > 1 ? sqlite3_value_int(values[1]) : 0;
  if (column <= 0) {
    const bool pretty = count > 2 && sqlite3_value_int(values[2]) != 0;
    ResultText(context, std::string_view(IndexDefinition(*table, *index, pretty)));
  } else {
    ResultText(context,
               std::string_view(IndexColumn(*table, *index, static_cast<size_t>(column) - 1)));
  }
}

std::optional<std::string> ConstraintDefinition(const Model& model, uint32_t oid, bool pretty) {
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (index.constraint_oid == oid) return KeyDefinition(table, index);
    }
    for (const ModelForeignKey& key : table.foreign_keys) {
      if (key.oid == oid) return ForeignKeyDefinition(key);
    }
    for (const ModelCheck& check : table.checks) {
      if (check.oid == oid) return CheckDefinition(check, pretty);
    }
  }
  return std::nullopt;
}

// constraint [, pretty]
void GetConstraintdef(sqlite3_context* context, int count, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  const uint32_t oid = OidArgument(values[0]);
  const bool pretty = count > 1 && sqlite3_value_int(values[1]) != 0;
  if (oid != 0) ResultText(context, ConstraintDefinition(*model, oid, pretty));
}

void GetViewdef(sqlite3_context* context, int, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  const ModelTable* table = sqlite3_value_type(values[0]) == SQLITE_INTEGER
                                ? model->FindTable(OidArgument(values[0]))
                                : model->FindTable(BareName(TextArgument(values[0])));
  if (table == nullptr || !table->is_view) return;
  ResultText(context, std::string_view(" " + ViewQueryOf(table->sql) + ";"));
}

void GetTriggerdef(sqlite3_context* context, int, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  for (const ModelTable& table : model->tables) {
    for (const ModelTrigger& trigger : table.triggers) {
      if (trigger.oid != OidArgument(values[0])) continue;
      ResultText(context, std::string_view(trigger.sql));
      return;
    }
  }
}

// table, column: the sequence behind an identity column.
void GetSerialSequence(sqlite3_context* context, int, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  const ModelTable* table = model->FindTable(BareName(TextArgument(values[0])));
  if (table == nullptr) {
    FailFunction(context, "42P01",
                 "relation \"" + std::string(TextArgument(values[0])) + "\" does not exist");
    return;
  }
  const int number = table->ColumnNumber(TextArgument(values[1]));
  if (number == 0 || !table->columns[number - 1].identity) return;
  ResultText(context,
             std::string_view(
                 "public." + Quoted(table->name + "_" + table->columns[number - 1].name + "_seq")));
}

void TableIsVisible(sqlite3_context* context, int, sqlite3_value** values) {
  const auto model = CatalogueOf(context)->CurrentModel();
  const uint32_t oid = OidArgument(values[0]);
  const ModelTable* table = model->FindTable(oid);
  // A temporary table hides one of the same name.
  const bool hidden = table != nullptr && model->FindTable(table->name) != table;
  const bool information = [&] {
    for (const RelationColumns& relation : AllRelations()) {
      if (relation.oid == oid) {
        return std::string_view(relation.name).starts_with("information_schema_");
      }
    }
    return false;
  }();
  sqlite3_result_int(context, hidden || information ? 0 : 1);
}

// ---- Sizes ----

int64_t DatabaseBytes(sqlite3* db) {
  CatalogueQuery pages(db,
                       "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
  return pages.Step() ? pages.Int(0) : 0;
}

void DatabaseSize(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_int64(context, DatabaseBytes(sqlite3_context_db_handle(context)));
}

// An estimate: the relation's share of the records that are in segments, of the database's bytes.
void RelationSize(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3* db = sqlite3_context_db_handle(context);
  const auto model = CatalogueOf(context)->CurrentModel();
  const auto name = RelationName(*model, OidArgument(values[0]));
  if (!name) return;
  CatalogueQuery share(db,
                       "SELECT total(CASE WHEN s.name = ?1 THEN m.records END), total(m.records)"
                       " FROM sibyl_models m LEFT JOIN sqlite_schema s USING (rootpage)",
                       {BareName(*name)});
  if (!share.Step() || share.Int(1) == 0) {
    sqlite3_result_int64(context, 0);
    return;
  }
  const double part = static_cast<double>(share.Int(0)) / static_cast<double>(share.Int(1));
  sqlite3_result_int64(context,
                       static_cast<int64_t>(part * static_cast<double>(DatabaseBytes(db))));
}

void Null(sqlite3_context*, int, sqlite3_value**) {}

constexpr SqlFunction kFunctions[] = {
    {"col_description", 2, Null, false},
    {"format_type", 2, FormatTypeFunction, false},
    {"obj_description", -1, Null, false},
    {"pg_database_size", 1, DatabaseSize, false},
    {"pg_get_constraintdef", 1, GetConstraintdef, false},
    {"pg_get_constraintdef", 2, GetConstraintdef, false},
    {"pg_get_expr", 2, GetExpr, false},
    {"pg_get_expr", 3, GetExpr, false},
    {"pg_get_function_arguments", 1, Null, false},
    {"pg_get_function_result", 1, Null, false},
    {"pg_get_indexdef", 1, GetIndexdef, false},
    {"pg_get_indexdef", 3, GetIndexdef, false},
    {"pg_get_serial_sequence", 2, GetSerialSequence, false},
    {"pg_get_triggerdef", 1, GetTriggerdef, false},
    {"pg_get_triggerdef", 2, GetTriggerdef, false},
    {"pg_get_userbyid", 1, UserById, false},
    {"pg_get_viewdef", 1, GetViewdef, false},
    {"pg_get_viewdef", 2, GetViewdef, false},
    {"pg_regclass_in", 1, RegclassIn, false},
    {"pg_regclass_out", 1, RegclassOut, false},
    {"pg_regnamespace_in", 1, RegnamespaceIn, false},
    {"pg_regnamespace_out", 1, RegnamespaceOut, false},
    {"pg_regproc_in", 1, RegprocIn, false},
    {"pg_regproc_out", 1, RegprocOut, false},
    {"pg_regrole_in", 1, RegroleIn, false},
    {"pg_regrole_out", 1, RegroleOut, false},
    {"pg_regtype_in", 1, RegtypeIn, false},
    {"pg_regtype_out", 1, RegtypeOut, false},
    {"pg_relation_size", 1, RelationSize, false},
    {"pg_relation_size", 2, RelationSize, false},
    {"pg_table_is_visible", 1, TableIsVisible, false},
    {"pg_to_regclass", 1, ToRegclass, false},
};

}  // namespace

int RegisterCatalogue(sqlite3* db) {
  const auto catalogue = std::make_shared<Catalogue>(db);
  for (const SqlFunction& function : kFunctions) {
    const int code = sqlite3_create_function_v2(
        db, function.name, function.arguments, SQLITE_UTF8,
        new std::shared_ptr<Catalogue>(catalogue), function.body, nullptr, nullptr,
        [](void* data) { delete static_cast<std::shared_ptr<Catalogue>*>(data); });
    if (code != SQLITE_OK) return code;
  }
  return RegisterRelations(db, catalogue);
}

}  // namespace sibyl::sql::server
