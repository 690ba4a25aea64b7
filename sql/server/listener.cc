#include "sql/server/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sibyl::sql::server {
namespace {

constexpr int kBacklog = 1024;

Error SystemError(const std::string& doing) {
  return {ErrorCode::kIo, doing + ": " + std::strerror(errno)};
}

// Closes unless it is released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool IsThisMachine(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
    return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  if (peer.ss_family != AF_INET6) return false;
  const auto& address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET);
}

// Of a new connection. What cannot be set is not needed.
void SetOptions(int fd, const sockaddr_storage& peer) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  if (!IsThisMachine(peer)) return;
  // There is no net that could be congested. Some ways to find out when one is, BBR above all, pace
  // what is sent, for which they keep a timer and hold answers back for microseconds.
  constexpr std::string_view kNoPacing = "reno";
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kNoPacing.data(), kNoPacing.size());
}

struct HostAndPort {
  std::string host;
  std::string port;
};

Result<HostAndPort> Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "\"" + address + "\" is not HOST:PORT"};
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return HostAndPort{std::move(host), address.substr(colon + 1)};
}

uint16_t PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// Whether some process answers at the Unix socket `address`.
bool IsAlive(const sockaddr_un& address) {
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

Listener::Listener(asio::io_context* io, int fd, OnConnection on_connection)
    : descriptor_(*io, fd), on_connection_(std::move(on_connection)), port_(PortOf(fd)) {
  Accept();
}

Listener::~Listener() { Close(); }

Result<std::unique_ptr<Listener>> Listener::OnTcp(asio::io_context* io, const std::string& address,
                                                  OnConnection on_connection) {
  const auto parts = Split(address);
  if (!parts) return parts.error();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(parts->host.empty() ? nullptr : parts->host.c_str(),
                                 parts->port.c_str(), &hints, &found);
  if (code != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot listen on " + address + ": " + ::gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (socket.get() < 0 || ::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return SystemError("cannot listen on " + address);
  }
  return std::unique_ptr<Listener>(new Listener(io, socket.release(), std::move(on_connection)));
}

Result<std::unique_ptr<Listener>> Listener::OnUnixSocket(asio::io_context* io,
                                                         const std::string& path,
                                                         OnConnection on_connection) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kInvalidArgument, "path of socket too long: " + path};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (IsAlive(address)) return Error{ErrorCode::kBusy, "another server listens on " + path};
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t others = ::umask(0077);  // the owner's processes only: they are trusted
  const bool bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::umask(others);
  if (!bound || ::listen(socket.get(), kBacklog) != 0) {
    return SystemError("cannot listen on " + path);
  }
  std::unique_ptr<Listener> listener(new Listener(io, socket.release(), std::move(on_connection)));
  listener->path_ = path;
  return listener;
}

void Listener::Close() {
  asio::error_code ignored;
  descriptor_.close(ignored);
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

void Listener::Accept() {
  descriptor_.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (error) return;  // closed
        for (;;) {
          sockaddr_storage peer{};
          socklen_t size = sizeof(peer);
          const int fd = ::accept4(descriptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                                   &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
          if (fd < 0) break;  // none left, or no descriptors: the next look may have better luck
          SetOptions(fd, peer);
          on_connection_(fd);
        }
        Accept();
      });
}

}  // namespace sibyl::sql::server
