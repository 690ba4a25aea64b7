#include "sql/server/dialect/translator.h"

#include <utility>

namespace sibyl::sql::server {

void Translator::Fail(const char* sqlstate, std::string message, int location) {
  if (error_) return;
  error_ = SqlError{sqlstate, std::move(message)};
  if (location >= 0) error_->position = PositionOf(text_, static_cast<size_t>(location));
}

void Translator::Unsupported(const std::string& what, int location) {
  Fail("0A000", what + " is not supported", location);
}

uint32_t Translator::ParameterType(int number) const {
  const size_t index = static_cast<size_t>(number) - 1;
  return index < parameter_type_oids_.size() ? parameter_type_oids_[index] : 0;
}

void Translator::SetParameterType(int number, uint32_t type_oid) {
  const size_t count = static_cast<size_t>(number);
  if (parameter_type_oids_.size() < count) parameter_type_oids_.resize(count);
  uint32_t& current = parameter_type_oids_[count - 1];
  if (current == 0) current = type_oid;
}

Translated Translator::Simple(StatementKind kind, std::string tag_word, std::string name) {
  Translated result;
  result.kind = kind;
  result.tag_word = std::move(tag_word);
  result.name = std::move(name);
  return result;
}

void Translator::FinishQuery(const QueryText& query, Translated* result) {
  result->sql = query.sql;
  result->parameter_type_oids = parameter_type_oids_;
  if (!query.is_known) return;
  for (const Expression& column : query.columns) {
    result->result_columns.push_back({column.name, column.type_oid, column.typmod});
  }
}

Translated Translator::Statement(const pg::Node& statement, std::string_view statement_text) {
  Translated result;
  switch (statement.node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
      result = Select(*statement.select_stmt);
      break;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
      result = Insert(*statement.insert_stmt);
      break;
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
      result = Update(*statement.update_stmt);
      break;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
      result = Delete(*statement.delete_stmt);
      break;
    case PG_QUERY__NODE__NODE_CREATE_STMT:
      result = CreateTable(*statement.create_stmt);
      break;
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
      result = CreateTableAs(*statement.create_table_as_stmt);
      break;
    case PG_QUERY__NODE__NODE_INDEX_STMT:
      result = CreateIndex(*statement.index_stmt);
      break;
    case PG_QUERY__NODE__NODE_VIEW_STMT:
      result = CreateView(*statement.view_stmt);
      break;
    case PG_QUERY__NODE__NODE_DROP_STMT:
      result = Drop(*statement.drop_stmt);
      break;
    case PG_QUERY__NODE__NODE_RENAME_STMT:
      result = Rename(*statement.rename_stmt);
      break;
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
      result = AlterTable(*statement.alter_table_stmt);
      break;
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
      result = Truncate(*statement.truncate_stmt);
      break;
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
      result = Explain(*statement.explain_stmt);
      break;
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
      result = Vacuum(*statement.vacuum_stmt);
      break;
    default:
      result = SessionStatement(statement, statement_text);
  }
  if (result.parameter_type_oids.empty()) result.parameter_type_oids = parameter_type_oids_;
  result.notices = std::move(notices_);
  return result;
}

Translated Translator::SessionStatement(const pg::Node& statement,
                                        std::string_view statement_text) {
  using enum StatementKind;
  switch (statement.node_case) {
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
      return Transaction(*statement.transaction_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
      return Set(*statement.variable_set_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
      return Show(*statement.variable_show_stmt);
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
      return DeclareCursor(*statement.declare_cursor_stmt);
    case PG_QUERY__NODE__NODE_FETCH_STMT:
      return Fetch(*statement.fetch_stmt);
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
      return Simple(kCloseCursor, "CLOSE CURSOR", statement.close_portal_stmt->portalname);
    case PG_QUERY__NODE__NODE_PREPARE_STMT:
      return Prepare(*statement.prepare_stmt, statement_text);
    case PG_QUERY__NODE__NODE_EXECUTE_STMT:
      return Execute(*statement.execute_stmt);
    case PG_QUERY__NODE__NODE_DEALLOCATE_STMT: {
      const std::string name = statement.deallocate_stmt->name;
      return Simple(kDeallocate, name.empty() ? "DEALLOCATE ALL" : "DEALLOCATE", name);
    }
    case PG_QUERY__NODE__NODE_COPY_STMT:
      return Copy(*statement.copy_stmt);
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
      return Discard(*statement.discard_stmt);
    case PG_QUERY__NODE__NODE_CREATE_ROLE_STMT:
      return CreateUser(*statement.create_role_stmt);
    case PG_QUERY__NODE__NODE_ALTER_ROLE_STMT:
      return AlterUser(*statement.alter_role_stmt);
    case PG_QUERY__NODE__NODE_DROP_ROLE_STMT:
      return DropUser(*statement.drop_role_stmt);
    default:
      return StatementWithoutEffect(statement);
  }
}

Translated Translator::Discard(const PgQuery__DiscardStmt& statement) {
  switch (statement.target) {
    case PG_QUERY__DISCARD_MODE__DISCARD_ALL:
      return Simple(StatementKind::kDiscardAll, "DISCARD ALL");
    case PG_QUERY__DISCARD_MODE__DISCARD_PLANS:
      return Simple(StatementKind::kNothing, "DISCARD PLANS");
    case PG_QUERY__DISCARD_MODE__DISCARD_SEQUENCES:
      return Simple(StatementKind::kNothing, "DISCARD SEQUENCES");
    default:
      Unsupported("DISCARD TEMP");
      return {};
  }
}

// What is accepted because doing nothing is right, or harmless and said in a notice.
Translated Translator::StatementWithoutEffect(const pg::Node& statement) {
  using enum StatementKind;
  switch (statement.node_case) {
    case PG_QUERY__NODE__NODE_LOCK_STMT:
      return Simple(kNothing, "LOCK TABLE");
    case PG_QUERY__NODE__NODE_COMMENT_STMT:
      notices_.push_back("comments are not stored");
      return Simple(kNothing, "COMMENT");
    case PG_QUERY__NODE__NODE_LISTEN_STMT:
      notices_.push_back("notifications are not delivered");
      return Simple(kNothing, "LISTEN");
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
      return Simple(kNothing, "UNLISTEN");
    case PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT:
      return SetConstraints(*statement.constraints_set_stmt);
    case PG_QUERY__NODE__NODE_CHECK_POINT_STMT:
      return Simple(kNothing, "CHECKPOINT");
    case PG_QUERY__NODE__NODE_REINDEX_STMT: {
      Translated result = Simple(kUtility, "REINDEX");
      const auto* relation = statement.reindex_stmt->relation;
      result.sql = relation != nullptr ? "REINDEX " + TableName(*relation) : "REINDEX";
      return result;
    }
    default:
      Fail("0A000", "this statement of PostgreSQL has no counterpart here");
      return {};
  }
}

Translated Translator::SetConstraints(const PgQuery__ConstraintsSetStmt& statement) {
  if (statement.n_constraints > 0) Unsupported("SET CONSTRAINTS of single constraints");
  Translated result = Simple(StatementKind::kUtility, "SET CONSTRAINTS");
  result.sql = statement.deferred ? "PRAGMA defer_foreign_keys=1" : "PRAGMA defer_foreign_keys=0";
  return result;
}

}  // namespace sibyl::sql::server
