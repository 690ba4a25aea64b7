// sibyl serve: a database for many clients, over the PostgreSQL wire protocol.

#include <sys/resource.h>

#include <csignal>
#include <iostream>
#include <optional>

#include "sql/server/configuration.h"
#include "sql/server/server.h"
#include "tools/command.h"

namespace sibyl::tools {
namespace {

using sql::server::ServerOptions;

constexpr char kTeachingServe[] =
    R"help(PostgreSQL wire protocol, SQLite SQL: psql and every PostgreSQL driver are clients.

  sibyl user add shop.db ann                       asks for a password on standard input
  sibyl serve shop.db                              TCP on 127.0.0.1:5432, with passwords
  psql -h 127.0.0.1 -U ann shop

  sibyl serve shop.db --socket /run/shop           and a Unix socket, trusted
  psql -h /run/shop shop

  sibyl serve shop.db --listen :5432 --tls-cert chain.pem --tls-key key.pem
  sibyl serve --print-config > server.conf         every option, explained
  sibyl serve shop.db --config server.conf

One server per database; other processes may read it meanwhile. SIGTERM and SIGINT end it: open
transactions may finish, then everything is written out. A second signal ends it at once.)help";

struct ServeArguments {
  std::string path;
  std::string config;
  std::optional<std::string> listen;
  std::optional<std::string> socket;
  std::optional<std::string> metrics;
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  std::optional<std::string> synchronous;
  bool trust = false;
  bool print_config = false;
};

Status Override(const char* name, const std::optional<std::string>& value, ServerOptions* options) {
  return value ? sql::server::SetOption(name, *value, options) : Ok();
}

Result<ServerOptions> OptionsOf(const ServeArguments& arguments) {
  ServerOptions options;
  options.database_path = arguments.path;
  Status status = Ok();
  if (!arguments.config.empty()) {
    status = sql::server::ApplyConfigurationFile(arguments.config, &options);
  }
  if (status) status = Override("listen", arguments.listen, &options);
  if (status) status = Override("socket_directory", arguments.socket, &options);
  if (status) status = Override("metrics_listen", arguments.metrics, &options);
  if (status) status = Override("tls_certificate", arguments.tls_certificate, &options);
  if (status) status = Override("tls_key", arguments.tls_key, &options);
  if (status) status = Override("synchronous", arguments.synchronous, &options);
  if (!status) return std::move(status).error();
  options.trust_tcp |= arguments.trust;
  return options;
}

// SIGTERM and SIGINT are taken by sigwait in the main thread: no thread may be interrupted by them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// A client takes a descriptor, and what processes may have at first, often 1024, is soon gone.
void AllowAllDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // else there are as many as there are
}

ExitCode Serve(const ServeArguments& arguments) {
  if (arguments.print_config) return Answer(sql::server::ConfigurationTemplate());
  if (arguments.path.empty())
    return Complain(ExitCode::kUsage, "serve needs the PATH of a database");
  auto options = OptionsOf(arguments);
  if (!options) return Complain(options.error());
  AllowAllDescriptors();
  const sigset_t signals = BlockStopSignals();
  auto server = sql::server::Server::Start(std::move(*options));
  if (!server) return Complain(server.error());
  std::string ready = "ready";
  if ((*server)->port() != 0) ready += " port=" + std::to_string((*server)->port());
  if ((*server)->metrics_port() != 0) {
    ready += " metrics_port=" + std::to_string((*server)->metrics_port());
  }
  if (const auto printed = Print(ready + "\n"); !printed) return Complain(printed.error());
  std::cout.flush();
  int signal = 0;
  sigwait(&signals, &signal);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // the next one ends the process
  (*server)->Stop();
  return ExitCode::kOk;
}

void AddServe(CommandLine& commands) {
  const auto arguments = std::make_shared<ServeArguments>();
  Command& serve = commands.Add("serve", "Serve a SQL database over the PostgreSQL wire protocol");
  serve.OptionalPositional("PATH", &arguments->path, "The database; made on first use");
  serve.Option("--config", &arguments->config, "FILE",
               "Configuration file; the others override it");
  serve.Option("--listen", &arguments->listen, "HOST:PORT", "TCP address [127.0.0.1:5432]");
  serve.Option("--socket", &arguments->socket, "DIR", "Folder for a Unix socket");
  serve.Option("--metrics", &arguments->metrics, "HOST:PORT", "HTTP address of /metrics, /health");
  serve.Option("--tls-cert", &arguments->tls_certificate, "FILE", "Certificate chain, PEM");
  serve.Option("--tls-key", &arguments->tls_key, "FILE", "Its key, PEM");
  serve.Option("--synchronous", &arguments->synchronous, "off|normal|full",
               "What a commit waits for [full]");
  serve.Flag("--trust", &arguments->trust, "No passwords over TCP either");
  serve.Flag("--print-config", &arguments->print_config, "Print a configuration file and end");
  serve.Teach(kTeachingServe);
  serve.Does([=] { return Serve(*arguments); });
}

}  // namespace

void AddServerCommands(CommandLine& commands) {
  AddServe(commands);
  AddUserCommand(commands);
}

}  // namespace sibyl::tools
