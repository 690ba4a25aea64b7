// Goal: a process killed at any moment loses nothing that was acknowledged, and nothing is torn.
// Method: a child writes numbered batches and reports each acknowledged number through a pipe; the
// parent kills it at a random moment, reopens and demands exactly a prefix of the batches that
// includes every acknowledged one. A batch writes to three trees: a plain one, one with a merge
// operator, one whose records expire; the number of the batch is the time. Background work runs all
// the time. SIBYL_KILLS sets the count.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

constexpr uint64_t kSlots = 500;  // keys that batches overwrite in turn
constexpr uint64_t kLists = 40;   // keys that batches append to
constexpr uint64_t kSessions = 300;
constexpr uint64_t kTtlBatches = 150;  // less than two writes of a session are apart

Options CrashOptions(const std::atomic<uint64_t>* now) {
  Options options = SmallOptions();
  options.generation_bytes = 32 << 10;
  options.transaction_memory_bytes = 16 << 10;
  options.range_deletion_keys = 10;
  options.clock_seconds = [now] { return now->load(); };
  return options;
}

struct Trees {
  Tree lists;     // with the operator "append"
  Tree sessions;  // with a time to live
};

Result<Tree> FindOrCreate(Database& database, std::string_view name, const TreeOptions& options) {
  const auto found = database.FindTree(name);
  if (!found) return found.error();
  return *found ? **found : database.CreateTree(name, options);
}

Result<Trees> FindOrCreateTrees(Database& database) {
  const auto lists = FindOrCreate(database, "lists", {.merge_operator = "append"});
  if (!lists) return lists.error();
  const auto sessions = FindOrCreate(database, "sessions", {.ttl_seconds = kTtlBatches});
  if (!sessions) return sessions.error();
  return Trees{*lists, *sessions};
}

// Every twentieth batch is a transaction that outgrows its memory: it is committed in segments.
bool IsLarge(uint64_t number) { return number % 20 == 13; }

std::string LargeValue(uint64_t number, uint64_t slot) {
  return std::to_string(number) + "/" + std::to_string(slot) + std::string(100, 'L');
}

// Every seventeenth batch deletes a quarter of the slots, as a range, and puts two of them again;
// some lists, few enough to be deleted one by one, or not; and all sessions from one on.
bool IsRange(uint64_t number) { return number % 17 == 5; }

struct KeyNumbers {
  uint64_t begin;
  uint64_t end;
};
KeyNumbers SlotsDeletedBy(uint64_t number) {
  const uint64_t begin = number * 37 % kSlots;
  return {begin, begin + kSlots / 4};
}
KeyNumbers ListsDeletedBy(uint64_t number) {
  const uint64_t begin = number % kLists;
  return {begin, begin + 5 + number % 10};
}

// What every batch does besides: a list begins anew or grows, a session is written.
bool BeginsList(uint64_t number) { return number % 90 < 5; }
bool WritesSession(uint64_t number) { return number % 3 == 1; }
std::string ListPart(uint64_t number) { return std::to_string(number) + ","; }

template <typename Writer>
bool WriteOthers(Writer& writer, const Trees& trees, uint64_t number) {
  const std::string list = BigEndianKey(number % kLists);
  const Status listed = BeginsList(number) ? writer.Put(trees.lists, list, ListPart(number))
                                           : writer.Merge(trees.lists, list, ListPart(number));
  if (!listed) return false;
  return !WritesSession(number) ||
         writer.Put(trees.sessions, BigEndianKey(number % kSessions), std::to_string(number));
}

bool WriteLarge(Database& database, const Trees& trees, uint64_t number) {
  auto transaction = database.BeginTransaction();
  if (!transaction) return false;
  for (uint64_t slot = 0; slot < kSlots; slot += 2) {
    const std::string value = LargeValue(number, slot);
    if (!(*transaction)->Put(kDefaultTree, BigEndianKey(slot), value)) return false;
    if (!(*transaction)->Merge(trees.lists, BigEndianKey(slot % kLists), "L")) return false;
  }
  return WriteOthers(**transaction, trees, number) &&
         (*transaction)->Put(kDefaultTree, "counter", std::to_string(number)) &&
         (*transaction)->Commit();
}

bool WriteRange(Database& database, const Trees& trees, uint64_t number) {
  const auto [begin, end] = SlotsDeletedBy(number);
  const auto [first_list, past_lists] = ListsDeletedBy(number);
  const std::string first_session = BigEndianKey(number % kSessions);
  WriteBatch batch;
  return batch.Put(BigEndianKey(begin + 1), "before") &&
         batch.DeleteRange(kDefaultTree, BigEndianKey(begin), BigEndianKey(end)) &&
         batch.Put(BigEndianKey(begin), "range") && batch.Put(BigEndianKey(end - 1), "range") &&
         batch.DeleteRange(trees.lists, BigEndianKey(first_list), BigEndianKey(past_lists)) &&
         batch.DeleteRange(trees.sessions, first_session, std::nullopt) &&
         WriteOthers(batch, trees, number) && batch.Put("counter", std::to_string(number)) &&
         database.Write({}, batch);
}

// Batch n sets slot n % kSlots and the counter, together; every seventh batch is a transaction that
// also deletes a slot, every hundredth is followed by a compaction.
bool WriteNumbered(Database& database, const Trees& trees, uint64_t number) {
  if (IsLarge(number)) return WriteLarge(database, trees, number);
  if (IsRange(number)) return WriteRange(database, trees, number);
  const std::string text = std::to_string(number);
  const std::string slot = BigEndianKey(number % kSlots);
  if (number % 7 == 0) {
    auto transaction = database.BeginTransaction();
    if (!transaction) return false;
    const std::string victim = BigEndianKey((number + 1) % kSlots);
    return (*transaction)->Put(kDefaultTree, slot, text + std::string(number % 200, '.')) &&
           (*transaction)->Delete(kDefaultTree, victim) &&
           WriteOthers(**transaction, trees, number) &&
           (*transaction)->Put(kDefaultTree, "counter", text) && (*transaction)->Commit();
  }
  WriteBatch batch;
  const bool built = batch.Put(slot, text + std::string(number % 200, '.')).has_value() &&
                     WriteOthers(batch, trees, number) && batch.Put("counter", text).has_value();
  if (!built || !database.Write({.sync = number % 50 == 0}, batch)) return false;
  return number % 100 != 0 || database.Compact().has_value();
}

// What is there after a number of batches.
class ExpectedState {
 public:
  void AdvanceTo(uint64_t number) {
    for (uint64_t n = number_ + 1; n <= number; ++n) Apply(n);
    number_ = number;
    if (number > 0) slots_["counter"] = std::to_string(number);
  }

  Records Slots() const { return {slots_.begin(), slots_.end()}; }
  Records Lists() const { return {lists_.begin(), lists_.end()}; }
  Records SessionsAt(uint64_t now) const {
    Records alive;
    for (const auto& [key, number] : sessions_) {
      if (number + kTtlBatches > now) alive.emplace_back(key, std::to_string(number));
    }
    return alive;
  }

 private:
  template <typename Map>
  static void Erase(Map* map, uint64_t begin, uint64_t end) {
    map->erase(map->lower_bound(BigEndianKey(begin)), map->lower_bound(BigEndianKey(end)));
  }

  void Apply(uint64_t n) {
    if (IsLarge(n)) {
      for (uint64_t slot = 0; slot < kSlots; slot += 2) {
        slots_[BigEndianKey(slot)] = LargeValue(n, slot);
        lists_[BigEndianKey(slot % kLists)] += "L";
      }
    } else if (IsRange(n)) {
      const auto [begin, end] = SlotsDeletedBy(n);
      Erase(&slots_, begin, end);
      slots_[BigEndianKey(begin)] = slots_[BigEndianKey(end - 1)] = "range";
      Erase(&lists_, ListsDeletedBy(n).begin, ListsDeletedBy(n).end);
      Erase(&sessions_, n % kSessions, kSessions);
    } else {
      slots_[BigEndianKey(n % kSlots)] = std::to_string(n) + std::string(n % 200, '.');
      if (n % 7 == 0) slots_.erase(BigEndianKey((n + 1) % kSlots));
    }
    std::string& list = lists_[BigEndianKey(n % kLists)];
    list = BeginsList(n) ? ListPart(n) : list + ListPart(n);
    if (WritesSession(n)) sessions_[BigEndianKey(n % kSessions)] = n;
  }

  uint64_t number_ = 0;
  std::map<std::string, std::string> slots_;
  std::map<std::string, std::string> lists_;
  std::map<std::string, uint64_t> sessions_;  // the batch that wrote it last
};

[[noreturn]] void RunChild(const std::filesystem::path& path, int report) {
  std::atomic<uint64_t> now = 0;
  const auto database = Database::Open(CrashOptions(&now), path);
  if (!database) _exit(2);
  const auto counter = (*database)->Get("counter");
  const auto trees = FindOrCreateTrees(**database);
  if (!counter || !trees) _exit(3);
  for (uint64_t number = *counter ? std::stoull(**counter) + 1 : 1;; ++number) {
    now = number;
    if (!WriteNumbered(**database, *trees, number)) _exit(4);
    if (write(report, &number, sizeof(number)) != sizeof(number)) _exit(5);
  }
}

uint64_t ReadLastAcknowledged(int report, uint64_t last) {
  uint64_t number = 0;
  while (read(report, &number, sizeof(number)) == sizeof(number)) last = number;
  return last;
}

// Runs a child that goes on with the database, kills it, and returns the last number it
// acknowledged; `acknowledged` if none.
uint64_t RunAndKill(const std::filesystem::path& path, std::chrono::microseconds patience,
                    uint64_t acknowledged) {
  int report[2];
  REQUIRE(pipe(report) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(report[0]);
    RunChild(path, report[1]);
  }
  close(report[1]);
  std::thread killer([child, patience] {
    std::this_thread::sleep_for(patience);
    kill(child, SIGKILL);
  });
  acknowledged = ReadLastAcknowledged(report[0], acknowledged);
  killer.join();
  close(report[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  return acknowledged;
}

// Returns how many batches are there.
uint64_t ReopenAndCheck(const std::filesystem::path& path, uint64_t acknowledged,
                        ExpectedState* expected) {
  std::atomic<uint64_t> now = 0;
  const auto database = Must(Database::Open(CrashOptions(&now), path));
  const Trees trees = Must(FindOrCreateTrees(*database));
  const auto counter = Must(database->Get("counter"));
  const uint64_t found = counter ? std::stoull(*counter) : 0;
  CHECK(found >= acknowledged);
  CHECK(found <= acknowledged + 1);  // one batch may have been on its way to the pipe
  expected->AdvanceTo(found);
  now = found + 1;  // as late as it may have been for the child: what had expired may be gone
  REQUIRE(Everything(*database) == expected->Slots());
  REQUIRE(Everything(*database, trees.lists) == expected->Lists());
  REQUIRE(Everything(*database, trees.sessions) == expected->SessionsAt(now));
  REQUIRE(Must(database->Verify()).ok());
  return found;
}

TEST_CASE("kill -9 at any moment keeps every acknowledged batch", "[engine][crash]") {
  const char* kills_text = std::getenv("SIBYL_KILLS");
  const int kills = kills_text == nullptr ? 25 : std::atoi(kills_text);
  TemporaryDirectory directory;
  const auto path = directory.path() / "db";
  std::mt19937_64 random(11);
  uint64_t found = 0;
  ExpectedState expected;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    INFO("kill " << kill_number << " of " << kills);
    const auto patience = std::chrono::microseconds(5'000 + random() % 400'000);
    found = ReopenAndCheck(path, RunAndKill(path, patience, found), &expected);
  }
  CHECK(found > 0);
}

}  // namespace
}  // namespace sibyl::testing
