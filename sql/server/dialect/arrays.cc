// Arrays in expressions: how they are made, and their elements.

#include <utility>

#include "sql/server/dialect/array_text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {

Expression Translator::ArrayOfQuery(const QueryText& query, int location) {
  Expression value;
  value.name = "array";
  if (!query.is_known || query.columns.size() != 1) {
    Fail("42601", "subquery must return only one column", location);
    return value;
  }
  const Expression& column = query.columns[0];
  value.sql =
      "(SELECT pg_array_agg_or_empty(" + Quoted(column.name) + ") FROM (" + query.sql + "))";
  const TypeInfo* type = FindType(column.type_oid);
  value.type_oid = type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid;
  value.not_null = true;
  return value;
}

// What stands between the parentheses of IN: the elements of a literal, or a query over them.
std::string Translator::ElementsOf(const Expression& array, uint32_t element_oid, int location) {
  if (array.is_array_list) return array.literal;
  if (array.is_array_literal) {
    std::string list;
    const auto elements = ParseArray(array.literal);
    if (!elements) {
      Fail("22P02", "malformed array literal: \"" + array.literal + "\"", location);
      return list;
    }
    for (const auto& element : *elements) {
      if (!list.empty()) list += ", ";
      list += element ? TypedLiteral(*element, element_oid, location).sql : "NULL";
    }
    return list;
  }
  return "SELECT value FROM pg_elements(" + array.sql + ", " + std::to_string(element_oid) + ")";
}

Expression Translator::ArrayLiteral(const pg::AArrayExpr& array) {
  std::vector<Expression> elements = Exprs(Items(array.n_elements, array.elements));
  const uint32_t element_oid = CommonType(elements, array.location);
  const TypeInfo* type = FindType(element_oid);
  Expression value;
  value.name = "array";
  value.not_null = true;
  value.type_oid = type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid;
  value.literal = Joined(elements);
  value.is_array_list = true;
  value.sql = "pg_array(" + value.literal + ")";
  return value;
}

// array[i], and (composite).field where the composite is one of ours.
// Arrays are kept as text, and so are their elements: numbers and truth are made of them.
Expression Translator::ArrayElement(Expression array, const Expression& place) {
  const TypeInfo* type = FindType(array.type_oid);
  const uint32_t element_oid = type != nullptr ? type->element_oid : 0;
  Expression element;
  element.name = array.name;
  element.sql = "pg_array_element(" + array.sql + ", " + place.sql + ")";
  element.type_oid = kTextOid;
  const TypeClass c = TypeClassOf(element_oid);
  if (IsNumber(c) || c == TypeClass::kBool) return CastTo(std::move(element), element_oid, -1, -1);
  element.type_oid = element_oid;
  return element;
}

Expression Translator::Indirection(const pg::AIndirection& indirection) {
  Expression value = Expr(indirection.arg);
  for (const pg::Node* step : Items(indirection.n_indirection, indirection.indirection)) {
    if (step->node_case == PG_QUERY__NODE__NODE_STRING) {
      value.sql = "json_extract(" + value.sql + ", " +
                  Literal("$." + std::string(step->string->sval)) + ")";
      value.type_oid = kInt4Oid;
      value.name = step->string->sval;
    } else if (step->node_case == PG_QUERY__NODE__NODE_A_INDICES && !step->a_indices->is_slice) {
      value = ArrayElement(std::move(value), Expr(step->a_indices->uidx));
    } else {
      Unsupported("this kind of subscript");
    }
    value.is_array_list = value.is_array_literal = value.is_untyped_literal = false;
  }
  return value;
}

}  // namespace sibyl::sql::server
