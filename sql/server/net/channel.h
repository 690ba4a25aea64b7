// One client's connection: bytes in, bytes out, over TCP or a Unix socket, with or without TLS.
//
// Reading and writing belong to the session, in its loop, one call at a time. What waits, waits as
// a coroutine. Sending waits while the client does not take what was sent: a slow reader holds back
// its own session and no more than the buffer's bytes.

#ifndef SIBYL_SQL_SERVER_NET_CHANNEL_H_
#define SIBYL_SQL_SERVER_NET_CHANNEL_H_

#include <openssl/ssl.h>

#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "sql/server/memory_budget.h"
#include "sql/server/net/event_loop.h"
#include "sql/server/net/task.h"

namespace sibyl::sql::server {

class Channel {
 public:
  // Takes over `fd`, a connected stream socket. Buffers that grow beyond what every channel may
  // have take their memory from `memory`.
  Channel(EventLoop* loop, int fd, MemoryBudget* memory);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  EventLoop& loop() { return *loop_; }

  // What was received and not consumed yet; valid until the next Receive or Consume.
  std::string_view unread() const { return {in_.data() + consumed_, received_ - consumed_}; }
  void Consume(size_t count) { consumed_ += count; }

  // Goes on in another loop: to be awaited, with nothing else under way.
  Task<void> MoveTo(EventLoop* loop);

  // Waits until there is more to read than before. False: the client is gone, the server has called
  // StopReading, or there is no memory for what it sends (is_out_of_memory()).
  Task<bool> Receive();

  // What will be sent; append to it.
  std::string* out() { return &out_; }

  // Waits until all of it was sent. False: the client is gone.
  Task<bool> Send();

  // The server's side of a TLS handshake. False: it failed.
  Task<bool> StartTls(SSL_CTX* context);
  bool encrypted() const { return ssl_ != nullptr; }

  // From any thread while the channel lives: Receive returns false from now on.
  void StopReading();

  // As StopReading, and Send returns false too: for a client that does not take its bytes.
  void Abort();

  // To be called when out() may have grown large. False: there is no memory for it.
  bool TakeMemory();
  bool is_out_of_memory() const { return is_out_of_memory_; }

 private:
  enum class Progress { kDone, kWantRead, kWantWrite, kClosed };
  struct Readiness;
  struct Arrival;
  struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  Progress DecryptSome();
  Progress WriteSome();
  Progress SslProgress(int result);
  Readiness Ready(Progress wanted);
  bool MakeRoom();

  EventLoop* loop_;
  const int fd_;
  asio::posix::stream_descriptor descriptor_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::string in_;  // consumed | unread | room
  size_t consumed_ = 0;
  size_t received_ = 0;
  bool was_filled_ = false;  // by what was received last: there is probably more
  std::string out_;
  size_t sent_ = 0;
  MemoryLease memory_;
  bool is_out_of_memory_ = false;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NET_CHANNEL_H_
