// Statements about the session: transactions, settings, cursors, prepared statements, COPY.

#include <limits>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"
#include "sql/server/isolation.h"

namespace sibyl::sql::server {
namespace {

// The text of a constant, as SET and COPY take it.
std::string ConstantText(const pg::Node* node) {
  if (node == nullptr) return "";
  switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST: {
      const pg::AConst& constant = *node->a_const;
      if (constant.val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        return std::to_string(constant.ival->ival);
      }
      if (constant.val_case == PG_QUERY__A__CONST__VAL_FVAL) return constant.fval->fval;
      if (constant.val_case == PG_QUERY__A__CONST__VAL_SVAL) return constant.sval->sval;
      if (constant.val_case == PG_QUERY__A__CONST__VAL_BOOLVAL) {
        return constant.boolval->boolval ? "true" : "false";
      }
      return "";
    }
    case PG_QUERY__NODE__NODE_STRING:
      return node->string->sval;
    case PG_QUERY__NODE__NODE_INTEGER:
      return std::to_string(node->integer->ival);
    case PG_QUERY__NODE__NODE_BOOLEAN:
      return node->boolean->boolval ? "true" : "false";
    case PG_QUERY__NODE__NODE_TYPE_CAST:  // SET TIME ZONE INTERVAL '...'
      return ConstantText(node->type_cast->arg);
    default:
      return "";
  }
}

bool IsOn(const pg::Node* value) {
  if (value == nullptr) return true;  // FREEZE alone
  const std::string text = Lower(ConstantText(value));
  return text == "true" || text == "on" || text == "1";
}

void ReadTransactionModes(std::span<pg::Node* const> modes, Translated* result) {
  for (const pg::Node* node : modes) {
    if (node->node_case != PG_QUERY__NODE__NODE_DEF_ELEM) continue;
    const pg::DefElem& mode = *node->def_elem;
    const std::string name = mode.defname;
    if (name == "transaction_isolation") {
      result->isolation = IsolationOf(Lower(ConstantText(mode.arg)));
    } else if (name == "transaction_read_only") {
      result->read_only = IsOn(mode.arg);
    }
  }
}

}  // namespace

Translated Translator::Select(const pg::SelectStmt& select) {
  Translated result = Simple(StatementKind::kSelect, "SELECT");
  const QueryText query = Query(select, true);
  FinishQuery(query, &result);
  result.locks_rows = locks_rows_;
  return result;
}

// ---- Transactions ----

Translated Translator::Transaction(const pg::TransactionStmt& statement) {
  using enum StatementKind;
  const std::string name = statement.savepoint_name;
  Translated result;
  switch (statement.kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
      result = Simple(kBegin, "BEGIN");
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
      result = Simple(kBegin, "START TRANSACTION");
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
      result = Simple(kCommit, "COMMIT");
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
      result = Simple(kRollback, "ROLLBACK");
      break;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
      return Simple(kSavepoint, "SAVEPOINT", name);
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
      return Simple(kRelease, "RELEASE", name);
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
      return Simple(kRollbackTo, "ROLLBACK", name);
    default:
      Unsupported("two-phase commit");
  }
  if (statement.chain) Unsupported("AND CHAIN");
  ReadTransactionModes(Items(statement.n_options, statement.options), &result);
  return result;
}

// ---- Settings ----

Translated Translator::Set(const pg::VariableSetStmt& statement) {
  using enum StatementKind;
  const std::string name = Lower(statement.name);
  const auto arguments = Items(statement.n_args, statement.args);
  switch (statement.kind) {
    case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET:
      return Simple(kReset, "RESET", name);
    case PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL:
      return Simple(kReset, "RESET", "all");
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT: {
      Translated result = Simple(kReset, "SET", name);
      result.is_local = statement.is_local;
      return result;
    }
    case PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI: {
      Translated result = Simple(kSetTransaction, "SET", name);
      if (name == "transaction snapshot") Unsupported("SET TRANSACTION SNAPSHOT");
      result.is_local = name == "transaction";
      ReadTransactionModes(arguments, &result);
      return result;
    }
    default:
      break;
  }
  Translated result = Simple(kSet, "SET", name);
  result.is_local = statement.is_local;
  for (const pg::Node* argument : arguments) {
    result.value += (result.value.empty() ? "" : ", ") + ConstantText(argument);
  }
  return result;
}

Translated Translator::Show(const pg::VariableShowStmt& statement) {
  return Simple(StatementKind::kShow, "SHOW", Lower(statement.name));
}

// ---- Cursors ----

namespace {

// CURSOR_OPT_* of PostgreSQL's parsenodes.h.
constexpr int kScrollOption = 0x2;
constexpr int kHoldOption = 0x20;

}  // namespace

Translated Translator::DeclareCursor(const pg::DeclareCursorStmt& statement) {
  Translated result =
      Simple(StatementKind::kDeclareCursor, "DECLARE CURSOR", statement.portalname);
  if (statement.query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("a cursor over this kind of statement");
    return result;
  }
  FinishQuery(Query(*statement.query->select_stmt, true), &result);
  result.hold = (statement.options & kHoldOption) != 0;
  result.scroll = (statement.options & kScrollOption) != 0;
  result.locks_rows = locks_rows_;
  return result;
}

Translated Translator::Fetch(const pg::FetchStmt& statement) {
  Translated result =
      Simple(statement.ismove ? StatementKind::kMove : StatementKind::kFetch,
             statement.ismove ? "MOVE" : "FETCH", statement.portalname);
  switch (statement.direction) {
    case PG_QUERY__FETCH_DIRECTION__FETCH_BACKWARD:
      result.fetch_direction = FetchDirection::kBackward;
      break;
    case PG_QUERY__FETCH_DIRECTION__FETCH_ABSOLUTE:
      result.fetch_direction = FetchDirection::kAbsolute;
      break;
    case PG_QUERY__FETCH_DIRECTION__FETCH_RELATIVE:
      result.fetch_direction = FetchDirection::kRelative;
      break;
    default:
      result.fetch_direction = FetchDirection::kForward;
  }
  result.count = statement.how_many;
  return result;
}

// ---- PREPARE, EXECUTE ----

Translated Translator::Prepare(const pg::PrepareStmt& statement,
                               std::string_view statement_text) {
  Translated result = Simple(StatementKind::kPrepare, "PREPARE", statement.name);
  for (const pg::Node* type : Items(statement.n_argtypes, statement.argtypes)) {
    result.parameter_type_oids.push_back(TypeOf(*type->type_name, nullptr));
  }
  // What stands behind the AS that follows the name and the types.
  const auto tokens = Scan(std::string(statement_text));
  int depth = 0;
  for (size_t i = 2; tokens && i < tokens->size(); ++i) {
    const Token& token = (*tokens)[i];
    if (token.kind == PG_QUERY__TOKEN__ASCII_40) ++depth;
    if (token.kind == PG_QUERY__TOKEN__ASCII_41) --depth;
    if (depth == 0 && token.kind == PG_QUERY__TOKEN__AS) {
      result.inner_text = statement_text.substr(token.end);
      break;
    }
  }
  if (result.inner_text.empty()) Fail("42601", "PREPARE without a statement");
  return result;
}

Translated Translator::Execute(const pg::ExecuteStmt& statement) {
  Translated result = Simple(StatementKind::kExecute, "EXECUTE", statement.name);
  for (Expression& value : Exprs(Items(statement.n_params, statement.params))) {
    Coerce(&value, kTextOid);
    result.arguments.push_back(value.sql);
  }
  return result;
}

// ---- COPY ----

Translated Translator::Copy(const pg::CopyStmt& statement) {
  Translated result = Simple(
      statement.is_from ? StatementKind::kCopyIn : StatementKind::kCopyOut, "COPY");
  if (statement.filename[0] != '\0' || statement.is_program) {
    Fail("42501", "COPY to or from a file or program on the server is not allowed");
    error_->hint = "COPY to stdout or from stdin; psql's \\copy does it.";
    return result;
  }
  if (statement.where_clause != nullptr) Unsupported("COPY FROM with WHERE");
  CopyOptions& copy = result.copy;
  bool delimiter_set = false;
  bool null_set = false;
  for (const pg::Node* option : Items(statement.n_options, statement.options)) {
    CopyOption(*option->def_elem, &copy, &delimiter_set, &null_set);
  }
  if (copy.format == CopyFormat::kCsv) {
    if (!delimiter_set) copy.delimiter = ',';
    if (!null_set) copy.null_text.clear();
  }
  if (statement.relation != nullptr) {
    const RelationInfo* table = FindTable(*statement.relation);
    copy.table = table != nullptr ? table->name : statement.relation->relname;
    copy.columns = StringsOf(Items(statement.n_attlist, statement.attlist));
    for (const std::string& column : copy.columns) {
      if (table != nullptr && table->FindColumn(column) == nullptr) {
        Fail("42703", "column \"" + column + "\" of relation \"" + copy.table +
                          "\" does not exist");
      }
    }
  }
  if (!statement.is_from) {
    QueryText query = CopySource(statement);
    FinishQuery(query, &result);
  }
  return result;
}

QueryText Translator::CopySource(const pg::CopyStmt& statement) {
  if (statement.query != nullptr) {
    if (statement.query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
      Unsupported("COPY of this kind of statement");
      return {};
    }
    return Query(*statement.query->select_stmt, true);
  }
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  QueryText query;
  const std::string table = TableReference(*statement.relation);
  const auto names = StringsOf(Items(statement.n_attlist, statement.attlist));
  for (const std::string& name : names) {
    Expression column = UnqualifiedColumn(name, -1);
    column.name = name;
    AddColumn(std::move(column), "", true, &query);
  }
  if (names.empty() && !scope.relations.empty() && scope.relations[0].is_known) {
    for (const ScopeColumn& column : scope.relations[0].columns) {
      Expression value;
      value.sql = column.sql;
      value.type_oid = column.type_oid;
      value.name = column.name;
      AddColumn(std::move(value), "", true, &query);
    }
  } else if (names.empty()) {
    query.sql = "*";
    query.is_known = false;
  }
  scope_ = scope.outer;
  query.sql = "SELECT " + query.sql + " FROM " + table;
  return query;
}

void Translator::CopyOption(const pg::DefElem& option, CopyOptions* copy, bool* delimiter_set,
                            bool* null_set) {
  const std::string name = Lower(option.defname);
  const std::string value = ConstantText(option.arg);
  const auto one_byte = [&](char* target) {
    if (value.size() != 1) {
      Fail("0A000", "COPY " + name + " must be a single one-byte character", option.location);
      return;
    }
    *target = value[0];
  };
  if (name == "format") {
    if (value == "csv") {
      copy->format = CopyFormat::kCsv;
    } else if (value == "binary") {
      copy->format = CopyFormat::kBinary;
    } else if (value != "text") {
      Fail("22023", "COPY format \"" + value + "\" not recognized", option.location);
    }
  } else if (name == "delimiter") {
    *delimiter_set = true;
    one_byte(&copy->delimiter);
  } else if (name == "null") {
    *null_set = true;
    copy->null_text = value;
  } else if (name == "header") {
    copy->header = IsOn(option.arg) || Lower(value) == "match";
  } else if (name == "quote") {
    const bool same = copy->escape == copy->quote;
    one_byte(&copy->quote);
    if (same) copy->escape = copy->quote;
  } else if (name == "escape") {
    one_byte(&copy->escape);
  } else if (name == "force_quote") {
    if (option.arg != nullptr && option.arg->node_case == PG_QUERY__NODE__NODE_LIST) {
      copy->force_quote = StringsOf({&option.arg, 1});
    } else {
      copy->force_quote = {"*"};
    }
  } else if (name == "encoding") {
    const std::string encoding = Lower(value);
    if (encoding != "utf8" && encoding != "utf-8") {
      Unsupported("COPY in an encoding other than UTF8", option.location);
    }
  } else if (name != "freeze") {
    Unsupported("COPY option \"" + name + "\"", option.location);
  }
}

// ---- EXPLAIN, VACUUM, TRUNCATE ----

// In the one column that PostgreSQL answers with. The estimate in the first line is there for
// postgres_fdw, which reads nothing else.
Translated Translator::Explain(const pg::ExplainStmt& statement) {
  Translated result = Simple(StatementKind::kUtility, "EXPLAIN");
  for (const pg::Node* node : Items(statement.n_options, statement.options)) {
    const pg::DefElem& option = *node->def_elem;
    const std::string name = option.defname;
    if (name == "analyze" && IsOn(option.arg)) Unsupported("EXPLAIN ANALYZE", option.location);
    if (name == "format" && Lower(ConstantText(option.arg)) != "text") {
      Unsupported("EXPLAIN in another format than text", option.location);
    }
  }
  const Translated explained = Statement(*statement.query, "");
  if (explained.sql.empty()) Unsupported("EXPLAIN of this statement");
  result.sql = "SELECT line AS \"QUERY PLAN\" FROM pg_explain(" + Literal(explained.sql) + ")";
  result.result_columns = {{"QUERY PLAN", kTextOid, -1}};
  result.parameter_type_oids = parameter_type_oids_;
  return result;
}

Translated Translator::Vacuum(const pg::VacuumStmt& statement) {
  Translated result =
      Simple(StatementKind::kUtility, statement.is_vacuumcmd ? "VACUUM" : "ANALYZE");
  bool analyze = !statement.is_vacuumcmd;
  bool full = false;
  for (const pg::Node* node : Items(statement.n_options, statement.options)) {
    const pg::DefElem& option = *node->def_elem;
    analyze |= std::string_view(option.defname) == "analyze" && IsOn(option.arg);
    full |= std::string_view(option.defname) == "full" && IsOn(option.arg);
  }
  // Space is reclaimed by compaction in the background; FULL asks for all of it now.
  if (full) result.sql = "VACUUM";
  const auto relations = Items(statement.n_rels, statement.rels);
  for (const pg::Node* node : relations) {
    const pg::RangeVar& relation = *node->vacuum_relation->relation;
    FindTable(relation);
    if (analyze) {
      result.sql += (result.sql.empty() ? "ANALYZE " : "; ANALYZE ") + TableName(relation);
    }
  }
  if (analyze && relations.empty()) result.sql += result.sql.empty() ? "ANALYZE" : "; ANALYZE";
  if (result.sql.empty()) result.kind = StatementKind::kNothing;
  return result;
}

Translated Translator::Truncate(const pg::TruncateStmt& statement) {
  Translated result = Simple(StatementKind::kUtility, "TRUNCATE TABLE");
  for (const pg::Node* node : Items(statement.n_relations, statement.relations)) {
    const pg::RangeVar& relation = *node->range_var;
    FindTable(relation);
    if (!result.sql.empty()) result.sql += "; ";
    result.sql += "DELETE FROM " + TableName(relation);
    if (statement.restart_seqs) {
      result.sql += "; DELETE FROM sqlite_sequence WHERE name = " + Literal(relation.relname);
    }
  }
  if (statement.behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE) {
    notices_.push_back("TRUNCATE CASCADE follows foreign keys only as their ON DELETE says");
  }
  return result;
}

}  // namespace sibyl::sql::server
