// GET /metrics for Prometheus and GET /health, over plain HTTP/1.1.

#ifndef SIBYL_SQL_SERVER_HTTP_ENDPOINT_H_
#define SIBYL_SQL_SERVER_HTTP_ENDPOINT_H_

#include <memory>
#include <string>

#include "sql/server/listener.h"
#include "sql/server/net/channel.h"
#include "sql/server/net/event_loop.h"
#include "sql/server/server_state.h"

namespace sibyl::sql::server {

// In the control loop. One request per connection.
class HttpEndpoint {
 public:
  static Result<std::unique_ptr<HttpEndpoint>> Open(EventLoop* loop, const std::string& address,
                                                    ServerState* server);

  uint16_t port() const { return listener_->port(); }
  void Close();

 private:
  HttpEndpoint(EventLoop* loop, ServerState* server) : loop_(loop), server_(server) {}
  void Accept(int fd);
  Task<void> Serve(std::shared_ptr<Channel> channel);

  EventLoop* const loop_;
  ServerState* const server_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::weak_ptr<Channel>> open_;
};

// The metrics in Prometheus's text format.
std::string MetricsText(ServerState* server);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_HTTP_ENDPOINT_H_
