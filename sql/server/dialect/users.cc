// CREATE, ALTER and DROP USER (or ROLE): a user is a name with a password, and nothing else.

#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {

// The password; whoever is in may do everything, so that other options have no meaning.
std::string Translator::PasswordAmong(std::span<pg::Node* const> options) {
  std::string password;
  for (const pg::Node* const node : options) {
    if (node->node_case != PG_QUERY__NODE__NODE_DEF_ELEM) continue;
    const pg::DefElem& option = *node->def_elem;
    const std::string name = option.defname;
    if (name == "password" && option.arg != nullptr) {
      password = StringOf(*option.arg);
    } else if (name != "canlogin") {
      Unsupported("option \"" + name + "\" of a user");
    }
  }
  if (password.empty()) Unsupported("a user without a password");
  return password;
}

std::string Translator::UserName(const PgQuery__RoleSpec& role) {
  if (role.roletype == PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING) return role.rolename;
  Unsupported("this way to name a user", role.location);
  return {};
}

Translated Translator::CreateUser(const PgQuery__CreateRoleStmt& statement) {
  Translated result = Simple(StatementKind::kCreateUser, "CREATE ROLE", statement.role);
  result.value = PasswordAmong(Items(statement.n_options, statement.options));
  return result;
}

Translated Translator::AlterUser(const PgQuery__AlterRoleStmt& statement) {
  Translated result = Simple(StatementKind::kAlterUser, "ALTER ROLE", UserName(*statement.role));
  result.value = PasswordAmong(Items(statement.n_options, statement.options));
  return result;
}

Translated Translator::DropUser(const PgQuery__DropRoleStmt& statement) {
  Translated result = Simple(StatementKind::kDropUser, "DROP ROLE");
  for (const pg::Node* const node : Items(statement.n_roles, statement.roles)) {
    if (node->node_case != PG_QUERY__NODE__NODE_ROLE_SPEC) continue;
    result.arguments.push_back(UserName(*node->role_spec));
  }
  result.missing_ok = statement.missing_ok != 0;
  return result;
}

}  // namespace sibyl::sql::server
