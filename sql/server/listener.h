// Listening sockets: TCP and Unix.

#ifndef SIBYL_SQL_SERVER_LISTENER_H_
#define SIBYL_SQL_SERVER_LISTENER_H_

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sibyl/result.h"

namespace sibyl::sql::server {

// One listening socket. Calls back, in its io_context, with each connected socket, whose descriptor
// then belongs to the callee.
class Listener {
 public:
  using OnConnection = std::function<void(int fd)>;

  // `address` is HOST:PORT, [HOST]:PORT for IPv6; an empty host means all addresses.
  static Result<std::unique_ptr<Listener>> OnTcp(asio::io_context* io, const std::string& address,
                                                 OnConnection on_connection);

  // The socket `path`, which is removed first if nobody listens on it, and when this object goes.
  static Result<std::unique_ptr<Listener>> OnUnixSocket(asio::io_context* io,
                                                        const std::string& path,
                                                        OnConnection on_connection);

  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }  // of TCP

  // Takes no more. In the thread of the io_context.
  void Close();

 private:
  Listener(asio::io_context* io, int fd, OnConnection on_connection);
  void Accept();

  asio::posix::stream_descriptor descriptor_;
  OnConnection on_connection_;
  uint16_t port_ = 0;
  std::string path_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_LISTENER_H_
