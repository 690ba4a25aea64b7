#include "engine/registry.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/status_macros.h"
#include "engine/database_impl.h"

namespace sibyl::engine {

namespace {

// RocksDB's static objects, when exit() destroys them, wait for a thread that the child does not
// have.
void EndProcess(int status, void*) {
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

Registry& Registry::Instance() {
  // Never destroyed: databases may outlive static destruction.
  static Registry* const registry = new Registry();
  return *registry;
}

Registry::Registry() {
  // Nobody may be inside the registry at the moment of the fork.
  pthread_atfork([] { Instance().mutex_.lock(); }, [] { Instance().mutex_.unlock(); },
                 [] {
                   Instance().ForgetAllInChild();
                   Instance().mutex_.unlock();
                 });
}

void Registry::ForgetAllInChild() {
  for (auto& [id, entry] : entries_) {
    if (entry.database != nullptr) entry.database->MarkInherited();
  }
  if (!entries_.empty()) on_exit(EndProcess, nullptr);
  entries_.clear();
}

// exit() destroys the static objects of RocksDB, which a running background thread still uses.
void Registry::EndBackgroundWork() {
  std::vector<std::shared_ptr<DatabaseImpl>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (auto database = entry.handle.lock()) open.push_back(std::move(database));
    }
  }
  for (const auto& database : open) database->EndBackgroundWork();
}

// Handlers run in reverse order: this one, registered when everything that a database uses has been
// constructed, runs before any of it is destroyed. Running it twice is fine.
void Registry::EndBackgroundWorkAtExit(std::once_flag* registered) {
  std::call_once(*registered, [] { std::atexit([] { Instance().EndBackgroundWork(); }); });
}

void Registry::NoteLogOpened() { EndBackgroundWorkAtExit(&exit_handler_of_logs_); }

Result<std::shared_ptr<DatabaseImpl>> Registry::OpenOnce(
    const std::filesystem::path& directory,
    const std::function<Result<std::unique_ptr<DatabaseImpl>>()>& open) {
  SIBYL_ASSIGN_OR_RETURN(auto identity, base::FileIdentity::Of(directory));
  const FileId id = identity.id();
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto found = entries_.find(id);
      if (found == entries_.end()) break;
      if (auto database = found->second.handle.lock()) return database;
      changed_.wait(lock);  // it is being opened or closed
    }
    entries_[id].identity = std::move(identity);
  }
  auto opened = open();
  if (opened) return Publish(id, std::move(*opened));
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
  changed_.notify_all();
  return std::move(opened).error();
}

std::shared_ptr<DatabaseImpl> Registry::Publish(FileId id, std::unique_ptr<DatabaseImpl> database) {
  std::shared_ptr<DatabaseImpl> handle(database.release(),
                                       [this, id](DatabaseImpl* last) { Close(id, last); });
  EndBackgroundWorkAtExit(&exit_handler_);
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[id];
  entry.database = handle.get();
  entry.handle = handle;
  changed_.notify_all();
  return handle;
}

void Registry::Close(FileId id, DatabaseImpl* database) {
  bool registered = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    // In a child process the entry is gone, or belongs to the child's own database.
    registered = found != entries_.end() && found->second.database == database;
    // A child that is forked from here on must not touch what is being destroyed.
    if (registered) found->second.database = nullptr;
  }
  delete database;
  if (!registered) return;
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
  changed_.notify_all();
}

}  // namespace sibyl::engine
