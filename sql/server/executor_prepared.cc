// Executor: PREPARE, EXECUTE, DEALLOCATE.

#include "base/status_macros.h"
#include "sql/server/executor.h"

namespace sibyl::sql::server {

Task<SqlStatus> Executor::PrepareNamed(const Translated& command) {
  auto statements = co_await Translate(command.inner_text, command.parameter_type_oids);
  if (!statements) co_return std::move(statements).error();
  StatementPtr statement = std::move(statements->front());
  auto described = co_await Describe(statement.get());
  if (described) described = NameStatement(command.name, std::move(statement));
  transaction_.AfterStatement();
  if (described) WriteTag(command.tag_word);
  co_return described;
}

Task<SqlStatus> Executor::ExecutePrepared(const Translated& command, RunOptions options) {
  auto statement = FindStatement(command.name);
  if (!statement) co_return std::move(statement).error();
  const size_t wanted = (*statement)->parameter_oids.size();
  if (command.arguments.size() != wanted) {
    co_return SqlError{"42601",
                       "wrong number of parameters for prepared statement \"" + command.name + "\"",
                       "Expected " + std::to_string(wanted) + " parameters but got " +
                           std::to_string(command.arguments.size()) + "."};
  }
  auto portal = MakePortal(std::move(statement).value());
  auto values = co_await Evaluate(command.arguments);
  if (!values) co_return std::move(values).error();
  portal->parameters = std::move(values).value();
  auto outcome = co_await Run(portal.get(), options);
  if (!outcome) co_return std::move(outcome).error();
  co_return SqlOk();
}

Task<SqlResult<std::vector<OwnedValue>>> Executor::Evaluate(
    const std::vector<std::string>& expressions) {
  std::vector<OwnedValue> values;
  if (expressions.empty()) co_return values;
  std::string sql = "SELECT ";
  for (const std::string& expression : expressions) {
    sql += (sql.size() > 7 ? ", " : "") + expression;
  }
  auto connection = co_await transaction_.Connection();
  if (!connection) co_return std::move(connection).error();
  auto prepared = (*connection)->Prepare(sql);
  if (!prepared) co_return std::move(prepared).error();
  ResultRows rows(*connection, *prepared);
  auto has_row = rows.Next();
  if (!has_row) co_return std::move(has_row).error();
  for (size_t i = 0; i < rows.columns(); ++i) {
    const SqlValue value = rows.Value(i);
    values.push_back({value, std::string(value.bytes)});
  }
  co_return values;
}

SqlStatus Executor::Deallocate(const Translated& command) {
  if (command.name.empty()) {
    statements_.clear();
  } else {
    SIBYL_RETURN_IF_ERROR(FindStatement(command.name));
    CloseStatement(command.name);
  }
  WriteTag(command.tag_word);
  return SqlOk();
}

}  // namespace sibyl::sql::server
