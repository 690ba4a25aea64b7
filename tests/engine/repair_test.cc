// Goal: repair saves everything that verifies, says what it could not save, and leaves the damaged
// database as it is.
// Method: databases are damaged in every part, one at a time; the repaired one must open, verify, and
// hold every record but those in the damaged place, which the report must name.

#include <fstream>
#include <iterator>
#include <set>

#include "sibyl/repair.h"
#include "tests/engine/database_fixture.h"
#include "tests/engine/killed_process.h"

namespace sibyl::testing {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRecords = 3000;

std::string ValueOf(uint64_t i) { return "value " + std::to_string(i) + std::string(80, 'v'); }

// Two trees in segments, the last records in the log only.
class DamagedDatabase {
 public:
  DamagedDatabase() {
    InKilledProcess([this] {
      const auto database = Must(Database::Open(SmallOptions(), path()));
      const Tree tree = Must(database->CreateTree("named"));
      for (uint64_t i = 0; i < kRecords; ++i) {
        Must(database->Put(BigEndianKey(i), ValueOf(i)));
        if (i % 10 == 0) Must(database->Put(tree, BigEndianKey(i), "in the tree"));
      }
      Must(database->Put("large", std::string(100 << 10, 'L')));
      Must(database->Compact());
      for (uint64_t i = 0; i < 50; ++i) {
        Must(database->Put(BigEndianKey(kRecords + i), ValueOf(i)));
      }
      _exit(0);
    });
    for (uint64_t i = 0; i < kRecords + 50; ++i) {
      expected_.emplace_back(BigEndianKey(i), ValueOf(i < kRecords ? i : i - kRecords));
    }
    expected_.emplace_back("large", std::string(100 << 10, 'L'));
    for (const auto& entry : fs::directory_iterator(path() / "segments")) segment_ = entry.path();
  }

  fs::path path() const { return directory_.path() / "db"; }
  fs::path target() const { return directory_.path() / "repaired"; }
  const fs::path& segment() const { return segment_; }
  const Records& expected() const { return expected_; }

  void Flip(const fs::path& file, uint64_t at, int bytes = 1) const {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    for (int i = 0; i < bytes; ++i) {
      stream.seekg(static_cast<std::streamoff>(at + static_cast<uint64_t>(i)));
      const char byte = static_cast<char>(stream.get() ^ 0x40);
      stream.seekp(static_cast<std::streamoff>(at + static_cast<uint64_t>(i)));
      stream.put(byte);
    }
  }

  // Repairs, checks that the evidence stays and that the result is sound, and returns its default
  // tree. Every record in it must be one of the original's.
  Records Repair(RepairReport* report) const {
    const auto before = Image();
    *report = Must(RepairDatabase(SmallOptions(), path(), target()));
    CHECK(Image() == before);
    std::error_code ignored;  // some tests remove the segment
    links_ = fs::hard_link_count(segment_, ignored);
    const auto database = Must(Database::Open(SmallOptions(), target()));
    CHECK(Must(database->Verify()).problems == std::vector<std::string>{});
    const Records saved = Everything(*database);
    const std::set<std::pair<std::string, std::string>> original(expected_.begin(),
                                                                 expected_.end());
    for (const auto& record : saved) CHECK(original.contains(record));
    for (const TreeInfo& info : Must(database->ListTrees())) {
      if (info.tree != kDefaultTree) named_trees_[info.name] = Everything(*database, info.tree);
    }
    Must(database->Put("goes", "on"));
    Must(database->Compact());
    return saved;
  }

  std::map<std::string, Records>& named_trees() const { return named_trees_; }
  uint64_t links() const { return links_; }  // names that the segment had after the repair

 private:
  std::map<std::string, std::string> Image() const {
    std::map<std::string, std::string> image;
    for (const auto& entry : fs::recursive_directory_iterator(path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      image[entry.path().string()] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return image;
  }

  TemporaryDirectory directory_;
  fs::path segment_;
  Records expected_;
  mutable std::map<std::string, Records> named_trees_;
  mutable uint64_t links_ = 0;
};

TEST_CASE("nothing is lost of a database that is whole", "[engine][repair]") {
  const DamagedDatabase database;
  RepairReport report;
  CHECK(database.Repair(&report) == database.expected());
  CHECK(report.lost == std::vector<std::string>{});
  CHECK(report.segments_whole >= 1);
  CHECK(report.segments_damaged == 0);
  CHECK(report.log_records >= 50);
  CHECK(database.named_trees().at("named").size() == kRecords / 10);
  CHECK(database.links() == 2);
}

TEST_CASE("a damaged block costs its records only", "[engine][repair]") {
  const DamagedDatabase database;
  database.Flip(database.segment(), 50'000);
  REQUIRE(Database::Open(SmallOptions(), database.path())
              .value()
              ->Verify()
              .value()
              .ok() == false);
  RepairReport report;
  const Records saved = database.Repair(&report);
  CHECK(report.segments_damaged == 1);
  REQUIRE(report.lost.size() == 1);
  CHECK(report.lost[0].find(database.segment().filename()) != std::string::npos);
  CHECK(report.lost[0].find("records are lost between key") != std::string::npos);
  CHECK(saved.size() < database.expected().size());
  CHECK(saved.size() + 20 > database.expected().size());
}

TEST_CASE("no single damaged place costs more than its block", "[engine][repair]") {
  const DamagedDatabase database;
  const uint64_t size = fs::file_size(database.segment());
  // From the end, where footer, properties, model and offsets are, to the header.
  for (uint64_t from_end = 1; from_end < size; from_end += 1 + 3 * from_end) {
    const uint64_t at = size - from_end;
    INFO("byte " << at << " of " << size);
    database.Flip(database.segment(), at);
    RepairReport report;
    const Records saved = database.Repair(&report);
    CHECK(saved.size() + 20 > database.expected().size());
    CHECK_FALSE(report.lost.empty());
    fs::remove_all(database.target());
    database.Flip(database.segment(), at);
  }
}

TEST_CASE("a segment without footer and offsets is searched for blocks", "[engine][repair]") {
  const DamagedDatabase database;
  const uint64_t size = fs::file_size(database.segment());
  fs::resize_file(database.segment(), size - 1000);
  database.Flip(database.segment(), 0, 32);
  database.Flip(database.segment(), 30'000, 3000);
  RepairReport report;
  const Records saved = database.Repair(&report);
  CHECK(saved.size() + 100 > database.expected().size());
  CHECK(saved.size() < database.expected().size());
  CHECK(report.segments_damaged == 1);
}

TEST_CASE("a missing segment is named, the rest is saved", "[engine][repair]") {
  const DamagedDatabase database;
  fs::remove(database.segment());
  RepairReport report;
  const Records saved = database.Repair(&report);
  CHECK(report.segments_missing == 1);
  CHECK(saved.size() >= 50);
  bool named = false;
  for (const std::string& line : report.lost) {
    named = named || line.find(database.segment().filename()) != std::string::npos;
  }
  CHECK(named);
}

TEST_CASE("without a log, what is in segments is saved", "[engine][repair]") {
  const DamagedDatabase database;
  fs::remove_all(database.path() / "log");
  RepairReport report;
  const Records saved = database.Repair(&report);
  CHECK(saved.size() == database.expected().size() - 50);
  CHECK(report.lost.size() >= 1);
  CHECK(database.named_trees().at("named").size() == kRecords / 10);
}

TEST_CASE("a damaged log gives what precedes and follows the damage", "[engine][repair]") {
  const DamagedDatabase database;
  uint64_t damaged = 0;
  for (const auto& entry : fs::directory_iterator(database.path() / "log")) {
    if (entry.path().extension() != ".log" || fs::file_size(entry.path()) < 4000) continue;
    database.Flip(entry.path(), fs::file_size(entry.path()) / 2);
    ++damaged;
  }
  REQUIRE(damaged > 0);
  CHECK_FALSE(Database::Open(SmallOptions(), database.path()));
  RepairReport report;
  const Records saved = database.Repair(&report);
  CHECK_FALSE(report.lost.empty());
  CHECK(saved.size() >= database.expected().size() - 50);
}

TEST_CASE("a tree whose name is lost gets one", "[engine][repair]") {
  const DamagedDatabase database;
  database.Flip(database.segment(), 60);  // the first block has the catalogue
  RepairReport report;
  (void)database.Repair(&report);
  CHECK(database.named_trees().at("recovered-2").size() == kRecords / 10);
}

TEST_CASE("repair refuses what it cannot use", "[engine][repair]") {
  const DamagedDatabase database;
  const auto code = [](const Result<RepairReport>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
  };
  TemporaryDirectory empty;
  CHECK(code(RepairDatabase({}, empty.path(), database.target())) == ErrorCode::kInvalidArgument);
  CHECK(code(RepairDatabase({}, database.path(), database.path())) == ErrorCode::kInvalidArgument);
  CHECK_FALSE(fs::exists(database.target()));
}

}  // namespace
}  // namespace sibyl::testing
