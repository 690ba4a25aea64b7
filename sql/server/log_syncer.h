// LogSyncer: lets sessions wait until their commits are on disk without their event loops waiting,
// so that others of the same loop write meanwhile, and one sync serves all who have come.

#ifndef SIBYL_SQL_SERVER_LOG_SYNCER_H_
#define SIBYL_SQL_SERVER_LOG_SYNCER_H_

#include <condition_variable>
#include <coroutine>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "sibyl/database.h"
#include "sql/server/net/event_loop.h"

namespace sibyl::sql::server {

// Thread-safe. Its thread begins with the first who waits.
class LogSyncer {
 public:
  LogSyncer() = default;
  ~LogSyncer() { Stop(); }
  LogSyncer(const LogSyncer&) = delete;
  LogSyncer& operator=(const LogSyncer&) = delete;

  class Waiting;

  // co_await gives the Status of a Database::Sync that began afterwards; goes on in `loop`.
  Waiting Sync(std::shared_ptr<Database> database, EventLoop* loop);

  // Ends the thread, once everybody was served. To be called when nobody comes any more.
  void Stop();

 private:
  struct Place {
    std::shared_ptr<Database> database;
    EventLoop* loop;
    std::coroutine_handle<> coroutine;
    Status* status;
  };

  void Add(Place place);
  void Run();

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Place> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

class LogSyncer::Waiting {
 public:
  Waiting(LogSyncer* syncer, std::shared_ptr<Database> database, EventLoop* loop)
      : syncer_(syncer), database_(std::move(database)), loop_(loop) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    syncer_->Add({std::move(database_), loop_, coroutine, &status_});
  }
  Status await_resume() { return std::move(status_); }

 private:
  LogSyncer* syncer_;
  std::shared_ptr<Database> database_;
  EventLoop* loop_;
  Status status_ = Ok();
};

inline LogSyncer::Waiting LogSyncer::Sync(std::shared_ptr<Database> database, EventLoop* loop) {
  return {this, std::move(database), loop};
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_LOG_SYNCER_H_
