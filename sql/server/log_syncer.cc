#include "sql/server/log_syncer.h"

namespace sibyl::sql::server {

void LogSyncer::Add(Place place) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(place));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_one();
}

void LogSyncer::Run() {
  std::vector<Place> served;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    served.swap(queue_);
    lock.unlock();
    const Database* synced = nullptr;  // there are two only while a broken one is opened again
    Status status = Ok();
    for (Place& place : served) {
      if (place.database.get() != synced) status = place.database->Sync();
      synced = place.database.get();
      *place.status = status;
      place.loop->Resume(place.coroutine);
    }
    served.clear();
    lock.lock();
  }
}

void LogSyncer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sibyl::sql::server
