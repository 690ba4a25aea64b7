// Operators: which of PostgreSQL's mean the same in SQLite, and what the others become.

#include <array>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

Expression Boolean(std::string sql) {
  Expression value;
  value.sql = std::move(sql);
  value.type_oid = kBoolOid;
  value.name = "?column?";
  return value;
}

bool IsOneOf(std::string_view op, std::initializer_list<std::string_view> ops) {
  for (const std::string_view candidate : ops) {
    if (op == candidate) return true;
  }
  return false;
}

bool IsZero(const std::string& sql) { return sql.find_first_not_of("0.") == std::string::npos; }

// A literal number that is not 0: dividing by it needs no check.
bool IsSafeDivisor(const std::string& sql) {
  return !sql.empty() && sql.find_first_not_of("0123456789.") == std::string::npos && !IsZero(sql);
}

bool IsTemporal(TypeClass c) {
  return c == TypeClass::kDate || c == TypeClass::kTime || c == TypeClass::kTimestamp ||
         c == TypeClass::kInterval;
}

// The wider of two types of numbers.
uint32_t WiderNumber(uint32_t left, uint32_t right) {
  const auto rank = [](uint32_t oid) {
    constexpr std::array<uint32_t, 6> kOrder = {kInt2Oid,    kInt4Oid,   kInt8Oid,
                                                kNumericOid, kFloat4Oid, kFloat8Oid};
    for (size_t i = 0; i < kOrder.size(); ++i) {
      if (kOrder[i] == oid) return i;
    }
    return size_t{1};
  };
  const uint32_t wider = rank(left) < rank(right) ? right : left;
  return wider == kFloat4Oid && left != right ? kFloat8Oid : wider;
}

}  // namespace

Expression Translator::Operator(const pg::AExpr& expr) {
  switch (expr.kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP: {
      const std::string op = StringsOf(Items(expr.n_name, expr.name)).back();
      if (expr.lexpr == nullptr && op == "?") return NumberedParameter(expr);
      if (expr.lexpr == nullptr) return UnaryOperator(op, Expr(expr.rexpr), expr.location);
      Expression left = Expr(expr.lexpr);
      return BinaryOperator(op, std::move(left), Expr(expr.rexpr), expr.location);
    }
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
      return AnyOrAll(expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT: {
      Expression left = Expr(expr.lexpr);
      Expression right = Expr(expr.rexpr);
      CoerceEachOther(&left, &right, expr.location);
      const bool distinct = expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT;
      return Boolean("(" + left.sql + (distinct ? " IS NOT " : " IS ") + right.sql + ")");
    }
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF: {
      Expression left = Expr(expr.lexpr);
      Expression right = Expr(expr.rexpr);
      CoerceEachOther(&left, &right, expr.location);
      left.sql = "nullif(" + left.sql + ", " + right.sql + ")";
      left.name = "nullif";
      left.not_null = left.is_untyped_literal = false;
      left.parameter = 0;
      return left;
    }
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
      return InList(expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
      return Like(expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
      return Similar(expr);
    default:
      return Between(expr);
  }
}

// SQLite's ?1, which to PostgreSQL's grammar is an operator before a number.
Expression Translator::NumberedParameter(const pg::AExpr& expr) {
  const pg::Node* number = expr.rexpr;
  if (number->node_case != PG_QUERY__NODE__NODE_A_CONST ||
      number->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL) {
    Fail("42883", "operator does not exist: ?", expr.location);
    return {};
  }
  pg::ParamRef parameter = PG_QUERY__PARAM_REF__INIT;
  parameter.number = number->a_const->ival->ival;
  parameter.location = expr.location;
  return Parameter(parameter);
}

Expression Translator::BinaryOperator(const std::string& op, Expression left, Expression right,
                                      int location) {
  if (IsOneOf(op, {"=", "<>", "!=", "<", ">", "<=", ">="})) {
    return Comparison(op, std::move(left), std::move(right));
  }
  if (IsOneOf(op, {"~", "!~", "~*", "!~*"})) {
    return RegexMatch(op, std::move(left), std::move(right));
  }
  if (IsOneOf(op, {"~~", "!~~", "~~*", "!~~*"})) {
    return LikeOperator(op, std::move(left), std::move(right), std::nullopt, location);
  }
  if (IsOneOf(op, {"+", "-", "*", "/", "%", "^", "&", "|", "#", "<<", ">>"})) {
    return Arithmetic(op, std::move(left), std::move(right), location);
  }
  if (op == "||") return Concatenation(std::move(left), std::move(right));
  if (IsOneOf(op, {"->", "->>"})) {
    return JsonMember(op, std::move(left), std::move(right));
  }
  Fail("42883", "operator does not exist: " + op, location);
  return {};
}

// SQLite's ->> gives truth as a number; PostgreSQL's gives the text of whatever there is.
Expression Translator::JsonMember(const std::string& op, Expression left, Expression right) {
  Coerce(&left, kJsonOid);
  Coerce(&right, kTextOid);
  const bool is_jsonb = left.type_oid == kJsonbOid;
  Expression value;
  value.name = "?column?";
  value.type_oid = op == "->>" ? kTextOid : is_jsonb ? kJsonbOid : kJsonOid;
  value.sql = "(" + left.sql + " -> " + right.sql + ")";
  if (is_jsonb) value.sql = "pg_jsonb" + value.sql;
  if (op == "->>") {
    value.sql = "CASE substr(" + value.sql + ", 1, 1) WHEN '\"' THEN (" + left.sql + " ->> " +
                right.sql + ") WHEN 'n' THEN NULL ELSE " + value.sql + " END";
  }
  return value;
}

// Of two arrays, or of an array and an element at either end.
Expression Translator::ArrayConcatenation(Expression left, Expression right) {
  Expression value;
  value.name = "?column?";
  value.type_oid = left.type_class() == TypeClass::kArray ? left.type_oid : right.type_oid;
  Coerce(&left, value.type_oid);
  Coerce(&right, value.type_oid);
  const auto as_array = [](const Expression& side) {
    return side.type_class() == TypeClass::kArray ? side.sql : "pg_array(" + side.sql + ")";
  };
  value.sql = "pg_array_cat(" + as_array(left) + ", " + as_array(right) + ")";
  return value;
}

Expression Translator::JsonbConcatenation(Expression left, Expression right) {
  Coerce(&left, kJsonbOid);
  Coerce(&right, kJsonbOid);
  if (left.type_oid != kJsonbOid || right.type_oid != kJsonbOid) {
    Fail("42883", "operator does not exist: " + FormatType(left.type_oid, -1) + " || " +
                      FormatType(right.type_oid, -1));
  }
  Expression value;
  value.name = "?column?";
  value.type_oid = kJsonbOid;
  value.sql = "pg_jsonb_cat(" + left.sql + ", " + right.sql + ")";
  return value;
}

Expression Translator::Concatenation(Expression left, Expression right) {
  if (left.type_class() == TypeClass::kArray || right.type_class() == TypeClass::kArray) {
    return ArrayConcatenation(std::move(left), std::move(right));
  }
  if (left.type_oid == kJsonbOid || right.type_oid == kJsonbOid) {
    return JsonbConcatenation(std::move(left), std::move(right));
  }
  const bool bytes = left.type_oid == kByteaOid || right.type_oid == kByteaOid;
  const uint32_t type_oid = bytes ? kByteaOid : kTextOid;
  const auto to_text = [&](Expression* side) {
    Coerce(side, type_oid);
    const TypeClass c = side->type_class();
    if (!bytes && (c == TypeClass::kBool || c == TypeClass::kReal)) {
      *side = CastTo(std::move(*side), kTextOid, -1, -1);
    }
  };
  to_text(&left);
  to_text(&right);
  Expression value;
  value.sql = "(" + left.sql + " || " + right.sql + ")";
  if (bytes) value.sql = "CAST(" + value.sql + " AS BLOB)";  // what || gives is text
  value.type_oid = type_oid;
  value.name = "?column?";
  value.not_null = left.not_null && right.not_null;
  return value;
}

void Translator::Negate(Expression* operand) {
  const bool literal = !operand->sql.empty() && IsDigit(operand->sql[0]);
  if (literal) {
    operand->sql = NumberText("-" + operand->sql);
  } else if (operand->type_class() == TypeClass::kInteger) {
    operand->sql = WholeNumber("-", "0", operand->sql, operand->type_oid);
  } else {
    operand->sql = "(- " + operand->sql + ")";
  }
}

Expression Translator::UnaryOperator(const std::string& op, Expression operand, int location) {
  const bool number = !operand.is_untyped_literal || operand.is_null;
  if (op == "-" || op == "+") {
    if (!number) Coerce(&operand, kFloat8Oid, location);
    if (operand.type_class() == TypeClass::kInterval) {
      operand.sql = "pg_interval_multiply(" + operand.sql + ", -1)";
      return operand;
    }
    if (op == "-") Negate(&operand);
  } else if (op == "~") {
    operand.sql = "(~ " + operand.sql + ")";
  } else if (op == "@") {
    operand.sql = InRange("abs(" + operand.sql + ")", operand.type_oid);
  } else if (op == "|/") {
    operand.sql = "pg_sqrt(" + operand.sql + ")";
    operand.type_oid = kFloat8Oid;
  } else {
    Fail("42883", "operator does not exist: " + op, location);
  }
  operand.name = "?column?";
  operand.parameter = 0;
  return operand;
}

Expression Translator::Comparison(const std::string& op, Expression left, Expression right) {
  // The rowid is what a ctid stands for: compared as itself it is found without a scan.
  constexpr std::string_view kCtid = "pg_ctid(";
  if (op == "=" && left.type_oid == kTidOid && left.sql.starts_with(kCtid)) {
    Coerce(&right, kTidOid);
    const std::string rowid = left.sql.substr(kCtid.size(), left.sql.size() - kCtid.size() - 1);
    return Boolean("(" + rowid + " = pg_ctid_rowid(" + right.sql + "))");
  }
  CoerceEachOther(&left, &right);
  const bool equality = op == "=" || op == "<>" || op == "!=";
  if (!equality && (left.type_oid == kJsonbOid || right.type_oid == kJsonbOid)) {
    Unsupported("the order of jsonb");
  }
  if (left.type_class() == TypeClass::kInterval && right.type_class() == TypeClass::kInterval) {
    left.sql = "pg_interval_order(" + left.sql + ")";
    right.sql = "pg_interval_order(" + right.sql + ")";
  }
  Expression value = Boolean("(" + left.sql + " " + op + " " + right.sql + ")");
  value.not_null = left.not_null && right.not_null;
  return value;
}

// What stands beside a date or interval decides what an untyped literal is.
void Translator::CoerceForArithmetic(const std::string& op, Expression* left, Expression* right,
                                     int location) {
  const auto coerce_beside = [&](Expression* open, const Expression& fixed) {
    if (open->type_oid != 0) return;
    const TypeClass c = fixed.type_class();
    if (c == TypeClass::kTimestamp || c == TypeClass::kTime) {
      Coerce(open, op == "-" ? fixed.type_oid : kIntervalOid, location);
    } else if (c == TypeClass::kDate) {
      Coerce(open, op == "-" ? kDateOid : kInt4Oid, location);
    } else if (c == TypeClass::kInterval) {
      Coerce(open, op == "*" || op == "/" ? kFloat8Oid : kIntervalOid, location);
    } else if (fixed.type_oid != 0) {
      Coerce(open, fixed.type_oid, location);
    }
  };
  coerce_beside(left, *right);
  coerce_beside(right, *left);
}

Expression Translator::Arithmetic(const std::string& op, Expression left, Expression right,
                                  int location) {
  CoerceForArithmetic(op, &left, &right, location);
  if (IsTemporal(left.type_class()) || IsTemporal(right.type_class())) {
    return DateArithmetic(op, std::move(left), std::move(right), location);
  }
  if (left.type_class() == TypeClass::kText || right.type_class() == TypeClass::kText) {
    const auto name = [](const Expression& e) {
      return e.type_oid == 0 ? std::string("unknown") : FormatType(e.type_oid, -1);
    };
    Fail("42883", "operator does not exist: " + name(left) + " " + op + " " + name(right),
         location);
  }
  Expression value;
  value.name = "?column?";
  if (left.type_oid != 0 && right.type_oid != 0) {
    value.type_oid = WiderNumber(left.type_oid, right.type_oid);
  }
  value.not_null = left.not_null && right.not_null && op != "/" && op != "%";
  if (op == "/" || op == "%") {
    value.sql = Division(op, std::move(left), std::move(right), value.type_oid);
    if (op == "/" && value.type_oid == kNumericOid) value.sql = ExactNumeric(value.sql);
  } else if (op == "^") {
    value.sql = "pg_power(" + left.sql + ", " + right.sql + ")";
    value.type_oid = kFloat8Oid;
  } else if (op == "#") {
    value.sql = "pg_xor(" + left.sql + ", " + right.sql + ")";
  } else if (op == "<<" || op == ">>") {
    value.type_oid = left.type_oid;
    value.sql = std::string(op == "<<" ? "pg_shift_left(" : "pg_shift_right(") + left.sql + ", " +
                right.sql + (left.type_oid == kInt8Oid ? ", 64)" : ", 32)");
  } else if (op.find_first_of("+-*") == 0 && TypeClassOf(value.type_oid) == TypeClass::kInteger) {
    value.sql = WholeNumber(op, left.sql, right.sql, value.type_oid);
  } else {
    value.sql = "(" + left.sql + " " + op + " " + right.sql + ")";
    if (value.type_oid == kNumericOid && !in_definition_) {
      const std::string arguments = "(" + left.sql + ", " + right.sql + ")";
      value.sql = (op == "+"   ? "pg_numeric_add"
                   : op == "-" ? "pg_numeric_subtract"
                               : "pg_numeric_multiply") +
                  arguments;
    }
  }
  return value;
}

// Numerics are kept as reals, which a comparison of what was calculated would show.
std::string Translator::ExactNumeric(const std::string& sql) const {
  return in_definition_ ? sql : "pg_exact(" + sql + ")";
}

// Whole numbers of a type that SQLite, whose numbers have eight bytes or are reals, does not know.
std::string Translator::InRange(const std::string& sql, uint32_t type_oid) const {
  if (in_definition_) return sql;
  if (type_oid == kInt2Oid) return "pg_to_int2(" + sql + ")";
  if (type_oid == kInt4Oid) return "pg_to_int4(" + sql + ")";
  return sql;
}

// What two numbers of four bytes give fits eight, so that looking at the result is enough. What is
// written stays as it is in the schema, which SQLite's own programs read, too.
std::string Translator::WholeNumber(const std::string& op, const std::string& left,
                                    const std::string& right, uint32_t type_oid) const {
  if (in_definition_ || type_oid != kInt8Oid) {
    return InRange("(" + left + " " + op + " " + right + ")", type_oid);
  }
  const char* const function = op == "+" ? "pg_add(" : op == "-" ? "pg_subtract(" : "pg_multiply(";
  return function + left + ", " + right + ")";
}

// Numbers of type numeric may be kept as integers here: their quotient must not be one. Division by
// zero is an error, and NULL in SQLite.
std::string Translator::Division(const std::string& op, Expression left, Expression right,
                                 uint32_t type_oid) {
  const TypeClass c = TypeClassOf(type_oid);
  const bool whole = c == TypeClass::kInteger;
  const bool safe = IsSafeDivisor(right.sql);
  if (op == "/" && (whole || c == TypeClass::kReal) && safe) {
    return "(" + left.sql + " / " + right.sql + ")";
  }
  if (op == "%" && whole && safe) return "(" + left.sql + " % " + right.sql + ")";
  if (op == "/" && !whole && type_oid != 0) {
    return "pg_divide_real(" + left.sql + ", " + right.sql + ")";
  }
  if (op == "%") return "pg_modulo(" + left.sql + ", " + right.sql + ")";
  return InRange("pg_divide(" + left.sql + ", " + right.sql + ")", type_oid);
}

Expression Translator::DateArithmetic(const std::string& op, Expression left, Expression right,
                                      int location) {
  using enum TypeClass;
  Expression value;
  value.name = "?column?";
  if (op == "+" && (right.type_class() == kDate || right.type_class() == kTimestamp)) {
    std::swap(left, right);
  }
  const TypeClass l = left.type_class();
  const TypeClass r = right.type_class();
  const std::string sign = op == "-" ? "-1" : "1";
  const std::string both = left.sql + ", " + right.sql;
  const bool sum = op == "+" || op == "-";
  if (op == "-" && l == kDate && r == kDate) {
    value.sql = "pg_date_difference(" + both + ")";
    value.type_oid = kInt4Oid;
  } else if (sum && l == kDate && (r == kInteger || r == kUnknown)) {
    value.sql = "pg_date_add(" + both + ", " + sign + ")";
    value.type_oid = kDateOid;
  } else if (sum && (l == kDate || l == kTimestamp) && r == kInterval) {
    value.sql = "pg_timestamp_add(" + both + ", " + sign + ")";
    value.type_oid = l == kDate ? kTimestampOid : left.type_oid;
  } else if (op == "-" && (l == kTimestamp || l == kDate) && (r == kTimestamp || r == kDate)) {
    value.sql = "pg_timestamp_difference(" + both + ")";
    value.type_oid = kIntervalOid;
  } else if (sum && l == kInterval && r == kInterval) {
    value.sql = "pg_interval_add(" + both + ", " + sign + ")";
    value.type_oid = kIntervalOid;
  } else if (op == "*" && (l == kInterval || r == kInterval)) {
    if (r == kInterval) std::swap(left, right);
    value.sql = "pg_interval_multiply(" + left.sql + ", " + right.sql + ")";
    value.type_oid = kIntervalOid;
  } else if (op == "/" && l == kInterval) {
    value.sql = "pg_interval_multiply(" + left.sql + ", pg_divide_real(1, " + right.sql + "))";
    value.type_oid = kIntervalOid;
  } else {
    Fail("42883",
         "operator does not exist: " + FormatType(left.type_oid, -1) + " " + op + " " +
             FormatType(right.type_oid, -1),
         location);
  }
  return value;
}

// ---- Patterns ----

Expression Translator::RegexMatch(const std::string& op, Expression left, Expression right) {
  Coerce(&left, kTextOid);
  Coerce(&right, kTextOid);
  const bool no_case = op.ends_with('*');
  std::string sql =
      (no_case ? "pg_regex_imatch(" : "pg_regex_match(") + left.sql + ", " + right.sql + ")";
  return Boolean(op[0] == '!' ? "(NOT " + sql + ")" : sql);
}

namespace {

// A LIKE pattern as the same GLOB pattern, which is case-sensitive and may use an index. nullopt:
// the pattern ends with its escape character.
std::optional<std::string> GlobOfLike(std::string_view pattern, char escape) {
  std::string glob;
  const auto literal = [&](char c) {
    if (c == '*' || c == '?' || c == '[') {
      glob += std::string("[") + c + "]";
    } else {
      glob += c;
    }
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (escape != '\0' && pattern[i] == escape) {
      if (++i == pattern.size()) return std::nullopt;
      literal(pattern[i]);
    } else if (pattern[i] == '%') {
      glob += '*';
    } else if (pattern[i] == '_') {
      glob += '?';
    } else {
      literal(pattern[i]);
    }
  }
  return glob;
}

}  // namespace

Expression Translator::LikeOperator(const std::string& op, Expression left, Expression pattern,
                                    std::optional<Expression> escape, int location) {
  Coerce(&left, kTextOid);
  const bool constant = pattern.is_untyped_literal && !pattern.is_null &&
                        (!escape || (escape->is_untyped_literal && escape->literal.size() <= 1));
  const std::string constant_pattern = pattern.literal;
  Coerce(&pattern, kTextOid);
  const bool no_case = op.ends_with('*');
  const bool negated = op[0] == '!';
  std::string sql;
  if (constant && !no_case) {
    const char escape_char = !escape ? '\\' : escape->literal.empty() ? '\0' : escape->literal[0];
    const auto glob = GlobOfLike(constant_pattern, escape_char);
    if (!glob) Fail("22025", "LIKE pattern must not end with escape character", location);
    sql = left.sql + (negated ? " NOT GLOB " : " GLOB ") + Literal(glob.value_or(""));
    return Boolean("(" + sql + ")");
  }
  sql = std::string(no_case ? "pg_ilike(" : "pg_like(") + left.sql + ", " + pattern.sql;
  if (escape) {
    Coerce(&*escape, kTextOid);
    sql += ", " + escape->sql;
  }
  sql += ")";
  return Boolean(negated ? "(NOT " + sql + ")" : sql);
}

Expression Translator::Like(const pg::AExpr& expr) {
  const std::string op = StringsOf(Items(expr.n_name, expr.name)).back();
  Expression left = Expr(expr.lexpr);
  const pg::Node* pattern = expr.rexpr;
  std::optional<Expression> escape;
  if (pattern->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && pattern->func_call->n_args == 2 &&
      StringsOf(Items(pattern->func_call->n_funcname, pattern->func_call->funcname)).back() ==
          "like_escape") {
    escape = Expr(pattern->func_call->args[1]);
    pattern = pattern->func_call->args[0];
  }
  return LikeOperator(op, std::move(left), Expr(pattern), std::move(escape), expr.location);
}

Expression Translator::Similar(const pg::AExpr& expr) {
  const std::string op = StringsOf(Items(expr.n_name, expr.name)).back();
  const pg::FuncCall& call = *expr.rexpr->func_call;  // pg_catalog.similar_to_escape
  std::string sql = "pg_similar(" + ExprAs(expr.lexpr, kTextOid).sql;
  for (const pg::Node* argument : Items(call.n_args, call.args)) {
    sql += ", " + ExprAs(argument, kTextOid).sql;
  }
  sql += ")";
  return Boolean(op == "!~" ? "(NOT " + sql + ")" : sql);
}

// ---- Lists and ranges ----

Expression Translator::InList(const pg::AExpr& expr) {
  const bool negated = StringsOf(Items(expr.n_name, expr.name)).back() != "=";
  Expression left = Expr(expr.lexpr);
  std::vector<Expression> values = Exprs(Items(expr.rexpr->list->n_items, expr.rexpr->list->items));
  const bool rows = left.type_oid == kRecordOid;
  std::string list;
  for (Expression& value : values) {
    if (!rows) CoerceEachOther(&left, &value, expr.location);
    list += (list.empty() ? "" : ", ") + value.sql;
  }
  if (rows) list = "VALUES " + list;
  return Boolean("(" + left.sql + (negated ? " NOT IN (" : " IN (") + list + "))");
}

Expression Translator::Between(const pg::AExpr& expr) {
  const bool negated = expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ||
                       expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
  const bool symmetric = expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM ||
                         expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
  Expression value = Expr(expr.lexpr);
  Expression low = Expr(expr.rexpr->list->items[0]);
  Expression high = Expr(expr.rexpr->list->items[1]);
  CoerceEachOther(&value, &low, expr.location);
  CoerceEachOther(&value, &high, expr.location);
  const auto between = [&](const Expression& from, const Expression& to) {
    return "(" + value.sql + " BETWEEN " + from.sql + " AND " + to.sql + ")";
  };
  std::string sql = between(low, high);
  if (symmetric) sql = "(" + sql + " OR " + between(high, low) + ")";
  return Boolean(negated ? "(NOT " + sql + ")" : sql);
}

}  // namespace sibyl::sql::server
