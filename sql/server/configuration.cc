#include "sql/server/configuration.h"

#include <fstream>
#include <iterator>
#include <variant>

#include "base/status_macros.h"
#include "base/text.h"

namespace sibyl::sql::server {
namespace {

using Member =
    std::variant<std::string ServerOptions::*, uint64_t ServerOptions::*, bool ServerOptions::*>;

struct Option {
  const char* name;
  Member member;
  const char* meaning;
};

const Option kOptions[] = {
    {"listen", &ServerOptions::listen,
     "Address and port for TCP, HOST:PORT; \":5432\" is all addresses, empty is none."},
    {"socket_directory", &ServerOptions::socket_directory,
     "Folder for the Unix socket .s.PGSQL.PORT, which its owner may use; empty: none."},
    {"metrics_listen", &ServerOptions::metrics_listen,
     "Address and port for HTTP: GET /metrics (Prometheus) and /health; empty: none."},
    {"trust_tcp", &ServerOptions::trust_tcp,
     "on: whoever reaches the TCP port is let in without a password. For tests."},
    {"scram_on_socket", &ServerOptions::scram_on_socket, "on: passwords on the Unix socket too."},
    {"tls_certificate", &ServerOptions::tls_certificate,
     "PEM file with the certificate chain; empty: no TLS."},
    {"tls_key", &ServerOptions::tls_key, "PEM file with its key."},
    {"require_tls", &ServerOptions::require_tls, "on: TCP connections without TLS are refused."},
    {"synchronous", &ServerOptions::synchronous,
     "full: a commit is on disk when the client hears of it. normal: it survives kill -9, a power\n"
     "# cut may take the latest ones. off: as normal."},
    {"max_connections", &ServerOptions::max_connections, "Clients at the same time."},
    {"pool_connections", &ServerOptions::pool_connections,
     "Transactions at the same time: SQLite connections, shared by all clients."},
    {"max_threads", &ServerOptions::max_threads, "Statements that run at the same time."},
    {"max_message_bytes", &ServerOptions::max_message_bytes,
     "The longest message, and so the longest statement, that is accepted."},
    {"max_cursor_bytes", &ServerOptions::max_cursor_bytes,
     "Memory that the rows of one cursor may take when they must be kept."},
    {"max_memory_bytes", &ServerOptions::max_memory_bytes,
     "Memory for messages, prepared statements, parameters, results and kept rows of all clients\n"
     "# together; what SQLite and the engine need is not counted."},
    {"statement_timeout_ms", &ServerOptions::statement_timeout_ms,
     "Statements that take longer are canceled; 0: never. Times: SET changes them for a session."},
    {"lock_timeout_ms", &ServerOptions::lock_timeout_ms,
     "How long to wait for the turn to write, or for a free transaction; 0: forever."},
    {"idle_in_transaction_timeout_ms", &ServerOptions::idle_in_transaction_timeout_ms,
     "Clients that leave a transaction open and idle for longer are disconnected; 0: never."},
    {"idle_session_timeout_ms", &ServerOptions::idle_session_timeout_ms,
     "Clients that are idle for longer are disconnected; 0: never."},
    {"authentication_timeout_ms", &ServerOptions::authentication_timeout_ms,
     "Clients that take longer to log in are disconnected."},
    {"shutdown_timeout_ms", &ServerOptions::shutdown_timeout_ms,
     "How long open transactions may go on after SIGTERM."},
    {"log_file", &ServerOptions::log_file, "Log; empty: standard error."},
    {"log_statements", &ServerOptions::log_statements, "on: simple queries are logged."},
};

Status SetMember(std::string ServerOptions::*member, std::string_view value,
                 ServerOptions* options) {
  options->*member = value;
  return Ok();
}

Status SetMember(uint64_t ServerOptions::*member, std::string_view value, ServerOptions* options) {
  const auto number = base::ParseNumber<uint64_t>(value);
  if (!number) {
    return Error{ErrorCode::kInvalidArgument, "\"" + std::string(value) + "\" is not a number"};
  }
  options->*member = *number;
  return Ok();
}

Status SetMember(bool ServerOptions::*member, std::string_view value, ServerOptions* options) {
  if (value != "on" && value != "off") {
    return Error{ErrorCode::kInvalidArgument, "\"" + std::string(value) + "\" is not on or off"};
  }
  options->*member = value == "on";
  return Ok();
}

std::string TextOf(const Option& option, const ServerOptions& options) {
  if (const auto* text = std::get_if<std::string ServerOptions::*>(&option.member)) {
    return options.**text;
  }
  if (const auto* number = std::get_if<uint64_t ServerOptions::*>(&option.member)) {
    return std::to_string(options.**number);
  }
  return options.*std::get<bool ServerOptions::*>(option.member) ? "on" : "off";
}

std::string_view Trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

Status ApplyLine(std::string_view line, ServerOptions* options) {
  line = Trimmed(line);
  if (line.empty() || line.starts_with('#')) return Ok();
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    return Error{ErrorCode::kInvalidArgument, "a line is \"name = value\" or \"# comment\""};
  }
  return SetOption(Trimmed(line.substr(0, equals)), Trimmed(line.substr(equals + 1)), options);
}

}  // namespace

Status SetOption(std::string_view name, std::string_view value, ServerOptions* options) {
  for (const Option& option : kOptions) {
    if (option.name != name) continue;
    if (name == "synchronous" && value != "full" && value != "normal" && value != "off") {
      return Error{ErrorCode::kInvalidArgument, "synchronous is full, normal or off"};
    }
    return std::visit([&](auto member) { return SetMember(member, value, options); },
                      option.member);
  }
  return Error{ErrorCode::kInvalidArgument, "there is no option \"" + std::string(name) + "\""};
}

Status ApplyConfiguration(std::string_view text, const std::string& path, ServerOptions* options) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (auto applied = ApplyLine(text.substr(0, end), options); !applied) {
      return Error{applied.error().code,
                   path + ", line " + std::to_string(number) + ": " + applied.error().message};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Ok();
}

Status ApplyConfigurationFile(const std::string& path, ServerOptions* options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::kIo, "cannot read " + path};
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return ApplyConfiguration(text, path, options);
}

std::string ConfigurationTemplate() {
  std::string text = "# sibyl serve --config FILE\n";
  const ServerOptions defaults;
  for (const Option& option : kOptions) {
    text += std::string("\n# ") + option.meaning + "\n# " + option.name + " = " +
            TextOf(option, defaults) + "\n";
  }
  return text;
}

}  // namespace sibyl::sql::server
