// SQLite's mutexes, made so that a connection which only one thread uses locks without a locked
// instruction.
//
// Every call of SQLite's interface locks its connection: binding a value, stepping, reading a column.
// With two locked instructions each that was a tenth of the time of a range scan, as soon as the
// process has a second thread, which it has with our engine.

#include <sqlite3.h>

#include <new>

#include "base/biased_mutex.h"

struct sqlite3_mutex {
  explicit sqlite3_mutex(bool biased) : mutex(biased) {}
  sibyl::base::BiasedMutex mutex;
};

namespace {

constexpr int kStaticKinds = SQLITE_MUTEX_STATIC_VFS3 - SQLITE_MUTEX_STATIC_MAIN + 1;

// SQLite asks for its static mutexes by number, at any time.
sqlite3_mutex* StaticMutex(int kind) {
  struct Shared : sqlite3_mutex {
    Shared() : sqlite3_mutex(false) {}
  };
  static Shared mutexes[kStaticKinds];
  const int index = kind - SQLITE_MUTEX_STATIC_MAIN;
  return index >= 0 && index < kStaticKinds ? &mutexes[index] : nullptr;
}

int DoNothing() { return SQLITE_OK; }

// Recursive ones are those of connections.
sqlite3_mutex* Allocate(int kind) {
  if (kind != SQLITE_MUTEX_FAST && kind != SQLITE_MUTEX_RECURSIVE) return StaticMutex(kind);
  return new (std::nothrow) sqlite3_mutex(kind == SQLITE_MUTEX_RECURSIVE);
}

void Free(sqlite3_mutex* mutex) { delete mutex; }
void Enter(sqlite3_mutex* mutex) { mutex->mutex.lock(); }
int Try(sqlite3_mutex* mutex) { return mutex->mutex.try_lock() ? SQLITE_OK : SQLITE_BUSY; }
void Leave(sqlite3_mutex* mutex) { mutex->mutex.unlock(); }

}  // namespace

extern "C" const sqlite3_mutex_methods* sibyl_mutex_methods() {
  static constexpr sqlite3_mutex_methods kMethods = {
      DoNothing, DoNothing, Allocate, Free, Enter, Try, Leave, nullptr, nullptr};
  return &kMethods;
}
