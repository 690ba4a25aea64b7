#include "sql/server/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <filesystem>
#include <future>
#include <limits>
#include <thread>

#include "base/clock.h"
#include "base/status_macros.h"
#include "sibyl/sql.h"
#include "sql/server/http_endpoint.h"
#include "sql/server/listener.h"
#include "sql/server/net/event_loop.h"
#include "sql/server/server_state.h"
#include "sql/server/session.h"
#include "sql/server/tls.h"

namespace sibyl::sql::server {
namespace {

using std::chrono::milliseconds;

constexpr auto kTick = milliseconds(10);  // while sessions wait for turns
constexpr int kTicksInVain = 100;
constexpr auto kIdleCheckEvery = milliseconds(250);
constexpr size_t kConnectionsBeforeLogin = 100;  // beyond max_connections
constexpr auto kAbortAfter = milliseconds(1000);

// Clients leave so many file descriptors, or a quarter, to the database: where that cannot open a
// file, all writing ends.
constexpr int kDescriptorsOfDatabase = 256;

// Descriptors from this one on are not for clients; new ones are always the lowest that are free.
int DescriptorsForClients() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const auto most =
      static_cast<int>(std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max()));
  return most - std::min(kDescriptorsOfDatabase, most / 4);
}

class ServerImpl : public Server {
 public:
  explicit ServerImpl(ServerOptions options)
      : state_(std::move(options)),
        control_(1, 1),
        loops_(std::max(1u, std::thread::hardware_concurrency()), state_.options.max_threads),
        ticker_(control_.Next().io()) {
    state_.writers_loop = &loops_.First();
  }
  ~ServerImpl() override { Stop(); }

  Status Open();
  uint16_t port() const override { return tcp_ == nullptr ? 0 : tcp_->port(); }
  uint16_t metrics_port() const override { return http_ == nullptr ? 0 : http_->port(); }
  void Stop() override;

 private:
  Status OpenDatabase();
  Status Listen();
  void ListenForOwner(asio::io_context* io);
  void Accept(int fd, Network network);
  void Tick();
  void TickSoon();
  void InControl(std::function<void()> action);
  bool WaitForSessions(milliseconds limit);

  ServerState state_;
  EventLoops
      control_;       // logins, cancel requests, time limits, metrics: works when all else is busy
  EventLoops loops_;  // sessions
  const int descriptors_for_clients_ = DescriptorsForClients();
  asio::steady_timer ticker_;
  int ticks_in_vain_ = 0;  // nobody waited
  std::atomic<bool> ticks_slowly_{true};
  uint64_t next_idle_check_ns_ = 0;
  std::unique_ptr<PooledConnection> first_connection_;  // keeps the database open
  std::unique_ptr<Listener> tcp_;
  std::unique_ptr<Listener> unix_socket_;
  std::unique_ptr<Listener> owner_socket_;
  std::unique_ptr<HttpEndpoint> http_;
  bool stopped_ = false;
};

Status ServerImpl::Open() {
  SIBYL_RETURN_IF_ERROR(OpenDatabase());
  if (!state_.options.tls_certificate.empty()) {
    SIBYL_ASSIGN_OR_RETURN(state_.tls,
                           MakeTlsContext(state_.options.tls_certificate, state_.options.tls_key));
  } else if (state_.options.require_tls) {
    return Error{ErrorCode::kInvalidArgument, "require_tls needs tls_certificate and tls_key"};
  }
  state_.writers.OnWait([this] { TickSoon(); });
  state_.pool.places().OnWait([this] { TickSoon(); });
  Status listening = Ok();
  InControl([&] { listening = Listen(); });
  SIBYL_RETURN_IF_ERROR(listening);
  asio::post(ticker_.get_executor(), [this] { Tick(); });
  state_.log.Info("serving",
                  {{"database", state_.options.database_path}, {"port", std::to_string(port())}});
  return Ok();
}

// So that a database that cannot be opened is an error now and not for each client.
Status ServerImpl::OpenDatabase() {
  auto connection =
      PooledConnection::Open({state_.options.database_path, state_.options.synchronous});
  if (!connection) {
    return Error{ErrorCode::kIo,
                 "cannot open " + state_.options.database_path + ": " + connection.error().message};
  }
  if (auto read = (*connection)->Run("SELECT count(*) FROM sqlite_schema"); !read) {
    return Error{ErrorCode::kIo,
                 "cannot read " + state_.options.database_path + ": " + read.error().message};
  }
  first_connection_ = std::move(*connection);
  return Ok();
}

Status ServerImpl::Listen() {
  const ServerOptions& options = state_.options;
  asio::io_context* const io = &control_.Next().io();
  if (!options.listen.empty()) {
    SIBYL_ASSIGN_OR_RETURN(
        tcp_, Listener::OnTcp(io, options.listen, [this](int fd) { Accept(fd, Network::kTcp); }));
  }
  if (!options.socket_directory.empty()) {
    const std::string port = options.listen.substr(options.listen.rfind(':') + 1);
    const std::string path = options.socket_directory + "/.s.PGSQL." +
                             (tcp_ == nullptr ? port : std::to_string(tcp_->port()));
    SIBYL_ASSIGN_OR_RETURN(unix_socket_, Listener::OnUnixSocket(io, path, [this](int fd) {
                             Accept(fd, Network::kUnixSocket);
                           }));
  }
  ListenForOwner(io);
  if (!options.metrics_listen.empty()) {
    SIBYL_ASSIGN_OR_RETURN(http_,
                           HttpEndpoint::Open(&control_.Next(), options.metrics_listen, &state_));
  }
  return Ok();
}

// The socket in the database's own folder, for `sibyl user`. Without it all else works.
void ServerImpl::ListenForOwner(asio::io_context* io) {
  const std::string path = OwnerSocketPath(state_.options.database_path);
  auto listener =
      Listener::OnUnixSocket(io, path, [this](int fd) { Accept(fd, Network::kOwnerSocket); });
  if (listener) {
    owner_socket_ = std::move(*listener);
  } else {
    state_.log.Warning("no_owner_socket", {{"error", listener.error().message}});
  }
}

void ServerImpl::Accept(int fd, Network network) {
  Metrics::Add(&state_.metrics.connections);
  const size_t most = state_.options.max_connections + kConnectionsBeforeLogin;
  const bool is_full = state_.registry.size() >= most || fd >= descriptors_for_clients_;
  if (state_.stopping || is_full) {
    Metrics::Add(&state_.metrics.refused_connections);
    ::close(fd);
    return;
  }
  Detach(Session::Serve(&state_, std::make_unique<Channel>(&control_.Next(), fd, &state_.memory),
                        network, &loops_.Next()));
}

// In the control loop: every few milliseconds while somebody waits for a turn, else only to find
// those who are idle for too long.
void ServerImpl::Tick() {
  const bool for_writing = state_.writers.SendAway();
  const bool for_connections = state_.pool.places().SendAway();
  ticks_in_vain_ = for_writing || for_connections ? 0 : ticks_in_vain_ + 1;
  const uint64_t now_ns = base::NowNs();
  if (now_ns >= next_idle_check_ns_) {
    state_.registry.EndIdle(now_ns);
    next_idle_check_ns_ =
        now_ns + std::chrono::duration_cast<std::chrono::nanoseconds>(kIdleCheckEvery).count();
  }
  ticks_slowly_ = ticks_in_vain_ >= kTicksInVain;
  ticker_.expires_after(ticks_slowly_ ? kIdleCheckEvery : kTick);
  ticker_.async_wait([this](const asio::error_code& error) {
    if (!error) Tick();
  });
}

// From any thread: somebody waits.
void ServerImpl::TickSoon() {
  if (!ticks_slowly_.load(std::memory_order_relaxed) || !ticks_slowly_.exchange(false)) return;
  asio::post(ticker_.get_executor(), [this] {
    ticks_in_vain_ = 0;
    if (ticker_.cancel() > 0) Tick();
  });
}

// Runs `action` in the control loop and waits for it.
void ServerImpl::InControl(std::function<void()> action) {
  std::promise<void> done;
  asio::post(control_.Next().io(), [&] {
    action();
    done.set_value();
  });
  done.get_future().wait();
}

bool ServerImpl::WaitForSessions(milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (state_.registry.size() > 0) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

void ServerImpl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  state_.log.Info("stopping", {{"sessions", std::to_string(state_.registry.size())}});
  state_.stopping = true;
  InControl([this] {
    if (tcp_ != nullptr) tcp_->Close();
    if (unix_socket_ != nullptr) unix_socket_->Close();
    if (owner_socket_ != nullptr) owner_socket_->Close();
  });
  state_.registry.EndAll(false);
  if (!WaitForSessions(milliseconds(state_.options.shutdown_timeout_ms))) {
    state_.registry.EndAll(true);
    while (!WaitForSessions(kAbortAfter)) state_.registry.AbortAll();
  }
  InControl([this] {
    ticker_.cancel();
    if (http_ != nullptr) http_->Close();
  });
  state_.syncer.Stop();
  loops_.Stop();
  control_.Stop();
  state_.users.Close();
  first_connection_.reset();
  state_.pool.Clear();  // the last one closes the engine, which writes all of memory to segments
  state_.log.Info("stopped");
}

}  // namespace

std::string OwnerSocketDirectory(const std::string& database_path) {
  return DataDirectoryOf(std::filesystem::absolute(database_path));
}

std::string OwnerSocketPath(const std::string& database_path) {
  return OwnerSocketDirectory(database_path) + "/.s.PGSQL." + std::to_string(kOwnerPort);
}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<ServerImpl>(std::move(options));
  SIBYL_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace sibyl::sql::server
