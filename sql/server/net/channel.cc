#include "sql/server/net/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sibyl::sql::server {
namespace {

constexpr size_t kRoomBytes = 4096;            // read at least this much at once
constexpr size_t kKeptBytes = 64 * 1024;       // larger buffers are given back when they are empty
constexpr size_t kFreeBytes = 4 * kKeptBytes;  // of both: they are not worth counting

}  // namespace

// co_await gives the error of waiting.
struct Channel::Readiness {
  asio::posix::stream_descriptor& descriptor;
  asio::posix::stream_descriptor::wait_type wanted;
  asio::error_code error = {};

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    descriptor.async_wait(wanted, [this, waiting](const asio::error_code& result) {
      error = result;
      waiting.resume();
    });
  }
  bool await_resume() const { return !error; }
};

// co_await gives whether bytes came. The reactor reads as soon as they are there: waiting for them
// and reading afterwards would take two system calls more.
struct Channel::Arrival {
  Channel& channel;
  bool came = false;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    const auto room = asio::buffer(channel.in_) + channel.received_;
    channel.descriptor_.async_read_some(room, [this, waiting, room_bytes = room.size()](
                                                  const asio::error_code& error, size_t count) {
      came = !error;
      channel.received_ += count;
      channel.was_filled_ = count == room_bytes;
      waiting.resume();
    });
  }
  bool await_resume() const { return came; }
};

Channel::Channel(EventLoop* loop, int fd, MemoryBudget* memory)
    : loop_(loop), fd_(fd), descriptor_(loop->io(), fd), memory_(memory) {
  asio::error_code ignored;
  descriptor_.non_blocking(true, ignored);
}

Channel::~Channel() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
}

Task<void> Channel::MoveTo(EventLoop* loop) {
  descriptor_.release();
  descriptor_ = asio::posix::stream_descriptor(loop->io(), fd_);
  loop_ = loop;
  co_await loop->Enter();
}

Task<bool> Channel::Receive() {
  if (!MakeRoom()) co_return false;
  if (ssl_ == nullptr) co_return co_await Arrival{*this};
  for (;;) {
    const Progress progress = DecryptSome();
    if (progress == Progress::kDone) co_return true;
    if (progress == Progress::kClosed) co_return false;
    if (const bool goes_on = co_await Ready(progress); !goes_on) co_return false;
  }
}

Task<bool> Channel::Send() {
  while (sent_ < out_.size()) {
    const Progress progress = WriteSome();
    if (progress == Progress::kClosed) co_return false;
    if (progress == Progress::kDone) continue;
    if (const bool goes_on = co_await Ready(progress); !goes_on) co_return false;
  }
  sent_ = 0;
  out_.clear();
  if (out_.capacity() > 2 * kKeptBytes) {
    out_.shrink_to_fit();
    TakeMemory();
  }
  co_return true;
}

Task<bool> Channel::StartTls(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_) != 1) co_return false;
  for (;;) {
    const Progress progress = SslProgress(SSL_accept(ssl_.get()));
    if (progress == Progress::kDone) co_return true;
    if (progress == Progress::kClosed) co_return false;
    if (const bool goes_on = co_await Ready(progress); !goes_on) co_return false;
  }
}

void Channel::StopReading() { ::shutdown(fd_, SHUT_RD); }

void Channel::Abort() { ::shutdown(fd_, SHUT_RDWR); }

Channel::Readiness Channel::Ready(Progress wanted) {
  return {descriptor_, wanted == Progress::kWantWrite ? asio::posix::stream_descriptor::wait_write
                                                      : asio::posix::stream_descriptor::wait_read};
}

// Moves what is unread to the front, and grows the buffer as what was received fills it: a length
// that a client only announces costs nothing, and a COPY is received in large pieces. False: there
// is no memory for more.
bool Channel::MakeRoom() {
  const size_t unread_bytes = received_ - consumed_;
  if (unread_bytes == 0) {
    consumed_ = received_ = 0;
    if (in_.size() > kKeptBytes) {
      in_.clear();
      in_.shrink_to_fit();
      TakeMemory();
    }
  } else if (consumed_ > 0 && in_.size() - received_ < kRoomBytes) {
    std::memmove(in_.data(), in_.data() + consumed_, unread_bytes);
    consumed_ = 0;
    received_ = unread_bytes;
  }
  const bool grows = was_filled_ && in_.size() < kKeptBytes;
  was_filled_ = false;
  if (in_.size() - received_ >= kRoomBytes && !grows) return true;
  in_.resize(std::max(2 * kRoomBytes, 2 * in_.size()));
  return TakeMemory();
}

bool Channel::TakeMemory() {
  const size_t bytes = in_.capacity() + out_.capacity();
  is_out_of_memory_ = !memory_.Resize(bytes > kFreeBytes ? bytes : 0);
  return !is_out_of_memory_;
}

Channel::Progress Channel::DecryptSome() {
  const size_t room_bytes = std::min<size_t>(in_.size() - received_, 1 << 30);
  const int count = SSL_read(ssl_.get(), in_.data() + received_, static_cast<int>(room_bytes));
  if (count > 0) received_ += static_cast<size_t>(count);
  return SslProgress(count);
}

Channel::Progress Channel::WriteSome() {
  const char* const bytes = out_.data() + sent_;
  const size_t left_bytes = out_.size() - sent_;
  if (ssl_ != nullptr) {
    const int count =
        SSL_write(ssl_.get(), bytes, static_cast<int>(std::min<size_t>(left_bytes, 1 << 30)));
    if (count > 0) sent_ += static_cast<size_t>(count);
    return SslProgress(count);
  }
  const ssize_t count = ::send(fd_, bytes, left_bytes, MSG_NOSIGNAL);
  if (count >= 0) {
    sent_ += static_cast<size_t>(count);
    return Progress::kDone;
  }
  return errno == EAGAIN || errno == EINTR ? Progress::kWantWrite : Progress::kClosed;
}

Channel::Progress Channel::SslProgress(int result) {
  if (result > 0) return Progress::kDone;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Progress::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Progress::kWantWrite;
    default:
      return Progress::kClosed;
  }
}

}  // namespace sibyl::sql::server
