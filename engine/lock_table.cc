#include "engine/lock_table.h"

#include <algorithm>
#include <cassert>

namespace sibyl::engine {

namespace {

// A longer timeout means forever, and would overflow the clock.
constexpr std::chrono::nanoseconds kLongestWait = std::chrono::hours(24 * 365);

}  // namespace

bool LockTable::Lock(std::string_view key, const void* owner, std::chrono::nanoseconds timeout) {
  Shard& shard = ShardOf(key);
  const auto deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongestWait);
  std::unique_lock lock(shard.mutex);
  const auto can_take = [&] {
    const auto found = shard.owners.find(std::string(key));
    return found == shard.owners.end() || found->second == owner;
  };
  if (!shard.released.wait_until(lock, deadline, can_take)) return false;
  shard.owners[std::string(key)] = owner;
  return true;
}

void LockTable::Unlock(std::string_view key) {
  Shard& shard = ShardOf(key);
  {
    const std::lock_guard lock(shard.mutex);
    [[maybe_unused]] const size_t erased = shard.owners.erase(std::string(key));
    assert(erased == 1);
  }
  shard.released.notify_all();
}

}  // namespace sibyl::engine
