// Sub-queries in expressions; ANY and ALL over their rows, or over the elements of an array.

#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

// Three-valued ANY and ALL over the column `c` of `rows`.
std::string Quantified(const std::string& rows, bool all) {
  const char* decided = all ? "WHEN count(c) > total(c) THEN 0" : "WHEN total(c) > 0 THEN 1";
  const char* otherwise = all ? "1" : "0";
  return std::string("(SELECT CASE ") + decided + " WHEN count(*) > count(c) THEN NULL ELSE " +
         otherwise + " END FROM (" + rows + "))";
}

}  // namespace

Expression Translator::Sublink(const pg::SubLink& link) {
  if (link.subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("a statement that is no query here", link.location);
    return {};
  }
  QueryText query = Query(*link.subselect->select_stmt);
  Expression value;
  value.name = "?column?";
  if (error_) return value;
  const bool has_column = query.is_known && query.columns.size() == 1;
  switch (link.sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
      value.sql = "EXISTS (" + query.sql + ")";
      value.type_oid = kBoolOid;
      value.name = "exists";
      value.not_null = true;
      return value;
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK:
      value.sql = "(" + query.sql + ")";
      if (has_column) {
        value.type_oid = query.columns[0].type_oid;
        value.typmod = query.columns[0].typmod;
        value.name = query.columns[0].name;
      }
      return value;
    case PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK:
      return ArrayOfQuery(query, link.location);
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
      return QuantifiedSublink(link, std::move(query));
    default:
      Unsupported("this kind of sub-query", link.location);
      return value;
  }
}

Expression Translator::QuantifiedSublink(const pg::SubLink& link, QueryText query) {
  const bool all = link.sub_link_type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK;
  const auto names = StringsOf(Items(link.n_oper_name, link.oper_name));
  const std::string op = names.empty() ? "=" : names.back();
  Expression left = Expr(link.testexpr);
  if (query.is_known && query.columns.size() == 1) {
    Coerce(&left, query.columns[0].type_oid != 0 ? query.columns[0].type_oid : kTextOid);
  }
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  if (!all && op == "=") {
    value.sql = "(" + left.sql + " IN (" + query.sql + "))";
  } else if (all && op == "<>") {
    value.sql = "(" + left.sql + " NOT IN (" + query.sql + "))";
  } else if (query.is_known && query.columns.size() == 1) {
    // A name of its own: what the left side means must not be a column of the query's.
    Expression element = query.columns[0];
    element.sql = "element_" + std::to_string(++generated_names_);
    element.is_untyped_literal = false;
    const Expression compared = BinaryOperator(op, left, element, link.location);
    value.sql = Quantified("WITH elements(" + element.sql + ") AS (" + query.sql + ") SELECT " +
                               compared.sql + " AS c FROM elements",
                           all);
  } else {
    Unsupported("this comparison with a sub-query", link.location);
  }
  return value;
}

Expression Translator::AnyOrAll(const pg::AExpr& expr) {
  const bool all = expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL;
  const std::string op = StringsOf(Items(expr.n_name, expr.name)).back();
  return Membership(op, Expr(expr.lexpr), expr.rexpr, all, expr.location);
}

Expression Translator::Membership(const std::string& op, Expression left, const pg::Node* array,
                                  bool all, int location) {
  Expression right = Expr(array);
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  if (right.type_oid == 0) {  // '{1,2}' or $1: an array of what it is compared with
    const TypeInfo* type = FindType(left.type_oid);
    Coerce(&right, type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid);
  }
  const TypeInfo* type = FindType(right.type_oid);
  if (type == nullptr || type->element_oid == 0) {
    if (right.type_oid != kAnyArrayOid) {
      Fail("42809", "op ANY/ALL (array) requires array on right side", location);
      return value;
    }
  }
  const uint32_t element_oid = type->element_oid != 0 ? type->element_oid : kTextOid;
  Coerce(&left, element_oid, location);
  const bool is_in = !all && op == "=";
  if (is_in || (all && (op == "<>" || op == "!="))) {
    value.sql = "(" + left.sql + (is_in ? " IN (" : " NOT IN (") +
                ElementsOf(right, element_oid, location) + "))";
    return value;
  }
  Expression element;
  element.sql = "element_" + std::to_string(++generated_names_);
  element.type_oid = element_oid;
  const Expression compared = BinaryOperator(op, left, element, location);
  value.sql =
      Quantified("SELECT " + compared.sql + " AS c FROM (SELECT value AS " + element.sql +
                     " FROM pg_elements(" + right.sql + ", " + std::to_string(element_oid) + "))",
                 all);
  return value;
}

}  // namespace sibyl::sql::server
