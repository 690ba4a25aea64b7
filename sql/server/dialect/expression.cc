// Expressions: which kind a node is, conditions, and what is written like a function but has a node
// of its own. The other kinds: translator.h says where each is.

#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {

// SQLite refuses expressions deeper than 1000.
constexpr int kMaximumDepth = 900;

class Translator::DepthGuard {
 public:
  explicit DepthGuard(Translator* translator) : translator_(translator) {
    if (++translator_->depth_ > kMaximumDepth) {
      translator_->Fail("54001", "statement is nested too deeply");
    }
  }
  ~DepthGuard() { --translator_->depth_; }
  bool is_too_deep() const { return translator_->depth_ > kMaximumDepth; }

 private:
  Translator* translator_;
};

Expression Translator::Expr(const pg::Node* node) {
  const DepthGuard guard(this);
  if (guard.is_too_deep() || node == nullptr || error_) return {};
  switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
      return Constant(*node->a_const);
    case PG_QUERY__NODE__NODE_PARAM_REF:
      return Parameter(*node->param_ref);
    case PG_QUERY__NODE__NODE_COLUMN_REF:
      return Column(*node->column_ref);
    case PG_QUERY__NODE__NODE_A_EXPR:
      return Operator(*node->a_expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
      return Logic(*node->bool_expr);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
      return Cast(*node->type_cast);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
      return Call(*node->func_call);
    case PG_QUERY__NODE__NODE_SUB_LINK:
      return Sublink(*node->sub_link);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
      return Case(*node->case_expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
      return Coalesce(*node->coalesce_expr);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
      return MinMax(*node->min_max_expr);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
      return ValueFunction(*node->sqlvalue_function);
    case PG_QUERY__NODE__NODE_NULL_TEST:
      return NullTest(*node->null_test);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
      return BooleanTest(*node->boolean_test);
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
      return ArrayLiteral(*node->a_array_expr);
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
      return Indirection(*node->a_indirection);
    case PG_QUERY__NODE__NODE_ROW_EXPR:
      return Row(*node->row_expr);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
      return Collate(*node->collate_clause);
    default:
      Unsupported("this kind of expression");
      return {};
  }
}

std::string Joined(const std::vector<Expression>& values) {
  std::string joined;
  for (const Expression& value : values) {
    if (!joined.empty()) joined += ", ";
    joined += value.sql;
  }
  return joined;
}

std::vector<Expression> Translator::Exprs(std::span<pg::Node* const> nodes) {
  std::vector<Expression> expressions;
  for (const pg::Node* node : nodes) expressions.push_back(Expr(node));
  return expressions;
}

Expression Translator::ExprAs(const pg::Node* node, uint32_t type_oid) {
  Expression value = Expr(node);
  Coerce(&value, type_oid);
  return value;
}

Expression Translator::BooleanExpr(const pg::Node* node) { return ExprAs(node, kBoolOid); }

Expression Translator::Parameter(const pg::ParamRef& parameter) {
  constexpr int kMostParameters = 32766;  // SQLite's limit
  Expression value;
  value.name = "?column?";
  if (parameter.number < 1 || parameter.number > kMostParameters) {
    Fail("42P02", "there is no parameter $" + std::to_string(parameter.number), parameter.location);
    return value;
  }
  SetParameterType(parameter.number, 0);
  value.sql = "?" + std::to_string(parameter.number);
  value.parameter = parameter.number;
  value.type_oid = ParameterType(parameter.number);
  return value;
}

Expression Translator::Logic(const pg::BoolExpr& expr) {
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  const auto arguments = Items(expr.n_args, expr.args);
  if (expr.boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
    value.sql = "(NOT " + BooleanExpr(arguments[0]).sql + ")";
    return value;
  }
  const char* word = expr.boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR ? " AND " : " OR ";
  for (const pg::Node* argument : arguments) {
    if (!value.sql.empty()) value.sql += word;
    value.sql += BooleanExpr(argument).sql;
  }
  value.sql = "(" + value.sql + ")";
  return value;
}

Expression Translator::NullTest(const PgQuery__NullTest& test) {
  if (test.arg != nullptr && test.arg->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
    Unsupported("IS NULL of a row", test.location);
  }
  Expression value;
  const bool is_null = test.nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
  value.sql = "(" + Expr(test.arg).sql + (is_null ? " IS NULL)" : " IS NOT NULL)");
  value.type_oid = kBoolOid;
  value.name = "?column?";
  value.not_null = true;
  return value;
}

Expression Translator::BooleanTest(const pg::BooleanTest& test) {
  Expression value;
  const std::string argument = BooleanExpr(test.arg).sql;
  const char* words = "";
  switch (test.booltesttype) {
    case PG_QUERY__BOOL_TEST_TYPE__IS_TRUE:
      words = " IS TRUE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE:
      words = " IS NOT TRUE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_FALSE:
      words = " IS FALSE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE:
      words = " IS NOT FALSE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN:
      words = " IS NULL)";
      break;
    default:
      words = " IS NOT NULL)";
  }
  value.sql = "(" + argument + words;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  value.not_null = true;
  return value;
}

namespace {

// Whether a column of a query is called after the expression: a column, a function, or what is
// around one. (parse_target.c of PostgreSQL, FigureColname)
bool NamesColumn(const pg::Node* node) {
  switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
    case PG_QUERY__NODE__NODE_FUNC_CALL:
    case PG_QUERY__NODE__NODE_SUB_LINK:
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
    case PG_QUERY__NODE__NODE_ROW_EXPR:
      return true;
    case PG_QUERY__NODE__NODE_A_EXPR:
      return node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
      return NamesColumn(node->type_cast->arg);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
      return NamesColumn(node->collate_clause->arg);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
      return node->case_expr->defresult != nullptr && NamesColumn(node->case_expr->defresult);
    default:
      return false;
  }
}

}  // namespace

Expression Translator::Case(const pg::CaseExpr& expr) {
  Expression value;
  value.name = "case";
  std::string head = "CASE";
  Expression argument;
  if (expr.arg != nullptr) argument = Expr(expr.arg);
  std::vector<std::string> conditions;
  std::vector<Expression> results;
  for (const pg::Node* node : Items(expr.n_args, expr.args)) {
    const PgQuery__CaseWhen& when = *node->case_when;
    if (expr.arg != nullptr) {
      Expression candidate = Expr(when.expr);
      CoerceEachOther(&argument, &candidate, when.location);
      conditions.push_back(candidate.sql);
    } else {
      conditions.push_back(BooleanExpr(when.expr).sql);
    }
    results.push_back(Expr(when.result));
  }
  if (expr.defresult != nullptr) results.push_back(Expr(expr.defresult));
  value.type_oid = CommonType(results, expr.location);
  if (expr.arg != nullptr) head += " " + argument.sql;
  for (size_t i = 0; i < conditions.size(); ++i) {
    head += " WHEN " + conditions[i] + " THEN " + results[i].sql;
  }
  if (expr.defresult != nullptr) {
    head += " ELSE " + results.back().sql;
    if (NamesColumn(expr.defresult)) value.name = results.back().name;
  }
  value.sql = head + " END";
  return value;
}

Expression Translator::Coalesce(const pg::CoalesceExpr& expr) {
  std::vector<Expression> arguments = Exprs(Items(expr.n_args, expr.args));
  Expression value;
  value.name = "coalesce";
  value.type_oid = CommonType(arguments, expr.location);
  for (const Expression& argument : arguments) value.not_null |= argument.not_null;
  value.sql =
      arguments.size() == 1 ? "(" + arguments[0].sql + ")" : "coalesce(" + Joined(arguments) + ")";
  return value;
}

Expression Translator::MinMax(const pg::MinMaxExpr& expr) {
  std::vector<Expression> arguments = Exprs(Items(expr.n_args, expr.args));
  const bool greatest = expr.op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
  Expression value;
  value.name = greatest ? "greatest" : "least";
  value.type_oid = CommonType(arguments, expr.location);
  value.sql = (greatest ? "pg_greatest(" : "pg_least(") + Joined(arguments) + ")";
  return value;
}

Expression Translator::Row(const pg::RowExpr& row) {
  Expression value;
  value.name = "row";
  value.type_oid = kRecordOid;
  value.sql = "(" + Joined(Exprs(Items(row.n_args, row.args))) + ")";
  return value;
}

Expression Translator::Collate(const PgQuery__CollateClause& collate) {
  Expression value = Expr(collate.arg);
  if (value.is_untyped_literal) Coerce(&value, kTextOid);
  const std::string name = Lower(StringsOf(Items(collate.n_collname, collate.collname)).back());
  if (name == "default" || name == "c" || name == "posix" || name == "ucs_basic") return value;
  if (name != "nocase" && name != "rtrim" && name != "binary") {
    Fail("42704", "collation \"" + name + "\" does not exist", collate.location);
  }
  value.sql = "(" + value.sql + " COLLATE " + name + ")";
  return value;
}

Expression Translator::ValueFunction(const pg::SQLValueFunction& function) {
  Expression value;
  value.not_null = true;
  const auto set = [&](const char* name, const char* sql, uint32_t type_oid) {
    value.name = name;
    value.sql = sql;
    value.type_oid = type_oid;
  };
  switch (function.op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
      set("current_date", in_definition_ ? "CURRENT_DATE" : "pg_current_date()", kDateOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME_N:
      set("current_time", in_definition_ ? "CURRENT_TIME" : "substr(now(), 12)", kTimetzOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N:
      set("localtime", in_definition_ ? "CURRENT_TIME" : "substr(now(), 12)", kTimeOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
      set("current_timestamp", in_definition_ ? "CURRENT_TIMESTAMP" : "now()", kTimestamptzOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
      set("localtimestamp", in_definition_ ? "CURRENT_TIMESTAMP" : "now()", kTimestampOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_CATALOG:
      set("current_catalog", "current_database()", kNameOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_SCHEMA:
      set("current_schema", "current_schema()", kNameOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER:
      set("session_user", "pg_session_user()", kNameOid);
      break;
    default:
      set("current_user", "pg_session_user()", kNameOid);
  }
  return value;
}

}  // namespace sibyl::sql::server
