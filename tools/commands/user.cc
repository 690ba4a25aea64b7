// sibyl user: who may log in to a served database.

#include <sqlite3.h>

#include <iostream>

#include "base/status_macros.h"
#include "sql/server/server.h"
#include "sql/server/users.h"
#include "tools/command.h"
#include "tools/pq_connection.h"
#include "tools/sqlite_connection.h"

namespace sibyl::tools {
namespace {

using sql::server::Users;

constexpr char kTeaching[] =
    R"help(Users are kept in the database, their passwords as SCRAM-SHA-256 verifiers.

  sibyl user add shop.db ann        reads the password from standard input, one line
  sibyl user list shop.db
  sibyl user delete shop.db ann

add gives a user that exists another password. Where a server has the database open, it is asked to
make the change: that holds for whoever logs in from then on.)help";

struct Arguments {
  std::string action;
  std::string path;
  std::string name;
};

// ---- Through the server that has the database open ----

// Null: there is none.
PqConnection ConnectToOwnServer(const std::string& path) {
  auto connection = ConnectToServer({{"host", sql::server::OwnerSocketDirectory(path)},
                                     {"port", std::to_string(sql::server::kOwnerPort)},
                                     {"user", "owner"},
                                     {"dbname", "sibyl"}});
  return connection ? std::move(*connection) : nullptr;
}

// Runs a statement; false if the server answers with the SQLSTATE `expected`.
Result<bool> Ask(PGconn* server, const std::string& sql, std::string_view expected) {
  const PqResult result(PQexec(server, sql.c_str()));
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return true;
  const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  if (sqlstate != nullptr && expected == sqlstate) return false;
  return Error{ErrorCode::kIo, PqMessage(PQresultErrorMessage(result.get()))};
}

struct PqTextDeleter {
  void operator()(char* text) const { PQfreemem(text); }
};
using PqText = std::unique_ptr<char, PqTextDeleter>;

std::string Quoted(PGconn* server, const std::string& name) {
  const PqText quoted(PQescapeIdentifier(server, name.data(), name.size()));
  return quoted == nullptr ? "" : quoted.get();
}

// The password itself does not travel: a verifier does.
Status SetThroughServer(PGconn* server, const std::string& name, const std::string& password) {
  const PqText verifier(
      PQencryptPasswordConn(server, password.c_str(), name.c_str(), "scram-sha-256"));
  if (verifier == nullptr) return Error{ErrorCode::kIo, PqMessage(PQerrorMessage(server))};
  const std::string rest = " " + Quoted(server, name) + " PASSWORD '" + verifier.get() + "'";
  SIBYL_ASSIGN_OR_RETURN(const bool created, Ask(server, "CREATE USER" + rest, "42710"));
  if (created) return Ok();
  SIBYL_RETURN_IF_ERROR(Ask(server, "ALTER USER" + rest, ""));
  return Ok();
}

// ---- The actions ----

ExitCode AddUser(const Arguments& arguments) {
  std::string password;
  if (!std::getline(std::cin, password)) {
    return Complain(ExitCode::kUsage, "the password comes on standard input: one line");
  }
  const PqConnection server = ConnectToOwnServer(arguments.path);
  const auto set = server != nullptr && !password.empty() && !arguments.name.empty()
                       ? SetThroughServer(server.get(), arguments.name, password)
                       : Users(arguments.path).Set(arguments.name, password);
  return set ? ExitCode::kOk : Complain(set.error());
}

ExitCode DeleteUser(const Arguments& arguments) {
  const PqConnection server = ConnectToOwnServer(arguments.path);
  const auto deleted =
      server != nullptr
          ? Ask(server.get(), "DROP USER " + Quoted(server.get(), arguments.name), "42704")
          : Users(arguments.path).Delete(arguments.name);
  if (!deleted) return Complain(deleted.error());
  return *deleted ? ExitCode::kOk : Complain(ExitCode::kNegative, "no user " + arguments.name);
}

// Reading needs no server's help.
ExitCode ListUsers(const std::string& path) {
  const auto connection = Connect(path, SQLITE_OPEN_READONLY);
  if (!connection) return Complain(connection.error());
  const auto exists =
      Prepare(connection->get(), "SELECT 1 FROM sqlite_schema WHERE name = 'sibyl_users'");
  if (!exists) return Complain(exists.error());
  if (sqlite3_step(exists->get()) != SQLITE_ROW) return ExitCode::kOk;
  const auto names = Prepare(connection->get(), "SELECT name FROM sibyl_users ORDER BY name");
  if (!names) return Complain(names.error());
  std::string lines;
  int code = SQLITE_OK;
  while ((code = sqlite3_step(names->get())) == SQLITE_ROW) {
    lines += reinterpret_cast<const char*>(sqlite3_column_text(names->get(), 0));
    lines += '\n';
  }
  return code == SQLITE_DONE ? Answer(lines) : Complain(SqlError(connection->get(), path));
}

ExitCode RunUser(const Arguments& arguments) {
  if (arguments.action == "list") return ListUsers(arguments.path);
  if (arguments.name.empty()) return Complain(ExitCode::kUsage, "which user? add PATH NAME");
  if (arguments.action == "add") return AddUser(arguments);
  if (arguments.action == "delete") return DeleteUser(arguments);
  return Complain(ExitCode::kUsage, "user add, list or delete, not " + arguments.action);
}

}  // namespace

void AddUserCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& user = commands.Add("user", "The users of a served database: add, list, delete");
  user.Positional("ACTION", &arguments->action, "add, list or delete");
  user.Positional("PATH", &arguments->path, "The database");
  user.OptionalPositional("NAME", &arguments->name, "The user");
  user.Teach(kTeaching);
  user.Does([=] { return RunUser(*arguments); });
}

}  // namespace sibyl::tools
