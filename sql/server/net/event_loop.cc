#include "sql/server/net/event_loop.h"

#include <chrono>

#include "base/clock.h"
#include "sql/server/net/wakeful_wait.h"

namespace sibyl::sql::server {

// How long a statement may keep its loop is between one and two of these.
constexpr auto kLookEvery = std::chrono::milliseconds(5);

// After so many looks without any SQL the watcher sleeps, until there is some; then a statement
// that begins while it falls asleep is seen after kSleepsAtMost.
constexpr int kLooksInVain = 20;
constexpr auto kSleepsAtMost = std::chrono::seconds(1);

struct LoopThread {
  EventLoops* owner = nullptr;
  std::thread thread;
  EventLoop* loop = nullptr;  // what it runs; null while spare. Guarded by EventLoops::mutex_
  uint64_t turn = 0;
  std::atomic<uint64_t> work{0};  // odd inside LongWork, different each time
};

namespace {

// The thread's own record, so that LongWork needs no argument wherever SQL runs. Null in threads
// that serve no loop.
thread_local LoopThread* this_thread = nullptr;

void NextWork() {
  if (this_thread == nullptr) return;
  std::atomic<uint64_t>& work = this_thread->work;  // written by this thread alone
  work.store(work.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

LongWork::LongWork() {
  NextWork();
  if (this_thread != nullptr && this_thread->owner->watcher_sleeps_.load(std::memory_order_relaxed))
    this_thread->owner->WakeWatcher();
}
LongWork::~LongWork() { NextWork(); }

EventLoops::EventLoops(size_t loops, size_t max_threads) : max_threads_(max_threads) {
  for (size_t i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<EventLoop>());
    const std::lock_guard lock(mutex_);
    GiveTo(loops_.back().get(), TakeSpareThread());
  }
  if (max_threads > loops) watcher_ = std::thread([this] { Watch(); });
}

EventLoops::~EventLoops() { Stop(); }

EventLoop& EventLoops::Next() {
  return *loops_[next_loop_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

void EventLoops::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  watch_goes_on_.notify_all();
  assigned_.notify_all();
  for (const auto& loop : loops_) loop->io_.stop();
  if (watcher_.joinable()) watcher_.join();
  for (const auto& thread : threads_) thread->thread.join();  // nobody adds threads any more
}

// Precondition: mutex_ is held.
void EventLoops::GiveTo(EventLoop* loop, LoopThread* thread) {
  thread->loop = loop;
  thread->turn = loop->turn_.load(std::memory_order_relaxed) + 1;
  loop->thread_.store(thread, std::memory_order_relaxed);
  loop->turn_.store(thread->turn, std::memory_order_release);
  assigned_.notify_all();
}

// A thread without a loop, or null if there are as many as may be. Precondition: mutex_ is held.
LoopThread* EventLoops::TakeSpareThread() {
  if (!spare_.empty()) {
    LoopThread* thread = spare_.back();
    spare_.pop_back();
    return thread;
  }
  if (threads_.size() >= max_threads_ && threads_.size() >= loops_.size()) return nullptr;
  threads_.push_back(std::make_unique<LoopThread>());
  LoopThread* thread = threads_.back().get();
  thread->owner = this;
  thread->thread = std::thread([this, thread] { RunThread(thread); });
  thread_count_.store(threads_.size(), std::memory_order_relaxed);
  return thread;
}

void EventLoops::RunThread(LoopThread* self) {
  this_thread = self;
  std::unique_lock lock(mutex_);
  for (;;) {
    assigned_.wait(lock, [&] { return stopping_ || self->loop != nullptr; });
    if (stopping_) return;
    EventLoop* const loop = self->loop;
    const uint64_t turn = self->turn;
    lock.unlock();
    Run(loop, turn);
    lock.lock();
    if (stopping_) return;
    self->loop = nullptr;  // it was taken away
    spare_.push_back(self);
  }
}

// Until the loop is taken away or stops.
void EventLoops::Run(EventLoop* loop, uint64_t turn) {
  WakefulWait wait;
  bool waits = false;
  const auto end_wait = [&](bool slept) {
    if (!waits) return;
    const uint64_t now_ns = base::NowNs();
    wait.End(now_ns, slept);
    if (wait.is_quick()) KeepOthersAwake(loop, now_ns);
    waits = false;
  };
  while (loop->turn_.load(std::memory_order_acquire) == turn) {
    if (loop->io_.poll_one() > 0) {
      end_wait(false);
      continue;
    }
    if (loop->io_.stopped()) return;
    waits = true;
    const uint64_t now_ns = base::NowNs();
    if (wait.GoesOn(now_ns, wanted_until_ns_.load(std::memory_order_relaxed))) {
      std::this_thread::yield();
      continue;
    }
    loop->leaves_until_ns_.store(wait.leaves_until_ns(), std::memory_order_relaxed);
    loop->sleeps_.store(true, std::memory_order_relaxed);
    const bool has_run = loop->io_.run_one() > 0;
    loop->sleeps_.store(false, std::memory_order_relaxed);
    if (has_run) end_wait(true);
  }
}

// A loop's clients are quick. On a machine with two processors the other one is where a client
// runs, or another loop for which this one's transaction has to end: if that processor goes idle
// after each message, waking it takes longer than all else. So the other loop stays awake as well.
// Larger machines have processors to spare, and nothing would be gained. Nor is there anything to
// gain where sessions have come to take turns: then only one processor is busy at a time.
void EventLoops::KeepOthersAwake(EventLoop* loop, uint64_t now_ns) {
  if (loops_.size() != 2 || loop->guests() > 0) return;
  const uint64_t wanted_until_ns = wanted_until_ns_.load(std::memory_order_relaxed);
  if (wanted_until_ns > now_ns + WakefulWait::kMostNs / 2) return;
  wanted_until_ns_.store(now_ns + WakefulWait::kMostNs, std::memory_order_relaxed);
  EventLoop* const other = loops_[loops_[0].get() == loop ? 1 : 0].get();
  const bool sleeps = other->sleeps_.load(std::memory_order_relaxed);
  const bool has_left = now_ns < other->leaves_until_ns_.load(std::memory_order_relaxed);
  if (sleeps && !has_left) asio::post(other->io_, [] {});
}

void EventLoops::Watch() {
  std::unique_lock lock(mutex_);
  int looks_in_vain = 0;
  while (!stopping_) {
    if (looks_in_vain < kLooksInVain) {
      watch_goes_on_.wait_for(lock, kLookEvery, [&] { return stopping_; });
    } else {
      watcher_sleeps_ = true;
      watch_goes_on_.wait_for(lock, kSleepsAtMost, [&] { return stopping_ || !watcher_sleeps_; });
      watcher_sleeps_ = false;
    }
    looks_in_vain = LookAtLoops() ? 0 : looks_in_vain + 1;
  }
}

void EventLoops::WakeWatcher() {
  const std::lock_guard lock(mutex_);
  watcher_sleeps_ = false;
  watch_goes_on_.notify_all();
}

// True: there was SQL since the last look. Precondition: mutex_ is held.
bool EventLoops::LookAtLoops() {
  bool any_work = false;
  for (const auto& loop : loops_) {
    const LoopThread* thread = loop->thread_.load(std::memory_order_relaxed);
    const uint64_t work = thread->work.load(std::memory_order_relaxed);
    const bool is_stuck = work % 2 == 1 && work == loop->seen_work_;
    any_work = any_work || work % 2 == 1 || work != loop->seen_work_;
    loop->seen_work_ = work;
    if (is_stuck && HandOver(loop.get())) loop->seen_work_ = 0;
  }
  return any_work;
}

// False if there is no thread to be had. Precondition: mutex_ is held.
bool EventLoops::HandOver(EventLoop* loop) {
  LoopThread* thread = TakeSpareThread();
  if (thread == nullptr) return false;
  GiveTo(loop, thread);
  return true;
}

}  // namespace sibyl::sql::server
