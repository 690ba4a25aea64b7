// The threads that serve sessions: a few event loops, each an asio::io_context that one thread at a
// time runs, and spare threads that take a loop over.
//
// A session belongs to one loop, and its SQL runs right in the thread that read its message: a
// hand-over to another thread and back costs more than a point query. A statement that takes long
// would keep its loop's other sessions waiting; so a watcher looks at all loops every few
// milliseconds, and gives a loop whose thread has been inside one piece of SQL since the last look
// to a spare thread. The old thread finishes its statement and becomes spare itself. What such a
// session does is still one thing after the other; sessions of one loop may then run in parallel.
// While no SQL runs the watcher sleeps.

#ifndef SIBYL_SQL_SERVER_NET_EVENT_LOOP_H_
#define SIBYL_SQL_SERVER_NET_EVENT_LOOP_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sibyl::sql::server {

// One loop. Thread-safe.
class EventLoop {
 public:
  asio::io_context& io() { return io_; }

  // Goes on with a coroutine in this loop.
  void Resume(std::coroutine_handle<> waiting) {
    asio::post(io_, [waiting] { waiting.resume(); });
  }

  // co_await goes on in this loop, after everything that is ready to run there.
  struct Entry {
    EventLoop* loop;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) { loop->Resume(coroutine); }
    void await_resume() const {}
  };
  Entry Enter() { return {this}; }

  // Sessions of other loops have come here because only one of them runs at a time, or go: while
  // there are any, this loop does not keep others awake.
  void AddGuests(int count) { guests_.fetch_add(count, std::memory_order_relaxed); }
  int guests() const { return guests_.load(std::memory_order_relaxed); }

 private:
  friend class EventLoops;
  friend class LongWork;
  friend struct LoopThread;

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> keep_running_ =
      asio::make_work_guard(io_);
  std::atomic<uint64_t> turn_{0};  // a thread runs the loop while this is its own turn's number
  std::atomic<struct LoopThread*> thread_{nullptr};
  std::atomic<bool> sleeps_{false};
  std::atomic<int> guests_{0};
  std::atomic<uint64_t> leaves_until_ns_{0};  // WakefulWait's
  uint64_t seen_work_ = 0;                    // the watcher's
};

// Marks, while it lives, that the calling thread is in work that may take long.
class LongWork {
 public:
  LongWork();
  ~LongWork();
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;
};

class EventLoops {
 public:
  // `loops` loops; `max_threads` bounds how many pieces of work can run at the same time.
  EventLoops(size_t loops, size_t max_threads);
  ~EventLoops();  // Stop
  EventLoops(const EventLoops&) = delete;
  EventLoops& operator=(const EventLoops&) = delete;

  // The loop for the next session: each in turn.
  EventLoop& Next();

  EventLoop& First() { return *loops_.front(); }

  // Ends all threads; what was posted and not run is destroyed with the loops.
  void Stop();

  size_t threads() const { return thread_count_.load(std::memory_order_relaxed); }

 private:
  friend class LongWork;

  void GiveTo(EventLoop* loop, LoopThread* thread);
  void RunThread(LoopThread* self);
  void Run(EventLoop* loop, uint64_t turn);
  void KeepOthersAwake(EventLoop* loop, uint64_t now_ns);
  void Watch();
  bool LookAtLoops();
  void WakeWatcher();
  bool HandOver(EventLoop* loop);
  LoopThread* TakeSpareThread();

  const size_t max_threads_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::atomic<size_t> next_loop_{0};
  std::atomic<uint64_t> wanted_until_ns_{0};  // all loops are to be awake: KeepOthersAwake
  std::atomic<size_t> thread_count_{0};
  std::mutex mutex_;  // guards what follows
  std::condition_variable assigned_;
  std::vector<std::unique_ptr<LoopThread>> threads_;
  std::vector<LoopThread*> spare_;
  bool stopping_ = false;
  std::condition_variable watch_goes_on_;
  std::atomic<bool> watcher_sleeps_{false};  // written with mutex_ held
  std::thread watcher_;                      // only where there can be spare threads
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NET_EVENT_LOOP_H_
