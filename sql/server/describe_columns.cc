#include "sql/server/describe_columns.h"

#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {

namespace {

// Which column of which table it is, if it is one.
void FindOrigin(sqlite3_stmt* statement, int column, const Schema& schema,
                wire::FieldDescription* field) {
  const char* table = sqlite3_column_table_name(statement, column);
  const char* origin = sqlite3_column_origin_name(statement, column);
  if (table == nullptr || origin == nullptr) return;
  const RelationInfo* relation = schema.Find(table);
  if (relation == nullptr || relation->oid == 0) return;
  field->table_oid = relation->oid;
  field->column_number = relation->ColumnNumber(origin);
}

}  // namespace

void DescribeColumns(sqlite3_stmt* statement, const Translated& translated, const Schema& schema,
                     std::vector<wire::FieldDescription>* fields) {
  const auto columns = static_cast<size_t>(sqlite3_column_count(statement));
  const bool is_known = translated.result_columns.size() == columns;
  fields->assign(columns, {});
  for (size_t i = 0; i < columns; ++i) {
    wire::FieldDescription& field = (*fields)[i];
    const int column = static_cast<int>(i);
    if (is_known) {
      field.name = translated.result_columns[i].name;
      field.type_oid = translated.result_columns[i].type_oid;
      field.type_modifier = translated.result_columns[i].typmod;
    }
    const char* name = sqlite3_column_name(statement, column);
    if (field.name.empty() && name != nullptr) field.name = name;
    const char* declared = sqlite3_column_decltype(statement, column);
    if (field.type_oid == kUnspecifiedOid && declared != nullptr) {
      field.type_oid = TypeOidOf(declared);
      field.type_modifier = TypmodOf(declared);
    }
    field.type_size_bytes = TypeSizeBytes(field.type_oid);
    FindOrigin(statement, column, schema, &field);
  }
}

wire::FieldDescription TextField(std::string name) {
  wire::FieldDescription field;
  field.name = std::move(name);
  field.type_oid = kTextOid;
  return field;
}

}  // namespace sibyl::sql::server
