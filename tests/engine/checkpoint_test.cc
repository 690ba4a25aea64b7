// Goal: a checkpoint and a restored backup are whole databases with exactly what was written when
// they were asked for, whatever is written meanwhile and whichever call fails; a damaged backup is
// told, never restored.
// Method: databases with several levels, trees and large values are copied, and compared record by
// record; a writer runs beside; each file system call is failed in turn; bits are flipped.

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "engine/backup.h"
#include "engine/backup_record.h"
#include "engine/database_impl.h"
#include "engine/recovery.h"
#include "tests/engine/database_fixture.h"
#include "tests/support/fault_file_system.h"

namespace sibyl::testing {
namespace {

namespace fs = std::filesystem;

// Several levels, two trees, tombstones, values out of line, and something in the delta.
void Fill(Database& database, uint64_t seed = 1) {
  const Tree tree = Must(database.CreateTree("tree " + std::to_string(seed)));
  for (uint64_t i = 0; i < 3000; ++i) {
    Must(database.Put(BigEndianKey(i * 7 + seed), std::string(80, static_cast<char>('a' + seed))));
    if (i % 10 == 0) Must(database.Put(tree, BigEndianKey(i), "of the second tree"));
    if (i % 5 == 0) Must(database.Delete(BigEndianKey(i * 3)));
  }
  Must(database.Put("large", std::string(100 << 10, 'L')));
  Must(database.Flush());
  Must(database.Put("late", "still in the delta " + std::to_string(seed)));
}

std::map<std::string, Records> EverythingInAllTrees(Database& database) {
  std::map<std::string, Records> trees;
  for (const TreeInfo& info : Must(database.ListTrees())) {
    trees[info.name] = Everything(database, info.tree);
  }
  return trees;
}

// Opens the database, which must be whole, and returns what is in it.
std::map<std::string, Records> ContentOf(const fs::path& directory) {
  Options options = SmallOptions();
  options.create_if_missing = false;
  const auto database = Must(Database::Open(options, directory));
  CHECK(Must(database->Verify()).problems == std::vector<std::string>{});
  return EverythingInAllTrees(*database);
}

TEST_CASE("a checkpoint has everything, shares files, and goes its own way",
          "[engine][checkpoint]") {
  TestDatabase database;
  Fill(*database);
  const auto before = EverythingInAllTrees(*database);
  TemporaryDirectory place;
  const fs::path target = place.path() / "checkpoint";

  const CheckpointInfo info = Must(database->Checkpoint(target));
  CHECK(info.segments > 1);
  CHECK(info.bytes > 0);
  CHECK(info.copied_bytes == 0);
  CHECK_FALSE(fs::exists(place.path() / "checkpoint.incomplete"));

  // Both go on on their own, compacting away what they share.
  Must(database->Put("late", "changed in the original"));
  Must(database->Compact());
  CHECK(ContentOf(target) == before);
  {
    const auto copy = Must(Database::Open(SmallOptions(), target));
    Must(copy->Put("only in the copy", "x"));
    Must(copy->CreateTree("only in the copy"));
    Must(copy->Compact());
  }
  CHECK_FALSE(Must(database->Get("only in the copy")).has_value());
  CHECK(Must(database->Get("late")) == "changed in the original");
  CHECK(Must(database->Verify()).ok());
  database.Reopen();
  CHECK(Must(database->Get("late")) == "changed in the original");
}

TEST_CASE("an empty database has a checkpoint", "[engine][checkpoint]") {
  TestDatabase database;
  TemporaryDirectory place;
  fs::create_directory(place.path() / "empty");
  CHECK(Must(database->Checkpoint(place.path() / "empty")).segments == 0);
  CHECK(ContentOf(place.path() / "empty").at("default").empty());
}

TEST_CASE("a checkpoint refuses a place that is taken", "[engine][checkpoint]") {
  TestDatabase database;
  Must(database->Put("a", "b"));
  TemporaryDirectory place;
  std::ofstream(place.path() / "file") << "x";
  for (const fs::path& target : {place.path(), place.path() / "file", database.path()}) {
    const auto refused = database->Checkpoint(target);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  }
  fs::create_directory(place.path() / "new.incomplete");
  CHECK_FALSE(database->Checkpoint(place.path() / "new"));
  CHECK(fs::exists(place.path() / "new.incomplete"));
  fs::remove(place.path() / "new.incomplete");
  CHECK(database->Checkpoint(place.path() / "new/"));
}

TEST_CASE("checkpoints and backups beside a writer are prefixes of what it wrote",
          "[engine][checkpoint][backup]") {
  Options options = SmallOptions();
  options.generation_bytes = 16 << 10;
  TestDatabase database(options);
  std::atomic<uint64_t> written{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !stop; ++i) {
      Must(database->Put(BigEndianKey(i), std::string(60, 'v')));
      written.store(i + 1, std::memory_order_release);
    }
  });
  TemporaryDirectory place;
  for (int round = 0; round < 4; ++round) {
    while (written < static_cast<uint64_t>(round) * 500) std::this_thread::yield();
    const uint64_t at_least = written.load(std::memory_order_acquire);
    const fs::path target = place.path() / std::to_string(round);
    if (round % 2 == 0) {
      Must(database->Checkpoint(target));
    } else {
      Must(database->Backup(place.path() / "backups"));
      Must(RestoreBackup(place.path() / "backups", 0, target));
    }
    const uint64_t at_most = written.load(std::memory_order_acquire) + 1;
    const Records records = ContentOf(target).at("default");
    INFO("round " << round << ": " << at_least << " <= " << records.size() << " <= " << at_most);
    CHECK(records.size() >= at_least);
    CHECK(records.size() <= at_most);
    for (uint64_t i = 0; i < records.size(); ++i) REQUIRE(records[i].first == BigEndianKey(i));
  }
  stop = true;
  writer.join();
}

TEST_CASE("backups are incremental, and each is restored as it was", "[engine][backup]") {
  Options options = SmallOptions();
  options.background_threads = 0;  // no merge makes new segments between two backups
  TestDatabase database(options);
  TemporaryDirectory place;
  const fs::path backups = place.path() / "backups";
  std::vector<std::map<std::string, Records>> states;
  uint64_t copied_first = 0;
  for (uint64_t round = 1; round <= 3; ++round) {
    if (round < 3) Fill(*database, round);
    states.push_back(EverythingInAllTrees(*database));
    const BackupInfo info = Must(database->Backup(backups));
    CHECK(info.number == round);
    CHECK(info.created_unix_s > 1'600'000'000);
    if (round == 1) {
      copied_first = info.copied_bytes;
      CHECK(info.copied_bytes == info.bytes);
    }
    if (round == 3) CHECK(info.copied_bytes == 0);  // nothing changed
  }
  CHECK(copied_first > 0);
  const auto list = Must(ListBackups(backups));
  REQUIRE(list.size() == 3);
  CHECK(list[0].database_id == list[2].database_id);
  CHECK(Must(VerifyBackups(backups)).problems == std::vector<std::string>{});

  for (uint64_t number = 1; number <= 3; ++number) {
    const fs::path target = place.path() / std::to_string(number);
    CHECK(Must(RestoreBackup(backups, number, target)).number == number);
    CHECK(ContentOf(target) == states[number - 1]);
  }
  // Of two databases with the same segment numbers, each gets its own.
  {
    const auto restored = Must(Database::Open(SmallOptions(), place.path() / "1"));
    Must(restored->Put("another", "history"));
    CHECK(Must(restored->Backup(backups)).database_id != list[0].database_id);
  }
  CHECK(Must(RestoreBackup(backups, 4, place.path() / "4")).number == 4);
  CHECK(ContentOf(place.path() / "4").at("default").size() == states[0].at("default").size() + 1);
}

TEST_CASE("old backups go, and nothing that the others need", "[engine][backup]") {
  TestDatabase database;
  TemporaryDirectory place;
  const fs::path backups = place.path() / "backups";
  for (uint64_t round = 1; round <= 3; ++round) {
    Fill(*database, round);
    Must(database->Compact());
    Must(database->Backup(backups));
  }
  const auto state = EverythingInAllTrees(*database);
  CHECK_FALSE(DeleteOldBackups(backups, 0));
  CHECK(Must(DeleteOldBackups(backups, 5)) == 0);
  CHECK(Must(DeleteOldBackups(backups, 1)) > 0);
  CHECK(Must(ListBackups(backups)).size() == 1);
  CHECK(Must(ListBackups(backups))[0].number == 3);
  CHECK(Must(VerifyBackups(backups)).ok());
  Must(RestoreBackup(backups, 0, place.path() / "restored"));
  CHECK(ContentOf(place.path() / "restored") == state);
  Must(database->Put("more", "x"));
  CHECK(Must(database->Backup(backups)).number == 4);
}

TEST_CASE("folders that are none, and backups that are not there, are refused",
          "[engine][backup]") {
  TestDatabase database;
  TemporaryDirectory place;
  const auto code = [](const auto& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
  };
  CHECK(code(ListBackups(place.path())) == ErrorCode::kInvalidArgument);
  CHECK(code(VerifyBackups(place.path() / "nowhere")) == ErrorCode::kInvalidArgument);
  CHECK(code(database->Backup(database.path())) == ErrorCode::kInvalidArgument);
  const fs::path backups = place.path() / "backups";
  Must(database->Backup(backups));
  CHECK(code(RestoreBackup(backups, 7, place.path() / "x")) == ErrorCode::kInvalidArgument);
  CHECK(code(RestoreBackup(backups, 1, backups)) == ErrorCode::kInvalidArgument);
  CHECK_FALSE(fs::exists(place.path() / "x"));
}

TEST_CASE("a folder of backups of a newer version is left as it is", "[engine][backup]") {
  TestDatabase database;
  TemporaryDirectory place;
  const fs::path backups = place.path() / "backups";
  Must(database->Backup(backups));
  std::ofstream(backups / "BACKUPS") << "SibylDB backups, layout version 2\n";
  const auto refused = [](const auto& result) {
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().message, Catch::Contains("newer version"));
    return result.error().code == ErrorCode::kNotSupported;
  };
  CHECK(refused(ListBackups(backups)));
  CHECK(refused(VerifyBackups(backups)));
  CHECK(refused(RestoreBackup(backups, 1, place.path() / "x")));
  CHECK(refused(DeleteOldBackups(backups, 1)));
  CHECK(refused(database->Backup(backups)));
  CHECK_FALSE(fs::exists(place.path() / "x"));
}

TEST_CASE("every damaged byte of a backup is found, and not restored", "[engine][backup]") {
  TestDatabase database;
  for (uint64_t i = 0; i < 200; ++i) Must(database->Put(BigEndianKey(i), "value"));
  TemporaryDirectory place;
  const fs::path backups = place.path() / "backups";
  Must(database->Backup(backups));
  for (const char* folder : {"segments", "records"}) {
    for (const auto& entry : fs::directory_iterator(backups / folder)) {
      const uint64_t size = fs::file_size(entry.path());
      for (uint64_t at = 0; at < size; at += 1 + size / 40) {
        INFO(entry.path() << " byte " << at);
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const char old = static_cast<char>(file.get());
        const auto write = [&](char byte) {
          file.seekp(static_cast<std::streamoff>(at));
          file.put(byte);
          file.flush();
        };
        write(static_cast<char>(old ^ 0x10));
        CHECK_FALSE(Must(VerifyBackups(backups)).ok());
        CHECK_FALSE(RestoreBackup(backups, 1, place.path() / "restored"));
        CHECK_FALSE(fs::exists(place.path() / "restored"));
        write(old);
      }
    }
  }
  CHECK(Must(VerifyBackups(backups)).ok());
}

TEST_CASE("a damaged segment is not backed up", "[engine][backup]") {
  TestDatabase database;
  Fill(*database);
  Must(database->Compact());
  const std::string path = Must(database->GetStats()).levels.back().segments[0].path;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('\xff');
    file.put('\xff');
  }
  TemporaryDirectory place;
  const auto refused = database->Backup(place.path() / "backups");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kCorruption);
  CHECK(refused.error().message.find(path) != std::string::npos);
  CHECK(Must(ListBackups(place.path() / "backups")).empty());
}

TEST_CASE("a failing call leaves no half of a checkpoint or backup",
          "[engine][checkpoint][backup][fault]") {
  FaultFileSystem files;
  const engine::Environment environment{&files, storage::OpenRocksDbLog};
  TemporaryDirectory place;
  Options options = SmallOptions();
  options.background_threads = 0;
  Must(engine::PrepareDirectory(files, options, place.path() / "db"));
  const auto database = Must(engine::DatabaseImpl::Open(options, place.path() / "db", environment));
  for (uint64_t i = 0; i < 300; ++i) Must(database->Put(BigEndianKey(i), std::string(100, 'v')));
  Must(database->Flush());
  const Records state = Everything(*database);
  const fs::path backups = place.path() / "backups";
  for (const bool checkpoint : {true, false}) {
    for (uint64_t failing = 1;; ++failing) {
      INFO("checkpoint " << checkpoint << ", call " << failing);
      const fs::path target = place.path() / "copy";
      fs::remove_all(target);
      fs::remove_all(place.path() / "copy.incomplete");
      const uint64_t call = files.calls() + failing;
      files.FailCalls(call, call);
      const auto attempt = [&]() -> Status {
        if (checkpoint) {
          const auto made = database->Checkpoint(target);
          return made ? Ok() : Status(made.error());
        }
        const auto made = database->Backup(backups);
        if (!made) return made.error();
        const auto restored = engine::RestoreBackup(environment, backups, 0, target);
        return restored ? Ok() : Status(restored.error());
      };
      const bool done = attempt().has_value();
      const bool passed = files.calls() < call;
      files.FailCalls(1, 0);
      REQUIRE(Everything(*database) == state);
      if (fs::exists(target)) REQUIRE(ContentOf(target).at("default") == state);
      if (done) REQUIRE(fs::exists(target));
      if (passed) break;
    }
  }
}

TEST_CASE("a backup's record is read back, and no other bytes are", "[engine][backup]") {
  engine::BackupRecord record;
  record.number = 7;
  record.created_unix_s = 1'700'000'000;
  record.copied_bytes = 12;
  record.manifest.next_segment_id = 4;
  record.manifest.levels = {{{3, 100, 2, 1, "a", "b"}}};
  record.files = {{0x1234, {100, 0x5678}}};
  const std::string bytes = engine::EncodeBackupRecord(record);
  CHECK(Must(engine::DecodeBackupRecord(bytes)) == record);
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(engine::DecodeBackupRecord(std::string_view(bytes).substr(0, size)));
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(engine::DecodeBackupRecord(flipped));
  }
  CHECK(engine::NumberOfBackupRecord(engine::BackupRecordName(7)) == 7);
  CHECK(engine::NumberOfBackupRecord("0000000007.backup.tmp") == 0);
  CHECK(engine::NumberOfBackupRecord("x") == 0);
}

}  // namespace
}  // namespace sibyl::testing
