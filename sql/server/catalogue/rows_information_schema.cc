// information_schema: the same schema as the SQL standard tells it.

#include <algorithm>
#include <array>
#include <utility>

#include "sql/server/catalogue/query.h"
#include "sql/server/catalogue/relations.h"
#include "sql/server/dialect/statement_parts.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

// What all of them need.
struct Source {
  const Model& model;
  std::string catalogue;  // the name of the database
};

Value Text(const std::string& text) { return text; }

// Columns "<prefix>_catalog", "<prefix>_schema", "<prefix>_name".
void SetName(const Source& source, const std::string& prefix, uint32_t namespace_oid,
             const std::string& name, RowWriter* rows) {
  rows->Set(prefix + "_catalog", Text(source.catalogue))
      .Set(prefix + "_schema", Text(NamespaceName(namespace_oid)))
      .Set(prefix + "_name", Text(name));
}

const char* YesOrNo(bool yes) { return yes ? "YES" : "NO"; }

// ---- tables, views, schemata, columns ----

void WriteTables(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    rows->Begin();
    SetName(source, "table", table.namespace_oid, table.name, rows);
    const bool temporary = table.namespace_oid == kPgTempOid;
    rows->Set("table_type", table.is_view ? "VIEW" : temporary ? "LOCAL TEMPORARY" : "BASE TABLE")
        .Set("is_insertable_into", YesOrNo(!table.is_view))
        .Set("is_typed", "NO");
  }
}

void WriteViews(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    if (!table.is_view) continue;
    rows->Begin();
    SetName(source, "table", table.namespace_oid, table.name, rows);
    rows->Set("view_definition", Text(ViewQueryOf(table.sql)))
        .Set("check_option", "NONE")
        .Set("is_updatable", "NO")
        .Set("is_insertable_into", "NO")
        .Set("is_trigger_updatable", "NO")
        .Set("is_trigger_deletable", "NO")
        .Set("is_trigger_insertable_into", "NO");
  }
}

void WriteSchemata(const Source& source, RowWriter* rows) {
  for (const uint32_t oid : {kPgCatalogOid, kPublicOid, kInformationSchemaOid}) {
    rows->Begin();
    rows->Set("catalog_name", Text(source.catalogue))
        .Set("schema_name", Text(NamespaceName(oid)))
        .Set("schema_owner", kOwnerName);
  }
}

void SetNumericFacts(const ModelColumn& column, RowWriter* rows) {
  const TypeInfo* type = FindType(column.type_oid);
  if (type == nullptr) return;
  switch (type->type_class) {
    case TypeClass::kInteger:
      rows->Set("numeric_precision", type->length_bytes * 8)
          .Set("numeric_precision_radix", 2)
          .Set("numeric_scale", 0);
      return;
    case TypeClass::kReal:
      rows->Set("numeric_precision", column.type_oid == kFloat4Oid ? 24 : 53)
          .Set("numeric_precision_radix", 2);
      return;
    case TypeClass::kNumeric:
      rows->Set("numeric_precision_radix", 10);
      if (column.typmod < 4) return;
      rows->Set("numeric_precision", (column.typmod - 4) >> 16)
          .Set("numeric_scale", (column.typmod - 4) & 0x7ff);
      return;
    default:
      return;
  }
}

void SetTypeFacts(const Source& source, const ModelColumn& column, RowWriter* rows) {
  const TypeInfo* type = FindType(column.type_oid);
  const bool array = type != nullptr && type->name[0] == '_';
  rows->Set("data_type", Text(array ? "ARRAY" : FormatType(column.type_oid, -1)))
      .Set("udt_catalog", Text(source.catalogue))
      .Set("udt_schema", "pg_catalog")
      .Set("udt_name", Text(type != nullptr ? type->name : ""));
  const bool text = column.type_oid == kVarcharOid || column.type_oid == kBpcharOid;
  if (text && column.typmod >= 4) {
    rows->Set("character_maximum_length", column.typmod - 4)
        .Set("character_octet_length", (column.typmod - 4) * 4);
  } else if (column.type_oid == kTextOid || text) {
    rows->Set("character_octet_length", 1 << 30);
  }
  SetNumericFacts(column, rows);
  if (type == nullptr) return;
  if (type->type_class == TypeClass::kTimestamp || type->type_class == TypeClass::kTime) {
    rows->Set("datetime_precision", column.typmod >= 0 ? column.typmod : 6);
  } else if (type->type_class == TypeClass::kDate) {
    rows->Set("datetime_precision", 0);
  }
}

void WriteColumns(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    int number = 0;
    for (const ModelColumn& column : table.columns) {
      ++number;
      rows->Begin();
      SetName(source, "table", table.namespace_oid, table.name, rows);
      rows->Set("column_name", Text(column.name))
          .Set("ordinal_position", number)
          .Set("is_nullable", YesOrNo(!column.not_null))
          .Set("dtd_identifier", Text(std::to_string(number)))
          .Set("is_self_referencing", "NO")
          .Set("is_identity", YesOrNo(column.identity))
          .Set("identity_cycle", "NO")
          .Set("is_generated", column.generated ? "ALWAYS" : "NEVER")
          .Set("is_updatable", YesOrNo(!table.is_view));
      if (!column.default_sql.empty()) rows->Set("column_default", Text(column.default_sql));
      if (column.identity) {
        rows->Set("identity_generation", "BY DEFAULT")
            .Set("identity_start", "1")
            .Set("identity_increment", "1")
            .Set("identity_maximum", "9223372036854775807")
            .Set("identity_minimum", "1");
      }
      SetTypeFacts(source, column, rows);
    }
  }
}

void WriteSequences(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelColumn& column : table.columns) {
      if (!column.identity) continue;
      rows->Begin();
      SetName(source, "sequence", table.namespace_oid,
              table.name + "_" + column.name + "_seq", rows);
      rows->Set("data_type", "bigint")
          .Set("numeric_precision", 64)
          .Set("numeric_precision_radix", 2)
          .Set("numeric_scale", 0)
          .Set("start_value", "1")
          .Set("minimum_value", "1")
          .Set("maximum_value", "9223372036854775807")
          .Set("increment", "1")
          .Set("cycle_option", "NO");
    }
  }
}

// ---- Constraints ----

void WriteTableConstraint(const Source& source, const ModelTable& table, const std::string& name,
                          const char* type, RowWriter* rows) {
  rows->Begin();
  SetName(source, "constraint", table.namespace_oid, name, rows);
  SetName(source, "table", table.namespace_oid, table.name, rows);
  rows->Set("constraint_type", type)
      .Set("is_deferrable", "NO")
      .Set("initially_deferred", "NO")
      .Set("enforced", "YES");
}

void WriteTableConstraints(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (index.constraint_oid == 0) continue;
      WriteTableConstraint(source, table, index.name, index.primary ? "PRIMARY KEY" : "UNIQUE",
                           rows);
    }
    for (const ModelForeignKey& key : table.foreign_keys) {
      WriteTableConstraint(source, table, key.name, "FOREIGN KEY", rows);
    }
    for (const ModelCheck& check : table.checks) {
      WriteTableConstraint(source, table, check.name, "CHECK", rows);
    }
  }
}

// The unique index of `table` over exactly `columns`, in any order.
const ModelIndex* UniqueIndexOver(const ModelTable& table, std::vector<int> columns) {
  std::sort(columns.begin(), columns.end());
  for (const ModelIndex& index : table.indexes) {
    std::vector<int> own = index.columns;
    std::sort(own.begin(), own.end());
    if (index.unique && index.where.empty() && own == columns) return &index;
  }
  return nullptr;
}

std::vector<int> ReferredColumns(const ModelTable& table, const ModelForeignKey& key) {
  std::vector<int> columns;
  for (const std::string& column : key.other_columns) {
    columns.push_back(table.ColumnNumber(column));
  }
  return columns;
}

void WriteKeyColumn(const Source& source, const ModelTable& table, const std::string& constraint,
                    const std::string& column, int position, RowWriter* rows) {
  rows->Begin();
  SetName(source, "constraint", table.namespace_oid, constraint, rows);
  SetName(source, "table", table.namespace_oid, table.name, rows);
  rows->Set("column_name", Text(column)).Set("ordinal_position", position);
}

void WriteKeyColumnUsage(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (index.constraint_oid == 0) continue;
      for (size_t i = 0; i < index.columns.size(); ++i) {
        if (index.columns[i] == 0) continue;
        WriteKeyColumn(source, table, index.name, table.columns[index.columns[i] - 1].name,
                       static_cast<int>(i) + 1, rows);
      }
    }
    for (const ModelForeignKey& key : table.foreign_keys) {
      const ModelTable* other = source.model.FindTable(key.other_table);
      const auto referred = other != nullptr ? ReferredColumns(*other, key) : std::vector<int>();
      const ModelIndex* unique = other != nullptr ? UniqueIndexOver(*other, referred) : nullptr;
      for (size_t i = 0; i < key.columns.size(); ++i) {
        WriteKeyColumn(source, table, key.name, key.columns[i], static_cast<int>(i) + 1, rows);
        if (unique == nullptr || i >= referred.size()) continue;
        const auto place = std::find(unique->columns.begin(), unique->columns.end(), referred[i]);
        rows->Set("position_in_unique_constraint",
                  static_cast<int>(place - unique->columns.begin()) + 1);
      }
    }
  }
}

void WriteReferentialConstraints(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelForeignKey& key : table.foreign_keys) {
      rows->Begin();
      SetName(source, "constraint", table.namespace_oid, key.name, rows);
      rows->Set("match_option", "NONE")
          .Set("update_rule", Text(key.on_update))
          .Set("delete_rule", Text(key.on_delete));
      const ModelTable* other = source.model.FindTable(key.other_table);
      if (other == nullptr) continue;
      const ModelIndex* unique = UniqueIndexOver(*other, ReferredColumns(*other, key));
      if (unique == nullptr) continue;
      SetName(source, "unique_constraint", other->namespace_oid, unique->name, rows);
    }
  }
}

void WriteConstraintColumn(const Source& source, const ModelTable& table,
                           const std::string& column, uint32_t namespace_oid,
                           const std::string& constraint, RowWriter* rows) {
  rows->Begin();
  SetName(source, "table", table.namespace_oid, table.name, rows);
  SetName(source, "constraint", namespace_oid, constraint, rows);
  rows->Set("column_name", Text(column));
}

void WriteConstraintColumnUsage(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (index.constraint_oid == 0) continue;
      for (const int column : index.columns) {
        if (column == 0) continue;
        WriteConstraintColumn(source, table, table.columns[column - 1].name, table.namespace_oid,
                              index.name, rows);
      }
    }
    for (const ModelForeignKey& key : table.foreign_keys) {
      const ModelTable* other = source.model.FindTable(key.other_table);
      if (other == nullptr) continue;
      for (const std::string& column : key.other_columns) {
        WriteConstraintColumn(source, *other, column, table.namespace_oid, key.name, rows);
      }
    }
  }
}

void WriteCheckConstraints(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const ModelCheck& check : table.checks) {
      rows->Begin();
      SetName(source, "constraint", table.namespace_oid, check.name, rows);
      rows->Set("check_clause", Text("(" + check.expression + ")"));
    }
  }
}

// ---- Privileges ----

void WritePrivileges(const Source& source, RowWriter* rows) {
  for (const ModelTable& table : source.model.tables) {
    for (const char* privilege : {"INSERT", "SELECT", "UPDATE", "DELETE"}) {
      rows->Begin();
      SetName(source, "table", table.namespace_oid, table.name, rows);
      rows->Set("grantor", kOwnerName)
          .Set("grantee", kOwnerName)
          .Set("privilege_type", privilege)
          .Set("is_grantable", "YES")
          .Set("with_hierarchy", YesOrNo(privilege == std::string_view("SELECT")));
    }
  }
}

void WriteCatalogueName(const Source& source, RowWriter* rows) {
  rows->Begin();
  rows->Set("catalog_name", Text(source.catalogue));
}

void WriteEnabledRoles(const Source&, RowWriter* rows) {
  rows->Begin();
  rows->Set("role_name", kOwnerName);
}

struct Writer {
  std::string_view relation;
  void (*write)(const Source&, RowWriter*);
};

constexpr std::array kWriters = {
    Writer{"check_constraints", WriteCheckConstraints},
    Writer{"columns", WriteColumns},
    Writer{"constraint_column_usage", WriteConstraintColumnUsage},
    Writer{"enabled_roles", WriteEnabledRoles},
    Writer{"information_schema_catalog_name", WriteCatalogueName},
    Writer{"key_column_usage", WriteKeyColumnUsage},
    Writer{"referential_constraints", WriteReferentialConstraints},
    Writer{"role_table_grants", WritePrivileges},
    Writer{"schemata", WriteSchemata},
    Writer{"sequences", WriteSequences},
    Writer{"table_constraints", WriteTableConstraints},
    Writer{"table_privileges", WritePrivileges},
    Writer{"tables", WriteTables},
    Writer{"views", WriteViews},
};

}  // namespace

bool WriteInformationSchemaRows(std::string_view name, const RowSource& source, RowWriter* rows) {
  constexpr std::string_view kPrefix = "information_schema_";
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  CatalogueQuery database(source.db, "SELECT current_database()");
  const Source own{source.model, database.Step() ? database.Text(0) : ""};
  for (const Writer& writer : kWriters) {
    if (writer.relation == name) writer.write(own, rows);
  }
  return true;
}

}  // namespace sibyl::sql::server
