// Executor: CREATE, ALTER and DROP USER. The table of users is the server's own: statements that
// SQLite runs cannot reach it.

#include "base/status_macros.h"
#include "sql/server/executor.h"

namespace sibyl::sql::server {
namespace {

SqlError ToSqlError(const Error& error) {
  const char* sqlstate = error.code == ErrorCode::kInvalidArgument ? "22023"
                         : error.code == ErrorCode::kBusy          ? "55P03"
                                                                   : "58030";
  return {sqlstate, error.message};
}

SqlError NoUser(const std::string& name) {
  return {"42704", "role \"" + name + "\" does not exist"};
}

}  // namespace

// Not in a transaction: what is changed is there at once, for whoever logs in from then on.
Task<SqlStatus> Executor::ManageUsers(const Translated& command) {
  const bool is_own_password =
      command.kind == StatementKind::kAlterUser && command.name == facts_->user();
  if (!facts_->may_manage_users() && !is_own_password) {
    co_return SqlError{"42501",
                       "only clients on a Unix socket of this server may change users",
                       {},
                       "On the server's machine: sibyl user --help"};
  }
  if (transaction_.in_block() || transaction_.in_implicit_block()) {
    co_return SqlError{"25001", command.tag_word + " cannot run inside a transaction block"};
  }
  if (auto turn = co_await transaction_.BeforeStatement(/*writes=*/true); !turn) co_return turn;
  SqlStatus changed = SqlOk();
  {
    const LongWork changing;
    changed = ChangeUsers(command);
  }
  transaction_.AfterStatement();
  if (changed) WriteTag(command.tag_word);
  co_return changed;
}

SqlStatus Executor::ChangeUsers(const Translated& command) {
  Users& users = server_->users;
  if (command.kind == StatementKind::kDropUser) {
    for (const std::string& name : command.arguments) {
      const auto deleted = users.Delete(name);
      if (!deleted) return ToSqlError(deleted.error());
      if (!*deleted && !command.missing_ok) return NoUser(name);
    }
    return SqlOk();
  }
  const auto found = users.Find(command.name);
  if (!found) return ToSqlError(found.error());
  const bool creates = command.kind == StatementKind::kCreateUser;
  if (creates && *found) {
    return SqlError{"42710", "role \"" + command.name + "\" already exists"};
  }
  if (!creates && !*found) return NoUser(command.name);
  const auto set = users.Set(command.name, command.value);
  if (!set) return ToSqlError(set.error());
  return SqlOk();
}

}  // namespace sibyl::sql::server
