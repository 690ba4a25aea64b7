// Goal: no failing call of the file system, no full disk and no power cut loses an acknowledged
// write, shows one that was refused, or crashes.
// Method: one scenario that passes through draining, compaction, ingestion and closing, in a plain
// tree and in trees with rules, is run again and again, each time with another call failing; then
// the database is reopened on a healthy disk and compared with a model of what was acknowledged. By
// default some of the calls; with SIBYL_EVERY_CALL=1 each.

#include <cstdlib>
#include <map>
#include <optional>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

// What was acknowledged. The trees with rules are there if they could be made.
struct Model {
  std::map<std::string, std::string> plain;  // the default tree
  std::optional<std::map<std::string, std::string>> joined;
  std::optional<std::map<std::string, std::string>> lasting;
};

constexpr char kJoinedTree[] = "joined";    // operands are appended
constexpr char kLastingTree[] = "lasting";  // has a time to live; the clock stands still

Records RecordsOf(const std::map<std::string, std::string>& records) {
  return {records.begin(), records.end()};
}

Options FaultOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;  // the same calls in the same order every time
  options.generation_bytes = 8 << 10;
  options.first_level_bytes = 16 << 10;
  options.transaction_memory_bytes = 16 << 10;
  options.range_deletion_keys = 10;
  options.clock_seconds = [] { return uint64_t{1000}; };
  return options;
}

// From one failing call to the next, for so many runs over all calls.
uint64_t Stride(uint64_t calls, uint64_t runs) {
  return std::getenv("SIBYL_EVERY_CALL") != nullptr ? 1 : 1 + calls / runs;
}

// Some records of the trees with rules, which exist from the first round on if they can be made.
void WriteByRules(MemoryLogDatabase& database, int round, Model* model) {
  const auto tree = [&](const char* name, const TreeOptions& options, auto* records) {
    if (!*records && database->CreateTree(name, options)) records->emplace();
    return *records ? Must(database->FindTree(name)) : std::nullopt;
  };
  TreeOptions appending;
  appending.merge_operator = "append";
  if (const auto joined = tree(kJoinedTree, appending, &model->joined)) {
    for (uint64_t i = 0; i < 40; ++i) {
      const std::string key = BigEndianKey(i * 3);
      const std::string operand = std::to_string(round) + std::string(50, ',');
      if (database->Merge(*joined, key, operand)) (*model->joined)[key] += operand;
    }
  }
  TreeOptions expiring;
  expiring.ttl_seconds = 3600;
  if (const auto lasting = tree(kLastingTree, expiring, &model->lasting)) {
    for (uint64_t i = 0; i < 40; ++i) {
      const std::string key = BigEndianKey(i * 2);
      const std::string value = "until later " + std::to_string(round);
      if (database->Put(*lasting, key, value)) (*model->lasting)[key] = value;
    }
  }
}

// Writes, drains, compacts and ingests; whatever fails is left out of the model. Half of the runs,
// by `encoded`, with blocks compressed and packed.
void RunScenario(MemoryLogDatabase& database, Model* model, bool encoded = false) {
  if (encoded) (void)database->SetTreeOptions(kDefaultTree, {Compression::kLz4, true});
  const auto put = [&](uint64_t number, const std::string& value) {
    const std::string key = BigEndianKey(number);
    if (database->Put(key, value)) model->plain[key] = value;
  };
  for (uint64_t i = 0; i < 120; ++i) put(i * 7, "first " + std::string(100, 'a'));
  WriteByRules(database, 1, model);
  (void)database->Flush();
  for (uint64_t i = 0; i < 120; ++i) put(i * 5, "second " + std::string(100, 'b'));
  WriteByRules(database, 2, model);
  (void)database->Compact();
  Records records;
  for (uint64_t i = 0; i < 50; ++i) records.emplace_back(BigEndianKey(i * 11), "ingested");
  if (database->Ingest(kDefaultTree, SourceOf(records))) {
    for (const auto& [key, value] : records) model->plain[key] = value;
  }
  for (uint64_t i = 0; i < 30; ++i) {
    const std::string key = BigEndianKey(i * 14);
    if (database->Delete(key)) model->plain.erase(key);
  }
  put(3, std::string(100 << 10, 'o'));  // out of line
  const std::string begin = BigEndianKey(200);
  const std::string end = BigEndianKey(500);
  if (database->DeleteRange({}, kDefaultTree, begin, end)) {
    model->plain.erase(model->plain.lower_bound(begin), model->plain.lower_bound(end));
  }
  put(301, "after the range");
  WriteByRules(database, 3, model);
  (void)database->Flush();
}

void CheckTree(Database& database, const char* name,
               const std::optional<std::map<std::string, std::string>>& model) {
  INFO("tree " << name);
  const auto tree = Must(database.FindTree(name));
  REQUIRE(tree.has_value() == model.has_value());
  if (tree) REQUIRE(Everything(database, *tree) == RecordsOf(*model));
}

void CheckVisible(Database& database, const Model& model) {
  REQUIRE(Everything(database) == RecordsOf(model.plain));
  CheckTree(database, kJoinedTree, model.joined);
  CheckTree(database, kLastingTree, model.lasting);
}

void CheckAgainst(MemoryLogDatabase& database, const Model& model) {
  Must(database.Open());
  CheckVisible(*database, model);
  REQUIRE(Must(database->Verify()).problems == std::vector<std::string>{});
}

uint64_t CallsOfScenario(const Options& options = FaultOptions(), bool encoded = false) {
  MemoryLogDatabase database(options);
  Must(database.Open());
  const uint64_t before = database.files().calls();
  Model model;
  RunScenario(database, &model, encoded);
  database.Close();
  return database.files().calls() - before;
}

TEST_CASE("one failing call anywhere loses nothing", "[engine][fault]") {
  const bool encoded = GENERATE(false, true);
  Options options = FaultOptions();
  if (encoded) options.read_mode = ReadMode::kPread;  // whose reads can fail
  const uint64_t calls = CallsOfScenario(options, encoded);
  REQUIRE(calls > 100);
  for (uint64_t failing = 1; failing <= calls; failing += Stride(calls, 60)) {
    INFO("encoded " << encoded << ", call " << failing << " of " << calls);
    MemoryLogDatabase database(options);
    Must(database.Open());
    const uint64_t call = database.files().calls() + failing;
    database.files().FailCalls(call, call);
    Model model;
    RunScenario(database, &model, encoded);
    if (encoded) database.files().FailCalls(1, 0);  // reading everything back needs the disk
    CheckVisible(*database, model);
    database.Close();
    CheckAgainst(database, model);
  }
}

TEST_CASE("a disk that dies, and a power cut, lose nothing", "[engine][fault]") {
  const bool power_cut = GENERATE(false, true);
  const uint64_t calls = CallsOfScenario();
  for (uint64_t failing = 1; failing <= calls; failing += Stride(calls, 40)) {
    INFO("power cut " << power_cut << ", from call " << failing << " of " << calls);
    MemoryLogDatabase database(FaultOptions());
    Must(database.Open());
    database.files().FailCalls(database.files().calls() + failing, UINT64_MAX);
    Model model;
    RunScenario(database, &model);
    database.Close();
    if (power_cut) {
      database.files().PowerCut();
    } else {
      database.files().FailCalls(1, 0);
    }
    CheckAgainst(database, model);
  }
}

TEST_CASE("an ingestion that sorts on disk fails cleanly at every call", "[engine][fault]") {
  Options options = FaultOptions();
  options.segment_bytes = 64 << 10;
  Records records;
  Model model;
  for (uint64_t i = 0; i < 3000; ++i) {
    records.emplace_back(BigEndianKey(i * 7919 % 2500), std::to_string(i) + std::string(90, 's'));
    model.plain[records.back().first] = records.back().second;
  }
  bool ingested = false;
  for (uint64_t failing = 1; !ingested; failing += Stride(400, 100)) {
    INFO("call " << failing);
    MemoryLogDatabase database(options);
    Must(database.Open());
    const uint64_t call = database.files().calls() + failing;
    database.files().FailCalls(call, call);
    ingested = database->Ingest(kDefaultTree, SourceOf(records)).has_value();
    database.files().FailCalls(1, 0);
    REQUIRE(Everything(*database) == (ingested ? RecordsOf(model.plain) : Records{}));
    database.Close();
    CheckAgainst(database, ingested ? model : Model{});
    for (const std::string& name : Must(database.files().List(database.path() / "segments"))) {
      REQUIRE(name.ends_with(".segment"));
    }
  }
}

// A transaction that spills, creates a tree, and rolls back to a savepoint in what it spilled.
bool RunSpillingTransaction(MemoryLogDatabase& database, Model* model) {
  const auto run = [&]() -> Status {
    auto transaction = database->BeginTransaction();
    if (!transaction) return std::move(transaction).error();
    Transaction& writes = **transaction;
    auto tree = writes.CreateTree("made");
    if (!tree) return std::move(tree).error();
    uint64_t savepoint = 0;
    for (uint64_t i = 0; i < 500; ++i) {
      if (i == 200) savepoint = writes.Savepoint();
      const Status put = writes.Put(kDefaultTree, BigEndianKey(i * 7919 % 400), "spilled");
      if (!put) return put;
      if (const Status also = writes.Put(*tree, BigEndianKey(i), "made"); !also) return also;
    }
    if (const Status back = writes.RollbackTo(savepoint); !back) return back;
    for (uint64_t i = 0; i < 300; ++i) {
      const Status put = writes.Put(kDefaultTree, BigEndianKey(i * 3), "again");
      if (!put) return put;
    }
    return writes.Commit();
  };
  if (!run()) return false;
  for (uint64_t i = 0; i < 200; ++i) model->plain[BigEndianKey(i * 7919 % 400)] = "spilled";
  for (uint64_t i = 0; i < 300; ++i) model->plain[BigEndianKey(i * 3)] = "again";
  return true;
}

uint64_t CallsOfSpillingTransaction() {
  MemoryLogDatabase database(FaultOptions());
  Must(database.Open());
  const uint64_t before = database.files().calls();
  Model model;
  REQUIRE(RunSpillingTransaction(database, &model));
  return database.files().calls() - before;
}

TEST_CASE("a transaction that spills is committed whole or not at all, at every failing call",
          "[engine][fault]") {
  enum Fault { kOneCall, kDeadDisk, kPowerCut, kManifest };
  const auto fault = GENERATE(kOneCall, kDeadDisk, kPowerCut, kManifest);
  static const uint64_t calls = CallsOfSpillingTransaction();
  bool committed = false;
  for (uint64_t failing = 1; !committed; failing += Stride(calls, 12)) {
    INFO("fault " << fault << ", call " << failing << " of about " << calls);
    MemoryLogDatabase database(FaultOptions());
    Must(database.Open());
    Model model;
    RunScenario(database, &model);
    const uint64_t call = database.files().calls() + failing;
    if (fault == kManifest) database.log_faults().fail_manifest = true;
    if (fault != kManifest) database.files().FailCalls(call, fault == kOneCall ? call : UINT64_MAX);
    committed = RunSpillingTransaction(database, &model);
    if (fault == kOneCall) CheckVisible(*database, model);
    database.Close();
    if (fault == kPowerCut) {
      database.files().PowerCut();
    } else {
      database.files().FailCalls(1, 0);
    }
    Must(database.Open());
    const auto tree = Must(database->FindTree("made"));
    if (fault == kManifest) {  // the worst case: it failed, and is there
      REQUIRE(tree.has_value());
      break;
    }
    REQUIRE(tree.has_value() == committed);
    CheckVisible(*database, model);
    if (tree) REQUIRE(Everything(*database, *tree).size() == 200);
    REQUIRE(Must(database->Verify()).problems == std::vector<std::string>{});
    for (const std::string& name : Must(database.files().List(database.path() / "segments"))) {
      REQUIRE(name.ends_with(".segment"));
    }
  }
}

TEST_CASE("opening fails cleanly at every call", "[engine][fault]") {
  const bool existing = GENERATE(false, true);
  for (uint64_t failing = 1;; ++failing) {
    INFO("existing " << existing << ", call " << failing);
    MemoryLogDatabase database(FaultOptions());
    Model model;
    if (existing) {
      Must(database.Open());
      RunScenario(database, &model);
      database.Close();
    }
    const uint64_t call = database.files().calls() + failing;
    database.files().FailCalls(call, call);
    const bool opened = database.Open().has_value();
    database.Close();
    database.files().FailCalls(1, 0);
    CheckAgainst(database, model);
    if (opened) break;  // the failing call came after the opening
    failing += existing ? Stride(60, 20) - 1 : 0;
  }
}

TEST_CASE("a full disk is an error, and goes away with the cause", "[engine][fault]") {
  MemoryLogDatabase database(FaultOptions());
  Must(database.Open());
  Model model;
  RunScenario(database, &model);
  database.files().SetFreeBytes(2000);
  const auto compacted = database->Compact();
  REQUIRE_FALSE(compacted);
  CHECK(compacted.error().code == ErrorCode::kIo);
  CheckVisible(*database, model);
  // Writes go on until the delta is full, then say why they cannot.
  Status written = Ok();
  for (uint64_t i = 0; i < 2000 && written; ++i) {
    const std::string key = BigEndianKey(i);
    written = database->Put(key, std::string(100, 'x'));
    if (written) model.plain[key] = std::string(100, 'x');
  }
  REQUIRE_FALSE(written);
  CHECK(written.error().code == ErrorCode::kIo);
  database.files().SetFreeBytes(std::nullopt);
  Must(database->Put("after", "the disk has room again"));
  model.plain["after"] = "the disk has room again";
  Must(database->Compact());
  CheckVisible(*database, model);
  database.Close();
  CheckAgainst(database, model);
}

// What the active generation takes of memory.
uint64_t ActiveBytes(Database& database) {
  return Must(database.GetStats()).generations.front().bytes;
}

TEST_CASE("a generation that cannot be replaced stops growing, until it can", "[engine][fault]") {
  Options options = FaultOptions();
  options.background_threads = GENERATE(0, 1);
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  const auto put = [&](uint64_t number) {
    const std::string key = BigEndianKey(number);
    const std::string value = std::to_string(number) + std::string(100, 'g');
    Status written = database->Put(key, value);
    if (written) model.plain[key] = value;
    return written;
  };
  database.log_faults().no_memory_to_start = true;
  Status refused = Ok();
  uint64_t number = 0;
  while (refused && number < 2000) refused = put(number++);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kIo);
  const uint64_t bytes = ActiveBytes(*database);
  CHECK(bytes >= options.generation_bytes);
  CHECK(bytes < 2 * options.generation_bytes);
  CHECK_FALSE(put(number));
  CHECK(ActiveBytes(*database) == bytes);
  CheckVisible(*database, model);

  database.log_faults().no_memory_to_start = false;
  for (uint64_t i = 0; i < 200; ++i) Must(put(1000 + i));
  CHECK(ActiveBytes(*database) < 2 * options.generation_bytes);
  CheckVisible(*database, model);
  database.Crash();
  CheckAgainst(database, model);
}

}  // namespace
}  // namespace sibyl::testing
