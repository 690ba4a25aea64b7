// Goal: what goes wrong stays contained: a log that dies, a crash, a read that fails once, options
// out of range, files nobody names, segments that lie.
// Method: one fault at a time on a log in memory; then what is visible, what lies on the disk and
// what the next opening finds are compared with what was acknowledged.

#include <limits>
#include <thread>

#include "engine/internal_key.h"
#include "engine/learned_segment.h"
#include "storage/segment_writer.h"
#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

Options QuietOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;
  options.generation_bytes = 8 << 20;
  options.event_log_bytes = 0;  // its failures are nobody's
  return options;
}

void Fill(Database& database, uint64_t begin, uint64_t end, Model* model) {
  for (uint64_t i = begin; i < end; ++i) {
    const std::string value = "value " + std::to_string(i) + std::string(100, 'v');
    Must(database.Put(BigEndianKey(i), value));
    (*model)[BigEndianKey(i)] = value;
  }
}

Records RecordsOf(const Model& model) { return {model.begin(), model.end()}; }

std::vector<std::string> SegmentFiles(const MemoryLogDatabase& database) {
  return Must(storage::PosixFileSystem().List(database.path() / "segments"));
}

size_t NamedSegments(Database& database) {
  size_t count = 0;
  for (const LevelStats& level : Must(database.GetStats()).levels) count += level.segments.size();
  return count;
}

TEST_CASE("a manifest that arrived although its commit failed finds its files", "[engine][fault]") {
  const std::string operation = GENERATE("flush", "compact", "ingest", "ingest over records");
  INFO(operation);
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  Model model;
  Fill(*database, 0, 200, &model);
  Must(database->Flush());
  if (operation != "ingest") Fill(*database, 100, 300, &model);
  if (operation.starts_with("ingest")) Must(database->Flush());
  const Model before = model;
  const uint64_t first = operation == "ingest" ? 1000 : 50;
  Records records;
  for (uint64_t i = first; i < first + 100; ++i) records.emplace_back(BigEndianKey(i), "ingested");

  database.log_faults().fail_manifest = true;
  ErrorCode code = ErrorCode::kNotSupported;
  if (operation == "flush") code = database->Flush().error().code;
  if (operation == "compact") code = database->Compact().error().code;
  if (operation.starts_with("ingest")) {
    code = database->Ingest(kDefaultTree, SourceOf(records)).error().code;
    for (const auto& [key, value] : records) model[key] = value;  // after the next opening
  }
  CHECK(code == ErrorCode::kIo);

  // Read-only, and reads go on.
  CHECK(Everything(*database) == RecordsOf(before));
  CHECK(database->Put("k", "v").error().code == ErrorCode::kReadOnly);
  CHECK(Must(database->Verify()).problems == std::vector<std::string>{});
  // Later attempts leave nothing behind.
  const size_t files = SegmentFiles(database).size();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(database->Compact());
  CHECK(SegmentFiles(database).size() == files);

  database.Close();
  Must(database.Open());
  CHECK(Everything(*database) == RecordsOf(model));
  CHECK(Must(database->Verify()).problems == std::vector<std::string>{});
  CHECK(SegmentFiles(database).size() == NamedSegments(*database));
}

TEST_CASE("a log that dies while appending leaves the database readable", "[engine][fault]") {
  MemoryLogDatabase database(SmallOptions());
  Must(database.Open());
  Model model;
  Fill(*database, 0, 100, &model);
  database.log_faults().fail_append = true;
  CHECK(database->Put("lost?", "perhaps").error().code == ErrorCode::kIo);
  CHECK(Everything(*database) == RecordsOf(model));  // nothing of it is visible
  CHECK(database->Put("k", "v").error().code == ErrorCode::kReadOnly);
  CHECK(database->Flush().error().code == ErrorCode::kReadOnly);
  CHECK(database->CreateTree("t").error().code == ErrorCode::kReadOnly);
  database.Close();
  Must(database.Open());
  model["lost?"] = "perhaps";  // this log kept it
  CHECK(Everything(*database) == RecordsOf(model));
  Must(database->Put("k", "v"));
}

TEST_CASE("a failed drain leaves no file behind", "[engine][fault]") {
  for (uint64_t failing = 1;; ++failing) {
    INFO("call " << failing);
    MemoryLogDatabase database(QuietOptions());
    Must(database.Open());
    Model model;
    Fill(*database, 0, 300, &model);
    const uint64_t call = database.files().calls() + failing;
    database.files().FailCalls(call, call);
    const bool flushed = database->Flush().has_value();
    CHECK(Everything(*database) == RecordsOf(model));
    REQUIRE(SegmentFiles(database).size() == NamedSegments(*database));
    if (database.files().calls() < call) break;
    CHECK_FALSE(flushed);
  }
}

TEST_CASE("the id of a dropped tree is not given out again after a crash", "[engine][fault]") {
  const bool in_one_transaction = GENERATE(false, true);
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  Tree dropped;
  if (in_one_transaction) {
    const auto transaction = Must(database->BeginTransaction());
    dropped = Must(transaction->CreateTree("dropped"));
    Must(transaction->Put(dropped, "old", "record"));
    Must(transaction->DropTree(dropped));
    Must(transaction->Commit());
  } else {
    dropped = Must(database->CreateTree("dropped"));
    Must(database->Put(dropped, "old", "record"));
    Must(database->DropTree(dropped));
  }
  database.Crash();
  Must(database.Open());
  const Tree created = Must(database->CreateTree("created"));
  CHECK(created.id > dropped.id);
  CHECK(Everything(*database, created).empty());
}

TEST_CASE("creating and dropping trees does not mind what else is committed",
          "[engine][concurrency]") {
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  std::atomic<int> left{20};
  std::thread ingesting([&] {
    const Records records = {{"a", "1"}, {"b", "2"}};
    for (; left > 0; --left) {
      if (!database->Ingest(kDefaultTree, SourceOf(records))) left = 1;
    }
  });
  std::vector<std::string> errors;
  for (int i = 0; left > 0; ++i) {
    const auto created = database->CreateTree("tree " + std::to_string(i));
    if (!created) {
      errors.push_back(created.error().message);
      continue;
    }
    const auto dropped = database->DropTree(*created);
    if (!dropped) errors.push_back(dropped.error().message);
  }
  ingesting.join();
  CHECK(errors == std::vector<std::string>{});
}

TEST_CASE("a snapshot sees a tree dropped if and only if it sees what was written beside the drop",
          "[engine][concurrency]") {
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  const auto replace_tree = [&](Tree old) -> Tree {
    const auto transaction = Must(database->BeginTransaction());
    const Tree tree = Must(transaction->CreateTree(""));
    Must(transaction->Put(tree, "key", "value"));
    Must(transaction->Put(kDefaultTree, "current tree", std::to_string(tree.id)));
    if (old != kDefaultTree) Must(transaction->DropTree(old));
    Must(transaction->Commit());
    return tree;
  };
  Tree tree = replace_tree(kDefaultTree);
  std::atomic<bool> done{false};
  std::atomic<uint64_t> torn{0};
  std::thread reading([&] {
    while (!done) {
      const auto transaction = database->BeginTransaction();
      Value value;
      if (!transaction || !(*transaction)->Get(kDefaultTree, "current tree", &value)) break;
      const Tree current{static_cast<uint32_t>(std::stoul(value.Take()))};
      const auto found = (*transaction)->Get(current, "key", &value);
      if (!found || !*found) ++torn;
    }
  });
  for (int i = 0; i < 1500; ++i) tree = replace_tree(tree);
  done = true;
  reading.join();
  CHECK(torn == 0);
}

TEST_CASE("an iterator that met an error works again after the next positioning",
          "[engine][fault]") {
  Options options = QuietOptions();
  options.read_mode = ReadMode::kPread;
  options.block_cache_bytes = 0;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  Fill(*database, 0, 500, &model);
  Must(database->Compact());
  const auto iterator = Must(database->NewIterator(kDefaultTree));
  const auto fail_a_read = [&] {
    database.files().FailCalls(database.files().calls() + 1, UINT64_MAX);
    iterator->Seek(BigEndianKey(250));
    CHECK_FALSE(iterator->Valid());
    REQUIRE_FALSE(iterator->status());
    CHECK(iterator->status().error().code == ErrorCode::kIo);
    database.files().FailCalls(1, 0);
  };
  fail_a_read();
  iterator->SeekForPrev(BigEndianKey(99) + "beyond");
  REQUIRE(iterator->Valid());
  CHECK(iterator->key() == BigEndianKey(99));
  Must(iterator->status());
  fail_a_read();
  CHECK(ScanForward(*iterator) == RecordsOf(model));
  fail_a_read();
  CHECK(ScanBackward(*iterator) == RecordsOf(model));
}

TEST_CASE("an empty frozen generation is drained like any other", "[engine][fault]") {
  const auto log = storage::NewMemoryLogState();
  TemporaryDirectory directory;
  const storage::Path path = directory.path() / "db";
  const engine::Environment environment{
      &storage::PosixFileSystem(),
      [&](const storage::Path&) -> Result<std::unique_ptr<storage::CommitLog>> {
        return storage::OpenMemoryLog(log);
      }};
  Must(engine::PrepareDirectory(storage::PosixFileSystem(), QuietOptions(), path));
  auto database = Must(engine::DatabaseImpl::Open(QuietOptions(), path, environment));
  Must(database->Put("key", "value"));
  database.reset();
  Must(storage::OpenMemoryLog(log)->StartGeneration());
  database = Must(engine::DatabaseImpl::Open(QuietOptions(), path, environment));
  Must(database->Put("other", "value"));
  Must(database->Flush());
  CHECK(Everything(*database) == Records{{"key", "value"}, {"other", "value"}});
}

TEST_CASE("every option out of its range is named when opening", "[engine][options]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto [name, change] = GENERATE_COPY(table<std::string, std::function<void(Options&)>>({
      {"generation_bytes", [](Options& o) { o.generation_bytes = 0; }},
      {"max_frozen_generations", [](Options& o) { o.max_frozen_generations = 0; }},
      {"segment_bytes", [](Options& o) { o.segment_bytes = 0; }},
      {"segment_bytes", [](Options& o) { o.segment_bytes = UINT64_MAX; }},
      {"block_bytes", [](Options& o) { o.block_bytes = 511; }},
      {"block_bytes", [](Options& o) { o.block_bytes = UINT32_MAX; }},
      {"epsilon_blocks", [nan](Options& o) { o.epsilon_blocks = nan; }},
      {"epsilon_blocks", [](Options& o) { o.epsilon_blocks = 0; }},
      {"epsilon_blocks", [](Options& o) { o.epsilon_blocks = 65; }},
      {"first_level_bytes", [](Options& o) { o.first_level_bytes = 0; }},
      {"level_ratio", [](Options& o) { o.level_ratio = 0; }},
      {"level_ratio", [](Options& o) { o.level_ratio = 1; }},
  }));
  INFO(name);
  Options options;
  change(options);
  MemoryLogDatabase database(options);
  const auto opened = database.Open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kInvalidArgument);
  CHECK(opened.error().message.find("option " + name + " is") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(database.path()));
}

TEST_CASE("the least and the largest options work", "[engine][options]") {
  Options options = QuietOptions();
  SECTION("least") {
    options.generation_bytes = 4 << 10;
    options.max_frozen_generations = 1;
    options.segment_bytes = 64 << 10;
    options.first_level_bytes = 4 << 10;
    options.level_ratio = 2;
    options.epsilon_blocks = 1.0 / 64;
  }
  SECTION("largest") {
    options.generation_bytes = UINT64_MAX;
    options.max_frozen_generations = UINT32_MAX;
    options.segment_bytes = 256 << 20;
    options.block_bytes = 64 << 10;
    options.first_level_bytes = UINT64_MAX;
    options.level_ratio = 1000;
    options.epsilon_blocks = 64;
  }
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  Fill(*database, 0, 300, &model);
  Must(database->Flush());
  Fill(*database, 200, 400, &model);
  Must(database->Compact());
  CHECK(Everything(*database) == RecordsOf(model));
  CHECK(Must(database->Verify()).ok());
}

TEST_CASE("a missing segment is corruption, and named", "[engine][fault]") {
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  Model model;
  Fill(*database, 0, 100, &model);
  Must(database->Flush());
  const auto files = SegmentFiles(database);
  REQUIRE(files.size() == 1);
  database.Close();
  std::filesystem::remove(database.path() / "segments" / files[0]);
  const auto opened = database.Open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kCorruption);
  CHECK(opened.error().message.find(files[0]) != std::string::npos);
}

// A segment of two records in tree 1 whose models are `models`.
Status VerifySegmentWith(const std::vector<engine::TreeModel>& models) {
  TemporaryDirectory directory;
  const storage::Path path = directory.path() / "a.segment";
  auto& files = storage::PosixFileSystem();
  const auto writer = Must(storage::SegmentWriter::Create(files, path));
  for (const std::string user_key : {"a", "b"}) {
    Must(writer->Add(engine::EncodeInternalKey(kDefaultTree, user_key), "value",
                     storage::RecordType::kValue, 0));
  }
  (void)Must(writer->Finish(1, engine::EncodeTreeModels(models), {}));
  return Must(engine::LearnedSegment::Open(files, path, 1, {}))->Verify();
}

engine::TreeModel ModelOfTwo(Tree tree, uint64_t records) {
  const std::vector<std::string_view> keys = {"a", "b"};
  const std::vector<uint32_t> sizes = {20, 20};
  auto model = Must(index::BlockModel::Build(keys, sizes, {4096, 0.5}));
  REQUIRE(model.block_count() == 1);
  return {tree, 0, records, std::move(model)};
}

TEST_CASE("Verify finds models of other trees, and with other counts", "[engine][verify]") {
  const auto verify = [](Tree tree, uint64_t records) {
    std::vector<engine::TreeModel> models;
    models.push_back(ModelOfTwo(tree, records));
    return VerifySegmentWith(models);
  };
  Must(verify(kDefaultTree, 2));
  for (const auto& status : {verify(kDefaultTree, 3), verify(Tree{0}, 2)}) {
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::kCorruption);
  }
}

TEST_CASE("MultiGet takes no key, repeated keys and thousands of keys", "[engine]") {
  MemoryLogDatabase database(QuietOptions());
  Must(database.Open());
  Model model;
  Fill(*database, 0, 1000, &model);
  Must(database->Compact());
  Must(database->MultiGet({}, kDefaultTree, {}, {}));
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 10000; ++i) keys.push_back(BigEndianKey(i * i % 1500));
  keys.back().append(kMaxKeyBytes - keys.back().size(), 'x');
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<Value> values(views.size());
  Must(database->MultiGet({}, kDefaultTree, views, values));
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto expected = model.find(keys[i]);
    REQUIRE(values[i].found() == (expected != model.end()));
    if (values[i].found()) REQUIRE(values[i].view() == expected->second);
  }
}

}  // namespace
}  // namespace sibyl::testing
