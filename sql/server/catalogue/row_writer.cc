#include <algorithm>
#include <cassert>
#include <utility>

#include "sql/server/catalogue/relations.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

Value BlankOf(const std::string& type_name) {
  if (type_name == "char" || type_name == "name") return std::string();
  const TypeInfo* type = FindType(type_name);
  if (type == nullptr) return {};
  switch (type->type_class) {
    case TypeClass::kBool:
    case TypeClass::kInteger:
    case TypeClass::kRegistered:
      return int64_t{0};
    case TypeClass::kReal:
      return 0.0;
    default:
      return {};
  }
}

}  // namespace

std::vector<CatalogueColumn> ColumnsOf(const RelationColumns& relation) {
  std::vector<CatalogueColumn> columns;
  std::string_view rest = relation.columns;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(", "), rest.size());
    const std::string_view column = rest.substr(0, end);
    const size_t space = column.find(' ');
    columns.push_back({std::string(column.substr(0, space)), std::string(column.substr(space + 1))});
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return columns;
}

RowWriter::RowWriter(const std::vector<CatalogueColumn>& columns, bool all_null)
    : columns_(columns) {
  for (const CatalogueColumn& column : columns) {
    blank_.push_back(all_null ? Value() : BlankOf(column.type));
  }
}

void RowWriter::Begin() { rows_.push_back(blank_); }

RowWriter& RowWriter::Set(std::string_view column, Value value) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name != column) continue;
    rows_.back()[i] = std::move(value);
    return *this;
  }
  assert(false && "no such column");
  return *this;
}

}  // namespace sibyl::sql::server
