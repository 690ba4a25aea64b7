#include "storage/commit_log_rocksdb_recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/status_macros.h"
#include "base/text.h"
#include "storage/commit_log_format.h"
#include "storage/commit_log_rocksdb_options.h"

namespace sibyl::storage {
namespace {

constexpr std::string_view kWitnessName = "WITNESS";
constexpr std::string_view kLogSuffix = ".log";

// What the meta family says.
struct Meta {
  std::optional<uint64_t> format;
  std::optional<std::string> manifest;
  uint64_t manifest_number = 0;
  std::map<uint64_t, uint64_t> starts;  // generation -> the sequence that follows those before it
};

Error Damaged(const Path& directory, const std::string& what) {
  return Error{ErrorCode::kCorruption, directory.string() + ": " + what};
}

Error IoError(const Path& path, const char* action, const std::error_code& code) {
  return Error{ErrorCode::kIo, path.string() + ": cannot " + action + ": " + code.message()};
}

// "; missing: 000012.log" for each file that the witness saw and that is not in `present`.
std::string MissingFiles(const LogTestimony& testimony, const std::vector<uint64_t>& present) {
  std::string text;
  for (const uint64_t number : testimony.log_files) {
    if (std::ranges::binary_search(present, number)) continue;
    text += (text.empty() ? "; gone since the log was last used: " : ", ") + LogFileName(number);
  }
  return text;
}

Status SyncPath(const Path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return IoError(path, "open", {errno, std::generic_category()});
  const int result = fsync(descriptor);
  const std::error_code code(errno, std::generic_category());
  close(descriptor);
  if (result != 0) return IoError(path, "sync", code);
  return Ok();
}

// One opening of a log, step by step; Run does them in order.
class Opener {
 public:
  explicit Opener(const Path& directory) : directory_(directory) {
    log_.env = std::make_unique<LogEnv>(std::nullopt);  // nothing is written, until OpenWitness
  }

  Result<OpenedLog> Run() {
    SIBYL_RETURN_IF_ERROR(OpenWitness());
    SIBYL_RETURN_IF_ERROR(OpenDatabase());
    SIBYL_RETURN_IF_ERROR(ReadMeta());
    if (!meta_.format) SIBYL_RETURN_IF_ERROR(Initialize());
    SIBYL_RETURN_IF_ERROR(SortFamilies());
    SIBYL_RETURN_IF_ERROR(VerifyEntries());
    SIBYL_RETURN_IF_ERROR(CompareWithWitness());
    if (tail_is_damaged_) SIBYL_RETURN_IF_ERROR(LeaveDamagedFile());
    if (HasManyEmptyFiles()) SIBYL_RETURN_IF_ERROR(FlushMeta());
    SIBYL_RETURN_IF_ERROR(MakeDurable());
    return std::move(log_);
  }

  Result<OpenedLog> RunReadOnly() {
    SIBYL_RETURN_IF_ERROR(ReadWitness());
    SIBYL_RETURN_IF_ERROR(ExamineDatabase());
    SIBYL_RETURN_IF_ERROR(ReadMeta());
    if (!meta_.format) {
      return Damaged(directory_, "the record of the log's format is missing" + Gone());
    }
    SIBYL_RETURN_IF_ERROR(SortFamilies());
    SIBYL_RETURN_IF_ERROR(VerifyEntries());
    SIBYL_RETURN_IF_ERROR(CompareWithWitness());
    return std::move(log_);
  }

  OpenedLog Salvage(std::vector<std::string>* problems) {
    const auto note = [problems](const Status& status) {
      if (!status) problems->push_back(status.error().message);
      return status.has_value();
    };
    (void)note(ReadWitness());
    if (!note(ListFamilies(true)) || !note(OpenFamilies(Mode::kSalvage))) return std::move(log_);
    if (!skipped_damage_.empty()) (void)note(Damaged(directory_, skipped_damage_));
    (void)note(ReadMeta());
    log_.manifest = std::move(meta_.manifest);
    log_.manifest_number = meta_.manifest_number;
    for (auto& [number, family] : log_.prepared) {
      log_.generations[number].recovered = NewEntryIterator(log_.db.get(), family.get());
      log_.generations[number].family = std::move(family);
    }
    log_.prepared.clear();
    for (auto& [number, generation] : log_.generations) {
      uint64_t expected = meta_.starts.contains(number) ? meta_.starts[number] : log_.next_sequence;
      (void)note(VerifyGeneration(number, generation.recovered.get(), &expected));
      log_.next_sequence = std::max(log_.next_sequence, expected);
    }
    (void)note(CompareWithWitness());
    return std::move(log_);
  }

 private:
  enum class Mode {
    kWhole,             // any damage but a torn end is an error
    kExamineWhole,      // the same, read-only
    kUndamaged,         // what precedes the first damage
    kExamineUndamaged,  // the same, read-only
    kSalvage,           // read-only; everything that is not damaged
  };

  Status ReadWitness() {
    SIBYL_ASSIGN_OR_RETURN(testimony_, LogWitness::Read(directory_ / kWitnessName));
    SIBYL_ASSIGN_OR_RETURN(files_before_, ListLogFiles(directory_));
    return Ok();
  }

  Status ExamineDatabase() {
    std::error_code code;
    const bool exists = std::filesystem::exists(directory_ / "CURRENT", code);
    if (code) return IoError(directory_ / "CURRENT", "look for", code);
    SIBYL_RETURN_IF_ERROR(CheckFilesBeforeOpening(exists));
    if (!exists) return Damaged(directory_, "the file CURRENT is missing");
    SIBYL_RETURN_IF_ERROR(ListFamilies(exists));
    Status opened = OpenFamilies(Mode::kExamineWhole);
    if (opened || opened.error().code != ErrorCode::kCorruption) return opened;
    if (!DamageIsFromPowerCut()) return opened;
    return OpenFamilies(Mode::kExamineUndamaged);
  }

  Status OpenWitness() {
    std::error_code code;
    const bool is_new = std::filesystem::create_directories(directory_, code);
    if (code) return IoError(directory_, "create", code);
    if (is_new)
      SIBYL_RETURN_IF_ERROR(SyncPath(std::filesystem::absolute(directory_).parent_path()));
    SIBYL_ASSIGN_OR_RETURN(auto place, FolderPlace::Of(directory_));
    log_.env = std::make_unique<LogEnv>(std::move(place));
    SIBYL_ASSIGN_OR_RETURN(log_.witness, LogWitness::Open(directory_ / kWitnessName));
    testimony_ = log_.witness->testimony();
    SIBYL_ASSIGN_OR_RETURN(files_before_, ListLogFiles(directory_));
    return Ok();
  }

  // Before RocksDB sees the directory: it would start a new log file and so hide that one is gone.
  Status CheckFilesBeforeOpening(bool exists) const {
    if (testimony_.log_files.empty()) return Ok();
    if (!exists) return Damaged(directory_, "the file CURRENT is missing");
    const uint64_t newest = testimony_.log_files.back();
    if (!files_before_.empty() && files_before_.back() >= newest) return Ok();
    return Damaged(directory_, "the newest log file is missing: " + LogFileName(newest));
  }

  Status OpenDatabase() {
    std::error_code code;
    const bool exists = std::filesystem::exists(directory_ / "CURRENT", code);
    if (code) return IoError(directory_ / "CURRENT", "look for", code);
    SIBYL_RETURN_IF_ERROR(CheckFilesBeforeOpening(exists));
    SIBYL_RETURN_IF_ERROR(ListFamilies(exists));
    Status opened = OpenFamilies(Mode::kWhole);
    if (opened || opened.error().code != ErrorCode::kCorruption) return opened;
    if (!DamageIsFromPowerCut()) return opened;
    tail_is_damaged_ = true;
    return OpenFamilies(Mode::kUndamaged);
  }

  Status ListFamilies(bool exists) {
    const auto logger = std::make_shared<QuietRocksDbLogger>();
    const auto options =
        LogDbOptions(log_.env.get(), logger, rocksdb::WALRecoveryMode::kAbsoluteConsistency);
    std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
    if (exists) {
      const rocksdb::Status status =
          rocksdb::DB::ListColumnFamilies(options, directory_.string(), &names);
      if (!status.ok()) return FromRocksDbOpen(directory_, status, *logger);
    }
    for (const std::string& name : names) {
      const bool is_meta = name == rocksdb::kDefaultColumnFamilyName;
      if (!is_meta && !GenerationOfFamily(name)) {
        return Damaged(directory_, "a column family that is not ours: " + base::Quoted(name));
      }
      families_.emplace_back(name, is_meta ? LogMetaFamilyOptions() : LogGenerationFamilyOptions());
    }
    return Ok();
  }

  static rocksdb::WALRecoveryMode RecoveryModeOf(Mode mode) {
    switch (mode) {
      case Mode::kWhole:
      case Mode::kExamineWhole:
        return rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
      case Mode::kUndamaged:
      case Mode::kExamineUndamaged:
        return rocksdb::WALRecoveryMode::kPointInTimeRecovery;
      case Mode::kSalvage:
        break;
    }
    return rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  }

  Status OpenFamilies(Mode mode) {
    const auto logger = std::make_shared<QuietRocksDbLogger>();
    const auto options = LogDbOptions(log_.env.get(), logger, RecoveryModeOf(mode));
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const bool to_write = mode == Mode::kWhole || mode == Mode::kUndamaged;
    const rocksdb::Status status =
        to_write
            ? rocksdb::DB::Open(options, directory_.string(), families_, &handles, &db)
            : rocksdb::DB::OpenForReadOnly(options, directory_.string(), families_, &handles, &db);
    if (!status.ok()) return FromRocksDbOpen(directory_, status, *logger);
    skipped_damage_ = logger->damage();
    Adopt(db, handles);
    return Ok();
  }

  // A power cut may leave any mixture of old and new bytes where the newest file was not synced.
  // That it was a power cut follows from three things: the machine was started again since the log
  // was last synced, all that was known to be synced precedes the damage, and no gap does.
  bool DamageIsFromPowerCut() const {
    const std::string boot_id = CurrentBootId();
    if (boot_id.empty() || testimony_.boot_id == boot_id) return false;
    Opener probe(directory_);
    probe.testimony_ = testimony_;
    probe.files_before_ = files_before_;
    probe.families_ = families_;
    return probe.OpenFamilies(Mode::kExamineUndamaged) && probe.ReadMeta() && probe.meta_.format &&
           probe.SortFamilies() && probe.VerifyEntries() && probe.CompareWithWitness();
  }

  // Moves what was recovered out of the log files, so that the damaged one is not needed again: it
  // would fail the next opening. The one case in which generations become sorted files.
  Status LeaveDamagedFile() {
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;
    for (const auto& [number, generation] : log_.generations) {
      const rocksdb::Status status = log_.db->Flush(options, generation.family.get());
      if (!status.ok()) return FromRocksDb(directory_, status);
    }
    return FlushMeta();
  }

  // RocksDB begins a log file at each opening, and lets go of the old ones when it flushes: a
  // database that is opened again and again without being written to would collect them, and every
  // opening reads and syncs all there are.
  bool HasManyEmptyFiles() const {
    constexpr size_t kManyFiles = 8;
    const uint64_t begin = meta_.starts.at(log_.generations.begin()->first);
    return log_.next_sequence == begin && files_before_.size() >= kManyFiles;
  }

  // With something in it for certain, the meta family's flush releases the log files that no
  // generation needs.
  Status FlushMeta() {
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;
    rocksdb::Status status =
        log_.db->Put(rocksdb::WriteOptions(), log_.meta.get(), rocksdb::Slice(kLogFormatKey),
                     EncodeLogNumber(kLogFormatVersion));
    if (status.ok()) status = log_.db->Flush(options, log_.meta.get());
    if (!status.ok()) return FromRocksDb(directory_, status);
    return Ok();
  }

  // Takes ownership of what DB::Open returned.
  void Adopt(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
    log_.db.reset(db);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      FamilyPtr family(handle, FamilyCloser{db});
      const auto generation = GenerationOfFamily(handle->GetName());
      (generation ? log_.prepared[*generation] : log_.meta) = std::move(family);
    }
  }

  Status ReadMeta() {
    const auto records = NewEntryIterator(log_.db.get(), log_.meta.get());
    for (records->SeekToFirst(); records->Valid(); records->Next()) {
      SIBYL_RETURN_IF_ERROR(
          ReadMetaRecord(records->key().ToStringView(), records->value().ToStringView()));
    }
    if (!records->status().ok()) return FromRocksDb(directory_, records->status());
    return Ok();
  }

  Status ReadMetaRecord(std::string_view key, std::string_view value) {
    if (key == kLogManifestKey) {
      const auto record = ParseManifestRecord(value);
      if (!record) return BadMetaRecord(key);
      meta_.manifest = std::string(record->bytes);
      meta_.manifest_number = record->number;
      return Ok();
    }
    const auto number = DecodeLogNumber(value);
    if (!number) return BadMetaRecord(key);
    if (key == kLogFormatKey) {
      meta_.format = *number;
      if (*number == kLogFormatVersion) return Ok();
      return Error{ErrorCode::kNotSupported, directory_.string() + ": log format " +
                                                 std::to_string(*number) + "; this build reads " +
                                                 std::to_string(kLogFormatVersion)};
    }
    const auto generation = GenerationOfStartKey(key);
    if (!generation) return BadMetaRecord(key);
    meta_.starts[*generation] = *number;
    return Ok();
  }

  Status BadMetaRecord(std::string_view key) const {
    return Damaged(directory_, "meta record " + base::Quoted(key) + " is malformed");
  }

  // A new log, or one whose creation was interrupted.
  Status Initialize() {
    const bool untouched = testimony_.log_files.empty() && meta_.starts.empty() &&
                           !meta_.manifest &&
                           (log_.prepared.empty() || log_.prepared.rbegin()->first == 1);
    if (!untouched)
      return Damaged(directory_, "the record of the log's format is missing" + Gone());
    if (log_.prepared.empty()) {
      rocksdb::ColumnFamilyHandle* handle = nullptr;
      const rocksdb::Status status = log_.db->CreateColumnFamily(NewLogGenerationFamilyOptions(),
                                                                 GenerationFamilyName(1), &handle);
      if (!status.ok()) return FromRocksDb(directory_, status);
      log_.prepared[1] = FamilyPtr(handle, FamilyCloser{log_.db.get()});
    }
    rocksdb::WriteBatch batch;
    batch.Put(log_.meta.get(), rocksdb::Slice(kLogFormatKey), EncodeLogNumber(kLogFormatVersion));
    batch.Put(log_.meta.get(), GenerationStartKey(1), EncodeLogNumber(0));
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = log_.db->Write(options, &batch);
    if (!status.ok()) return FromRocksDb(directory_, status);
    meta_.starts[1] = 0;
    return Ok();
  }

  // Tells generations from families prepared for later ones: those have no start record yet.
  Status SortFamilies() {
    if (meta_.starts.empty())
      return Damaged(directory_, "no generation has a start record" + Gone());
    const uint64_t active = meta_.starts.rbegin()->first;
    while (!log_.prepared.empty() && log_.prepared.begin()->first <= active) {
      auto node = log_.prepared.extract(log_.prepared.begin());
      log_.generations[node.key()].family = std::move(node.mapped());
    }
    // Dropping goes from the oldest up and forgets the start records last.
    uint64_t next = log_.generations.empty() ? active : log_.generations.begin()->first;
    for (; next <= active; ++next) {
      if (log_.generations.contains(next) && meta_.starts.contains(next)) continue;
      return Damaged(directory_, "generation " + std::to_string(next) + " is missing" + Gone());
    }
    return Ok();
  }

  Status VerifyEntries() {
    uint64_t expected = meta_.starts.at(log_.generations.begin()->first);
    for (auto& [number, generation] : log_.generations) {
      SIBYL_RETURN_IF_ERROR(CheckFollows(expected, meta_.starts.at(number), number));
      generation.recovered = NewEntryIterator(log_.db.get(), generation.family.get());
      SIBYL_RETURN_IF_ERROR(VerifyGeneration(number, generation.recovered.get(), &expected));
    }
    for (const auto& [number, family] : log_.prepared) {
      const auto entries = NewEntryIterator(log_.db.get(), family.get());
      entries->SeekToFirst();
      if (!entries->Valid() && entries->status().ok()) continue;
      return Damaged(directory_, "the start record of generation " + std::to_string(number) +
                                     " is missing" + Gone());
    }
    log_.active_start = meta_.starts.rbegin()->second;
    log_.next_sequence = expected;
    log_.manifest = std::move(meta_.manifest);
    log_.manifest_number = meta_.manifest_number;
    return Ok();
  }

  // Follows the chain of entries from *expected, and leaves there where it ends.
  Status VerifyGeneration(uint64_t number, rocksdb::Iterator* entries, uint64_t* expected) const {
    for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
      const auto first_sequence = SequenceOfEntryKey(entries->key().ToStringView());
      const auto entry = first_sequence
                             ? ParseEntry(*first_sequence, entries->value().ToStringView())
                             : std::nullopt;
      if (!entry) {
        return Damaged(directory_, "generation " + std::to_string(number) + ": entry " +
                                       base::Quoted(entries->key().ToStringView()) +
                                       " is malformed");
      }
      SIBYL_RETURN_IF_ERROR(
          CheckFollows(*expected, *first_sequence - entry->header.skipped, number));
      *expected = *first_sequence + entry->header.record_count;
    }
    if (!entries->status().ok()) return FromRocksDb(directory_, entries->status());
    return Ok();
  }

  Status CheckFollows(uint64_t expected, uint64_t found, uint64_t generation) const {
    if (found == expected) return Ok();
    return Damaged(directory_, "generation " + std::to_string(generation) +
                                   ": the log goes on at sequence " + std::to_string(found) +
                                   " instead of " + std::to_string(expected) + Gone());
  }

  Status CompareWithWitness() const {
    if (log_.next_sequence < testimony_.synced_next_sequence) {
      return Damaged(directory_,
                     "entries that were durable are missing: the log ends before sequence " +
                         std::to_string(log_.next_sequence) + " instead of " +
                         std::to_string(testimony_.synced_next_sequence) + Gone());
    }
    if (log_.manifest_number < testimony_.manifest_number) {
      return Damaged(directory_, "manifest " + std::to_string(testimony_.manifest_number) +
                                     " is missing; the newest found is " +
                                     std::to_string(log_.manifest_number) + Gone());
    }
    // A log with a past has a witness of it; a fresh witness means that the old one was deleted.
    const bool has_a_past = log_.next_sequence > 0 || log_.manifest_number > 0;
    if (has_a_past && testimony_.log_files.empty()) {
      return Damaged(directory_, std::string(kWitnessName) + " is missing");
    }
    return Ok();
  }

  // RocksDB appends to a new file and never syncs those it recovered. A crash of the process may
  // have left them unsynced: they must not lose to a power cut what precedes entries to come.
  Status MakeDurable() {
    for (const uint64_t number : files_before_) {
      const Path path = directory_ / LogFileName(number);
      std::error_code code;
      const uint64_t bytes = std::filesystem::file_size(path, code);
      if (code == std::errc::no_such_file_or_directory) continue;  // no longer needed
      if (code) return IoError(path, "read the size of", code);
      if (bytes > 0) SIBYL_RETURN_IF_ERROR(SyncPath(path));
    }
    const rocksdb::Status status = log_.db->SyncWAL();
    if (!status.ok()) return FromRocksDb(directory_, status);
    SIBYL_RETURN_IF_ERROR(SyncPath(directory_));
    SIBYL_ASSIGN_OR_RETURN(auto files, ListLogFiles(directory_));
    log_.witness->RecordSynced(log_.next_sequence, log_.manifest_number, std::move(files));
    return log_.witness->Sync();
  }

  std::string Gone() const { return MissingFiles(testimony_, files_before_); }

  const Path directory_;
  LogTestimony testimony_;              // as found
  std::vector<uint64_t> files_before_;  // the log files as found
  std::vector<rocksdb::ColumnFamilyDescriptor> families_;
  bool tail_is_damaged_ = false;
  std::string skipped_damage_;  // RocksDB's words for what it left out, if anything
  Meta meta_;
  OpenedLog log_;
};

}  // namespace

void FamilyCloser::operator()(rocksdb::ColumnFamilyHandle* family) const {
  // Fails only for a family of another DB.
  static_cast<void>(db->DestroyColumnFamilyHandle(family));
}

Result<OpenedLog> OpenLogDatabase(const Path& directory) { return Opener(directory).Run(); }

Result<OpenedLog> OpenLogDatabaseReadOnly(const Path& directory) {
  return Opener(directory).RunReadOnly();
}

OpenedLog SalvageLogDatabase(const Path& directory, std::vector<std::string>* problems) {
  return Opener(directory).Salvage(problems);
}

Status ReplayEntries(const Path& directory, rocksdb::Iterator* entries, bool salvaging,
                     const std::function<Status(const LogEntry&)>& visit) {
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    const auto first_sequence = SequenceOfEntryKey(entries->key().ToStringView());
    const auto stored = first_sequence
                            ? ParseEntry(*first_sequence, entries->value().ToStringView())
                            : std::nullopt;
    if (!stored && salvaging) continue;
    if (!stored) return Damaged(directory, "an entry became malformed since it was verified");
    SIBYL_RETURN_IF_ERROR(visit({*first_sequence, stored->header.record_count, stored->bytes}));
  }
  if (!entries->status().ok()) return FromRocksDb(directory, entries->status());
  return Ok();
}

std::unique_ptr<rocksdb::Iterator> NewEntryIterator(rocksdb::DB* db,
                                                    rocksdb::ColumnFamilyHandle* family) {
  return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(rocksdb::ReadOptions(), family));
}

Result<std::vector<uint64_t>> ListLogFiles(const Path& directory) {
  std::vector<uint64_t> numbers;
  std::error_code code;
  for (std::filesystem::directory_iterator file(directory, code), end; !code && file != end;
       file.increment(code)) {
    const std::string name = file->path().filename().string();
    if (!name.ends_with(kLogSuffix)) continue;
    const auto number = base::ParseNumber<uint64_t>(
        std::string_view(name).substr(0, name.size() - kLogSuffix.size()));
    if (number) numbers.push_back(*number);
  }
  if (code && code != std::errc::no_such_file_or_directory) {
    return IoError(directory, "list", code);
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::string LogFileName(uint64_t number) {
  const std::string digits = std::to_string(number);
  const size_t zeros = digits.size() < 6 ? 6 - digits.size() : 0;
  return std::string(zeros, '0') + digits + std::string(kLogSuffix);
}

}  // namespace sibyl::storage
