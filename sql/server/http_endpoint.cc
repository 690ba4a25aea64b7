#include "sql/server/http_endpoint.h"

#include <unistd.h>

#include <algorithm>

#include "base/status_macros.h"
#include "sibyl/database.h"
#include "sibyl/sql.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMaxRequestBytes = 16 * 1024;
constexpr size_t kMaxOpen = 32;

std::string Response(const char* status, const std::string& body) {
  return std::string("HTTP/1.1 ") + status +
         "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

// Of the database that the server's connections have open, which this joins.
Result<Stats> DatabaseStats(const ServerState& server) {
  Options options;
  options.create_if_missing = false;
  SIBYL_ASSIGN_OR_RETURN(const auto database,
                         Database::Open(options, DataDirectoryOf(server.options.database_path)));
  return database->GetStats();
}

// Whoever supervises the server should start it again when it is not healthy.
std::string HealthResponse(const ServerState& server) {
  if (server.stopping) return Response("503 Service Unavailable", "stopping\n");
  const auto stats = DatabaseStats(server);  // none: nothing has been written yet
  if (stats && !stats->writes_stopped_by.empty()) {
    return Response("503 Service Unavailable", stats->writes_stopped_by + "\n");
  }
  return Response("200 OK", "ok\n");
}

}  // namespace

std::string MetricsText(ServerState* server) {
  std::string text;
  const auto add = [&](const char* name, const char* type, const char* help, uint64_t value) {
    text += std::string("# HELP sibyl_") + name + " " + help + "\n# TYPE sibyl_" + name + " " +
            type + "\nsibyl_" + name + " " + std::to_string(value) + "\n";
  };
  const Metrics& metrics = server->metrics;
  add("connections_total", "counter", "Connections accepted.", metrics.connections);
  add("refused_connections_total", "counter", "Connections refused: too many.",
      metrics.refused_connections);
  add("failed_logins_total", "counter", "Logins with a wrong user or password.",
      metrics.failed_logins);
  add("sessions", "gauge", "Sessions, those that log in included.",
      static_cast<uint64_t>(std::max<int64_t>(0, metrics.sessions)));
  add("statements_total", "counter", "Statements executed.", metrics.statements);
  add("errors_total", "counter", "Errors sent to clients.", metrics.errors);
  add("rows_sent_total", "counter", "Rows sent by queries.", metrics.rows_sent);
  add("copied_rows_total", "counter", "Rows received by COPY.", metrics.copied_rows);
  add("cancel_requests_total", "counter", "Cancel requests received.", metrics.cancels);
  add("point_reads_total", "counter", "Statements answered by a key look-up alone.",
      metrics.point_reads);
  add("shaped_queries_total", "counter", "Simple queries run by their shape, constants apart.",
      metrics.shaped_queries);
  add("pool_connections", "gauge", "SQLite connections open.", server->pool.open_connections());
  add("pool_waiting", "gauge", "Sessions that wait for a connection.",
      server->pool.places().waiting());
  add("writers_waiting", "gauge", "Sessions that wait for their turn to write.",
      server->writers.waiting());
  add("writers_gathered", "gauge", "Sessions that left their event loop for that of the writers.",
      static_cast<uint64_t>(std::max(0, server->writers_loop->guests())));
  if (const auto stats = DatabaseStats(*server)) text += PrometheusText(*stats);
  return text;
}

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Open(EventLoop* loop,
                                                         const std::string& address,
                                                         ServerState* server) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint(loop, server));
  SIBYL_ASSIGN_OR_RETURN(
      endpoint->listener_,
      Listener::OnTcp(&loop->io(), address, [self = endpoint.get()](int fd) { self->Accept(fd); }));
  return endpoint;
}

void HttpEndpoint::Close() {
  listener_->Close();
  for (const auto& channel : open_) {
    if (const auto alive = channel.lock()) alive->Abort();
  }
}

void HttpEndpoint::Accept(int fd) {
  std::erase_if(open_, [](const auto& channel) { return channel.expired(); });
  if (open_.size() >= kMaxOpen) {
    ::close(fd);
    return;
  }
  auto channel = std::make_shared<Channel>(loop_, fd, &server_->memory);
  open_.push_back(channel);
  Detach(Serve(std::move(channel)));
}

Task<void> HttpEndpoint::Serve(std::shared_ptr<Channel> channel) {
  while (channel->unread().find("\r\n\r\n") == std::string_view::npos) {
    if (channel->unread().size() > kMaxRequestBytes) co_return;
    if (const bool goes_on = co_await channel->Receive(); !goes_on) co_return;
  }
  const std::string_view request = channel->unread();
  const std::string_view line = request.substr(0, request.find("\r\n"));
  std::string* const out = channel->out();
  if (line.starts_with("GET /metrics ")) {
    *out = Response("200 OK", MetricsText(server_));
  } else if (line.starts_with("GET /health ")) {
    *out = HealthResponse(*server_);
  } else {
    *out = Response("404 Not Found", "GET /metrics or /health\n");
  }
  co_await channel->Send();
}

}  // namespace sibyl::sql::server
