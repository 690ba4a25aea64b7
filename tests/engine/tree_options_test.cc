// Goal: a tree's options change how it is stored and nothing else: every operation gives the same
// answers compressed, packed, both and neither, through both readers; and the options live, commit
// and end as the tree does.
// Method: the same life of a database for each choice of options, compared record by record.

#include <fstream>

#include "engine/catalogue.h"
#include "sibyl/repair.h"
#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

namespace fs = std::filesystem;

const std::vector<TreeOptions> kAllOptions = {{Compression::kNone, true},
                                              {Compression::kLz4, false},
                                              {Compression::kLz4, true},
                                              {Compression::kZstd, false},
                                              {Compression::kZstd, true}};

Records RecordsOf(uint64_t count, const std::string& word) {
  Records records;
  for (uint64_t i = 0; i < count; ++i) {
    std::string value = word + std::to_string(i);
    value.resize(40 + i % 60, 'v');
    if (i % 1000 == 17) value.assign(100 << 10, static_cast<char>('a' + i % 26));
    records.emplace_back(BigEndianKey(i * 1000 + i % 7), std::move(value));
  }
  return records;
}

void PutAll(Database& database, Tree tree, const Records& records) {
  WriteBatch batch;
  for (const auto& [key, value] : records) Must(batch.Put(tree, key, value));
  Must(database.Write({}, batch));
}

// Reads `records`, which are all there is in the tree, in every way there is.
void CheckReads(Database& database, Tree tree, const Records& records) {
  REQUIRE(Everything(database, tree) == records);
  REQUIRE(Must(database.Count({}, tree, {})) == records.size());
  Value value;
  std::vector<std::string_view> keys;
  for (size_t i = 0; i < records.size(); i += 7) {
    const auto& [key, expected] = records[i];
    REQUIRE(Must(database.Get({}, tree, key, &value)));
    REQUIRE((value.view() == expected));
    REQUIRE_FALSE(Must(database.Get({}, tree, key + "x", &value)));
    keys.push_back(key);
  }
  for (size_t i = 0; i < records.size(); i += 299) {  // what lies above the last level is walked
    REQUIRE(Must(database.Rank({}, tree, records[i].first)) == i);
    REQUIRE(Must(database.At({}, tree, i))->key == records[i].first);
  }
  std::vector<Value> values(keys.size());
  Must(database.MultiGet({}, tree, keys, values));
  for (size_t i = 0; i < keys.size(); ++i) REQUIRE((values[i].view() == records[i * 7].second));
  REQUIRE(Must(database.Verify()).problems == std::vector<std::string>{});
}

// Of all segments.
SegmentStats Total(Database& database) {
  SegmentStats total;
  for (const LevelStats& level : Must(database.GetStats()).levels) {
    for (const SegmentStats& segment : level.segments) {
      total.file_bytes += segment.file_bytes;
      total.blocks += segment.blocks;
      total.compressed_blocks += segment.compressed_blocks;
      total.packed_blocks += segment.packed_blocks;
      total.plain_blocks_bytes += segment.plain_blocks_bytes;
    }
  }
  return total;
}

TEST_CASE("a tree is the same whatever its options", "[engine][tree-options]") {
  const TreeOptions tree_options = GENERATE(from_range(kAllOptions));
  Options options = SmallOptions();
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  options.block_cache_bytes = 1 << 20;
  INFO("compression " << static_cast<int>(tree_options.compression) << ", packed keys "
                      << tree_options.packed_keys << ", read mode "
                      << static_cast<int>(options.read_mode));
  TestDatabase database(options);
  const Tree tree = Must(database->CreateTree("encoded", tree_options));
  const Records records = RecordsOf(1000, "value ");
  PutAll(*database, tree, records);
  PutAll(*database, kDefaultTree, records);
  Must(database->Compact());
  CheckReads(*database, tree, records);
  CheckReads(*database, kDefaultTree, records);

  const SegmentStats total = Total(*database);
  CHECK((total.compressed_blocks > 0) == (tree_options.compression != Compression::kNone));
  CHECK((total.packed_blocks > 0) == tree_options.packed_keys);
  CHECK(total.compressed_blocks <= total.blocks / 2 + 1);  // none of the other tree's

  // Overwritten, deleted, drained in several runs, ingested, and merged again.
  Records changed = RecordsOf(1000, "changed ");
  for (size_t i = 0; i < changed.size(); i += 250) {
    PutAll(*database, tree,
           {changed.begin() + static_cast<ptrdiff_t>(i),
            changed.begin() + static_cast<ptrdiff_t>(i + 250)});
    Must(database->Flush());
  }
  for (const auto& [key, value] : RecordsOf(10, "")) Must(database->Delete(tree, key));
  changed.erase(changed.begin(), changed.begin() + 10);
  CheckReads(*database, tree, changed);
  const Records last = {{"zzz", std::string(200, 'z')}, {"zzzz", std::string(90'000, 'z')}};
  Must(database->Ingest(tree, SourceOf(last)));
  changed.insert(changed.end(), last.begin(), last.end());
  CheckReads(*database, tree, changed);
  database.Reopen();
  CheckReads(*database, tree, changed);
  Must(database->Compact());
  CheckReads(*database, tree, changed);
  CHECK(Must(database->GetStats()).memory.block_cache_bytes <= options.block_cache_bytes);
}

TEST_CASE("a set of numbers, keys without values, is the same packed", "[engine][tree-options]") {
  const TreeOptions tree_options = GENERATE(from_range(kAllOptions));
  TestDatabase database;
  const Tree tree = Must(database->CreateTree("set", tree_options));
  Records records;
  for (uint64_t i = 0; i < 5000; ++i) records.emplace_back(BigEndianKey(i), "");
  PutAll(*database, tree, records);
  Must(database->Compact());
  CheckReads(*database, tree, records);
  for (uint64_t i = 1000; i < 4000; ++i) Must(database->Delete(tree, BigEndianKey(i)));
  records.erase(records.begin() + 1000, records.begin() + 4000);
  Must(database->Flush());  // tombstones only
  CheckReads(*database, tree, records);
  database.Reopen();
  CheckReads(*database, tree, records);
}

TEST_CASE("copies, backups and read-only openings have encoded trees", "[engine][tree-options]") {
  const TreeOptions tree_options = GENERATE(from_range(kAllOptions));
  TestDatabase database;
  Must(database->SetTreeOptions(kDefaultTree, tree_options));
  const Records records = RecordsOf(1200, "copied ");
  PutAll(*database, kDefaultTree, records);
  Must(database->Compact());
  TemporaryDirectory place;
  Must(database->Checkpoint(place.path() / "checkpoint"));
  const BackupInfo backup = Must(database->Backup(place.path() / "backups"));
  CHECK(Must(VerifyBackups(place.path() / "backups")).problems.empty());
  Must(RestoreBackup(place.path() / "backups", backup.number, place.path() / "restored"));
  database.Close();

  for (const fs::path& path :
       {database.path(), place.path() / "checkpoint", place.path() / "restored"}) {
    for (const ReadMode mode : {ReadMode::kMapping, ReadMode::kPread}) {
      Options options = SmallOptions();
      options.read_only = true;
      options.read_mode = mode;
      const auto reader = Must(Database::Open(options, path));
      CheckReads(*reader, kDefaultTree, records);
      CHECK(Must(reader->ListTrees()).front().options == tree_options);
    }
  }
}

TEST_CASE("damage in an encoded tree is found, and the rest is saved", "[engine][tree-options]") {
  const TreeOptions tree_options = GENERATE(from_range(kAllOptions));
  const bool footer_too = GENERATE(false, true);
  TestDatabase database;
  const Tree tree = Must(database->CreateTree("damaged", tree_options));
  const Records records = RecordsOf(1200, "saved ");
  PutAll(*database, tree, records);
  Must(database->Compact());
  database.Close();
  const fs::path segment = fs::directory_iterator(database.path() / "segments")->path();
  const auto flip = [&](std::streamoff at) {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
  };
  flip(5000);
  if (footer_too) flip(static_cast<std::streamoff>(fs::file_size(segment)) - 20);
  if (!footer_too) {
    database.Open();
    CHECK_FALSE(Must(database->Verify()).ok());
    database.Close();
  }

  TemporaryDirectory place;
  const RepairReport report =
      Must(RepairDatabase(SmallOptions(), database.path(), place.path() / "repaired"));
  CHECK_FALSE(report.lost.empty());
  const auto repaired = Must(Database::Open(SmallOptions(), place.path() / "repaired"));
  CHECK(Must(repaired->Verify()).ok());
  const Records saved = Everything(*repaired, tree);
  CHECK(saved.size() < records.size());
  CHECK(saved.size() > records.size() * 8 / 10);
  const std::map<std::string, std::string> expected(records.begin(), records.end());
  for (const auto& [key, value] : saved) REQUIRE((expected.at(key) == value));
}

TEST_CASE("the options of a tree live and end with it", "[engine][tree-options]") {
  TestDatabase database;
  const TreeOptions zstd = {Compression::kZstd, true};
  const Tree tree = Must(database->CreateTree("tree", zstd));
  const Tree plain = Must(database->CreateTree("plain"));
  const auto options_of = [&](Tree wanted) -> std::optional<TreeOptions> {
    for (const TreeInfo& info : Must(database->ListTrees())) {
      if (info.tree == wanted) return info.options;
    }
    return std::nullopt;
  };
  const auto check = [&] {
    CHECK(options_of(tree) == zstd);
    CHECK(options_of(plain) == TreeOptions());
    CHECK(options_of(kDefaultTree) == TreeOptions());
  };
  check();
  database.Reopen();  // from segments
  check();
  CHECK_FALSE(database->SetTreeOptions(Tree{77}, zstd));
  CHECK_FALSE(database->SetTreeOptions(Tree{0}, zstd));  // the catalogue is nobody's

  {  // a transaction takes its change back, and a name is no option
    const auto transaction = Must(database->BeginTransaction());
    const uint64_t savepoint = transaction->Savepoint();
    Must(transaction->SetTreeOptions(plain, zstd));
    const Tree passing = Must(transaction->CreateTree("passing", zstd));
    Must(transaction->Put(passing, "a", "b"));
    Must(transaction->RollbackTo(savepoint));
    Must(transaction->SetTreeOptions(kDefaultTree, {Compression::kLz4, false}));
    Must(transaction->Commit());
  }
  CHECK(options_of(plain) == TreeOptions());
  CHECK(options_of(kDefaultTree) == TreeOptions{Compression::kLz4, false});
  Must(database->SetTreeOptions(kDefaultTree, {}));
  check();

  Must(database->DropTree(tree));
  CHECK_FALSE(options_of(tree).has_value());
  CHECK_FALSE(database->SetTreeOptions(tree, zstd));
  CHECK(options_of(Must(database->CreateTree("tree"))) == TreeOptions());
  Must(database->Compact());
  database.Reopen();
  CHECK_FALSE(options_of(tree).has_value());
}

TEST_CASE("new options hold for what is written from then on, and Compact rewrites the rest",
          "[engine][tree-options]") {
  TestDatabase database;
  const Records records = RecordsOf(2000, "old ");
  PutAll(*database, kDefaultTree, records);
  Must(database->Compact());
  const uint64_t plain_bytes = Total(*database).file_bytes;
  CHECK(Total(*database).compressed_blocks == 0);
  Must(database->SetTreeOptions(kDefaultTree, {Compression::kZstd, true}));
  CHECK(Total(*database).compressed_blocks == 0);
  Must(database->Compact());
  const SegmentStats total = Total(*database);
  CHECK(total.compressed_blocks > total.blocks / 2);
  CHECK(total.plain_blocks_bytes > 0);
  CHECK(total.file_bytes < plain_bytes / 2);
  CheckReads(*database, kDefaultTree, records);
  Must(database->SetTreeOptions(kDefaultTree, {}));
  Must(database->Compact());
  CHECK(Total(*database).compressed_blocks == 0);
  CHECK(Total(*database).packed_blocks == 0);
  CheckReads(*database, kDefaultTree, records);
}

TEST_CASE("options that cannot be read are told apart", "[engine][tree-options]") {
  const TreeOptions options = {Compression::kZstd, true};
  const std::string bytes = engine::EncodeTreeOptions(options);
  CHECK(Must(engine::DecodeTreeOptions(bytes)) == options);
  const auto code_of = [](std::string changed) {
    return engine::DecodeTreeOptions(changed).error().code;
  };
  TreeOptions merged = options;
  merged.merge_operator = "append";
  merged.ttl_seconds = 1000;
  const std::string longer = engine::EncodeTreeOptions(merged);
  CHECK(Must(engine::DecodeTreeOptions(longer)) == merged);
  CHECK(bytes.size() == 3);  // what older programs read too
  CHECK(code_of("\x03" + bytes.substr(1)) == ErrorCode::kNotSupported);
  CHECK(code_of("\x02" + bytes.substr(1)) == ErrorCode::kCorruption);
  CHECK(code_of(longer.substr(0, longer.size() - 1)) == ErrorCode::kCorruption);
  CHECK(code_of(longer + "x") == ErrorCode::kCorruption);
  CHECK(code_of("") == ErrorCode::kCorruption);
  CHECK(code_of(bytes.substr(0, 2)) == ErrorCode::kCorruption);
  CHECK(code_of(bytes + "x") == ErrorCode::kCorruption);
  CHECK(code_of("\x01\x03" + bytes.substr(2)) == ErrorCode::kCorruption);
  CHECK(code_of(bytes.substr(0, 2) + "\x02") == ErrorCode::kCorruption);

  engine::Catalogue catalogue;
  const auto apply = [&](const std::string& key, const std::string& value) {
    return catalogue.Apply({engine::kCatalogueTree, engine::RecordType::kValue, key, value});
  };
  CHECK(apply(engine::TreeOptionsKey(Tree{9}), bytes));  // of a tree that is gone: of no account
  CHECK(catalogue.trees().size() == 1);
  CHECK_FALSE(apply(engine::TreeOptionsKey(Tree{9}) + "x", bytes));
  CHECK_FALSE(apply(engine::TreeOptionsKey(Tree{0}), bytes));
  CHECK_FALSE(apply(engine::CatalogueKey(kDefaultTree), "default"));
  CHECK_FALSE(apply("abc", "name"));
  CHECK(apply(engine::TreeOptionsKey(kDefaultTree), bytes));
  CHECK(catalogue.OptionsOf(kDefaultTree) == options);
}

}  // namespace
}  // namespace sibyl::testing
