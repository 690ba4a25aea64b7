// Types: the names of types, casts, and what PostgreSQL converts without being asked.

#include <algorithm>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

int32_t ModifierOf(uint32_t type_oid, std::span<pg::Node* const> modifiers) {
  std::vector<int32_t> numbers;
  for (const pg::Node* node : modifiers) {
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
        node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
      numbers.push_back(node->a_const->ival->ival);
    }
  }
  if (numbers.empty()) return -1;
  if (type_oid == kVarcharOid || type_oid == kBpcharOid) return numbers[0] + 4;
  if (type_oid == kNumericOid) {
    const int32_t scale = numbers.size() > 1 ? numbers[1] : 0;
    return (numbers[0] << 16 | (scale & 0x7ff)) + 4;
  }
  const TypeClass c = TypeClassOf(type_oid);
  return c == TypeClass::kTimestamp || c == TypeClass::kTime ? numbers[0] : -1;
}

}  // namespace

uint32_t Translator::TypeOf(const pg::TypeName& name, int32_t* typmod) {
  const auto names = StringsOf(Items(name.n_names, name.names));
  std::string type_name = names.empty() ? "" : names.back();
  // Bare, "char" is the one-byte type; the grammar makes bpchar of CHAR.
  const TypeInfo* type = FindType(type_name);
  if (type_name == "char") type = FindType(kCharOid);
  if (type == nullptr || name.pct_type) {
    Fail("42704", "type \"" + type_name + "\" does not exist", name.location);
    return 0;
  }
  if (typmod != nullptr) *typmod = ModifierOf(type->oid, Items(name.n_typmods, name.typmods));
  if (name.n_array_bounds == 0) return type->oid;
  if (type->array_oid == 0) Fail("42704", "type \"" + type_name + "[]\" does not exist");
  return type->array_oid;
}

void Translator::Coerce(Expression* value, uint32_t type_oid, int location) {
  if (type_oid == 0 || value->type_oid != 0) return;
  if (value->parameter != 0) {
    SetParameterType(value->parameter, type_oid);
    value->type_oid = ParameterType(value->parameter);
  } else if (value->is_null) {
    value->type_oid = type_oid;
    value->is_untyped_literal = false;
  } else if (value->is_untyped_literal) {
    const std::string name = value->name;
    *value = TypedLiteral(value->literal, type_oid, location);
    value->name = name;
  }
}

void Translator::CoerceEachOther(Expression* left, Expression* right, int location) {
  const auto open = [](const Expression& e) {
    return e.type_oid == 0 && (e.is_untyped_literal || e.parameter != 0);
  };
  if (open(*left) && right->type_oid != 0) Coerce(left, right->type_oid, location);
  if (open(*right) && left->type_oid != 0) Coerce(right, left->type_oid, location);
  if (open(*left) && open(*right)) {
    Coerce(left, kTextOid, location);
    Coerce(right, kTextOid, location);
  }
  // A date beside a timestamp begins its day.
  const auto to_timestamp = [&](Expression* date, const Expression& other) {
    if (date->type_class() == TypeClass::kDate && other.type_class() == TypeClass::kTimestamp) {
      *date = CastTo(std::move(*date), other.type_oid, -1, location);
    }
  };
  to_timestamp(left, *right);
  to_timestamp(right, *left);
}

uint32_t Translator::CommonType(std::span<Expression> values, int location) {
  uint32_t common = 0;
  for (const Expression& value : values) {
    if (value.type_oid == 0) continue;
    const TypeClass c = TypeClassOf(value.type_oid);
    if (common == 0) {
      common = value.type_oid;
    } else if (IsNumber(c) && IsNumber(TypeClassOf(common))) {
      const auto rank = [](uint32_t oid) {
        constexpr uint32_t kOrder[] = {kInt2Oid,    kInt4Oid,   kOidOid,   kInt8Oid,
                                       kNumericOid, kFloat4Oid, kFloat8Oid};
        return std::find(std::begin(kOrder), std::end(kOrder), oid) - std::begin(kOrder);
      };
      if (rank(value.type_oid) > rank(common)) common = value.type_oid;
    } else if (common != value.type_oid && TypeClassOf(common) == TypeClass::kText &&
               c == TypeClass::kText) {
      common = kTextOid;
    } else if (TypeClassOf(common) == TypeClass::kDate && c == TypeClass::kTimestamp) {
      common = value.type_oid;
    }
  }
  for (Expression& value : values) Coerce(&value, common != 0 ? common : kTextOid, location);
  const bool all_known = std::all_of(values.begin(), values.end(),
                                     [](const Expression& value) { return value.type_oid != 0; });
  return common != 0 ? common : all_known ? kTextOid : 0;
}

// ---- Casts ----

Expression Translator::Cast(const pg::TypeCast& cast) {
  int32_t typmod = -1;
  const uint32_t type_oid = TypeOf(*cast.type_name, &typmod);
  Expression value = Expr(cast.arg);
  if (error_) return value;
  const bool unnamed = value.name.empty() || value.name == "?column?" || value.name == "bool";
  const TypeInfo* type = FindType(type_oid);
  const std::string name = unnamed && type != nullptr ? type->name : value.name;
  if (value.parameter != 0 && value.type_oid == 0) {
    Coerce(&value, type_oid);
  } else if (value.is_array_list && TypeClassOf(type_oid) == TypeClass::kArray) {
    value.type_oid = type_oid;
  } else if (value.is_untyped_literal) {
    Coerce(&value, type_oid, cast.location);
    if (typmod >= 0) value = CastTo(std::move(value), type_oid, typmod, cast.location);
  } else {
    value = CastTo(std::move(value), type_oid, typmod, cast.location);
  }
  value.typmod = typmod;
  value.name = name;
  return value;
}

namespace {

// The function or cast of SQLite's that makes a value of `type_oid` from one of class `from`.
std::string CastSql(const std::string& sql, TypeClass from, uint32_t from_oid, uint32_t type_oid) {
  const std::string call = "(" + sql + ")";
  if (type_oid == kJsonbOid) return "pg_jsonb" + call;
  if (type_oid == kJsonOid) return from_oid == kJsonbOid ? sql : "pg_json" + call;
  switch (TypeClassOf(type_oid)) {
    case TypeClass::kBool:
      if (from == TypeClass::kInteger) return "(" + sql + " <> 0)";
      return "pg_to_bool" + call;
    case TypeClass::kInteger:
      if (from == TypeClass::kBool || from == TypeClass::kRegistered) return sql;
      if (from == TypeClass::kNumeric) {  // half goes away from zero; of a real, to the even number
        return CastSql("pg_round" + call, TypeClass::kReal, kFloat8Oid, type_oid);
      }
      if (type_oid == kInt2Oid) return "pg_to_int2" + call;
      if (type_oid == kInt4Oid) return "pg_to_int4" + call;
      if (type_oid == kOidOid) return "pg_to_oid" + call;
      return from == TypeClass::kInteger ? sql : "pg_to_int8" + call;
    case TypeClass::kReal:
      return IsNumber(from) ? "CAST(" + sql + " AS REAL)" : "pg_to_float8" + call;
    case TypeClass::kNumeric:
      if (from == TypeClass::kReal) return "pg_exact" + call;
      return IsNumber(from) ? sql : "pg_to_numeric" + call;
    case TypeClass::kBytes:
      return "pg_to_bytea" + call;
    case TypeClass::kDate:
      return "pg_to_date" + call;
    case TypeClass::kTime:
      return "pg_to_time" + call;
    case TypeClass::kTimestamp:
      return type_oid == kTimestamptzOid && from != TypeClass::kTimestamp
                 ? "pg_to_timestamptz" + call
                 : "pg_to_timestamp" + call;
    case TypeClass::kInterval:
      return "pg_to_interval" + call;
    default:
      if (from == TypeClass::kBool) {
        return "CASE " + sql + " WHEN 0 THEN 'false' WHEN 1 THEN 'true' END";
      }
      if (from == TypeClass::kText || from == TypeClass::kInterval || from == TypeClass::kArray ||
          from == TypeClass::kDate || from == TypeClass::kTime) {
        return sql;
      }
      if (from_oid == kTimestamptzOid) return "(" + sql + " || '+00')";
      if (from == TypeClass::kTimestamp) return sql;
      return "pg_to_text" + call;
  }
}

}  // namespace

Expression Translator::CastTo(Expression value, uint32_t type_oid, int32_t typmod, int location) {
  const TypeClass from = value.type_class();
  const TypeClass to = TypeClassOf(type_oid);
  if (type_oid == 0 || (value.type_oid == type_oid && typmod < 0)) return value;
  if (value.is_null) {
    value.type_oid = type_oid;
    return value;
  }
  Expression result = value;
  result.type_oid = type_oid;
  result.typmod = typmod;
  result.parameter = 0;
  if (value.type_oid != type_oid) {
    if (from == TypeClass::kRegistered && to == TypeClass::kText) {
      result.sql = RegisteredName(value, value.type_oid).sql;
    } else if (to == TypeClass::kRegistered && from != TypeClass::kInteger &&
               from != TypeClass::kRegistered) {
      result.sql = "pg_" + std::string(FindType(type_oid)->name) + "_in(" + value.sql + ")";
    } else if (to != TypeClass::kRegistered && !(to == TypeClass::kArray)) {
      result.sql = CastSql(value.sql, from, value.type_oid, type_oid);
    }
  }
  if (type_oid == kCharOid ||
      ((type_oid == kVarcharOid || type_oid == kBpcharOid) && typmod >= 4)) {
    const int32_t length = type_oid == kCharOid ? 1 : typmod - 4;
    result.sql = "substr(" + result.sql + ", 1, " + std::to_string(length) + ")";
  } else if (type_oid == kNumericOid && typmod >= 4) {
    result.sql = NumericSql(result.sql, typmod);
  } else if (to == TypeClass::kOther && type_oid != kVoidOid) {
    Fail("42846", "cannot cast to type " + std::string(NameOfType(type_oid)), location);
  }
  return result;
}

// regclass and its kin are oids inside, and names for those who read them.
Expression Translator::RegisteredName(Expression value, uint32_t type_oid) {
  const TypeInfo* type = FindType(type_oid);
  if (type == nullptr || type->type_class != TypeClass::kRegistered) return value;
  value.sql = "pg_" + std::string(type->name) + "_out(" + value.sql + ")";
  return value;
}

}  // namespace sibyl::sql::server
