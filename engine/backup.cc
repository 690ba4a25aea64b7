#include "engine/backup.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/backup_record.h"
#include "engine/database_copy.h"
#include "storage/file_copy.h"
#include "storage/segment_format.h"

namespace sibyl::engine {

namespace {

constexpr const char* kFormatName = "BACKUPS";
constexpr std::string_view kFormatPrefix = "SibylDB backups, layout version ";
constexpr std::string_view kFormatContent = "SibylDB backups, layout version 1\n";

// Where things are in a folder of backups.
struct Folder {
  storage::FileSystem& files;
  storage::Path path;

  storage::Path segments() const { return path / "segments"; }
  storage::Path records() const { return path / "records"; }

  // Errors: kInvalidArgument if there are no backups; kNotSupported; kIo.
  Status Check() const {
    SIBYL_ASSIGN_OR_RETURN(const bool present, files.Exists(path / kFormatName));
    if (!present) {
      return Error{ErrorCode::kInvalidArgument, path.string() + ": not a folder of backups"};
    }
    SIBYL_ASSIGN_OR_RETURN(const std::string content, files.ReadAll(path / kFormatName));
    if (content == kFormatContent) return Ok();
    if (content.starts_with(kFormatPrefix)) {
      return Error{ErrorCode::kNotSupported,
                   path.string() + ": backups written by a newer version (" +
                       base::Quoted(content.substr(kFormatPrefix.size())) + ")"};
    }
    return Error{ErrorCode::kCorruption,
                 (path / kFormatName).string() + ": not the format file of a folder of backups"};
  }

  // Makes the folder if it is not there. Errors: kInvalidArgument if it has something else in it.
  Status Prepare() const {
    SIBYL_ASSIGN_OR_RETURN(const bool present, files.Exists(path / kFormatName));
    if (present) return Check();
    SIBYL_RETURN_IF_ERROR(files.CreateDirectory(path));
    SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(path));
    for (const std::string& name : names) {
      // What an interrupted attempt to make the folder leaves.
      if (name == "segments" || name == "records" || name == "LOCK") continue;
      if (name.starts_with(kFormatName)) continue;
      return Error{ErrorCode::kInvalidArgument,
                   path.string() + ": not a folder of backups, and not empty: it has " +
                       base::Quoted(name)};
    }
    SIBYL_RETURN_IF_ERROR(files.CreateDirectory(segments()));
    SIBYL_RETURN_IF_ERROR(files.CreateDirectory(records()));
    return storage::WriteFileAtomically(files, path / kFormatName, kFormatContent);
  }

  Result<BackupRecord> ReadRecord(uint64_t number) const {
    const storage::Path record_path = records() / BackupRecordName(number);
    SIBYL_ASSIGN_OR_RETURN(const std::string bytes, files.ReadAll(record_path));
    auto record = DecodeBackupRecord(bytes);
    if (!record) {
      return Error{record.error().code, record_path.string() + ": " + record.error().message};
    }
    if (record->number != number) {
      return Error{ErrorCode::kCorruption, record_path.string() + ": is the record of backup " +
                                               std::to_string(record->number)};
    }
    return record;
  }

  // Ascending.
  Result<std::vector<uint64_t>> Numbers() const {
    std::vector<uint64_t> numbers;
    SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(records()));
    for (const std::string& name : names) {
      if (const uint64_t number = NumberOfBackupRecord(name); number != 0) {
        numbers.push_back(number);
      }
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

  Result<std::vector<BackupRecord>> ReadRecords() const {
    std::vector<BackupRecord> found;
    SIBYL_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, Numbers());
    for (const uint64_t number : numbers) {
      SIBYL_ASSIGN_OR_RETURN(BackupRecord record, ReadRecord(number));
      found.push_back(std::move(record));
    }
    return found;
  }
};

// The segments of a backup, by the names of their files.
std::map<std::string, BackupFile> FilesOf(const BackupRecord& record) {
  std::map<std::string, BackupFile> files;
  const std::vector<storage::ManifestSegment> segments = SegmentsOf(record.manifest);
  for (size_t i = 0; i < segments.size(); ++i) {
    const BackupFile& file = record.files[i];
    files[BackupSegmentName(record.manifest.database_id, segments[i].id, file.identity)] = file;
  }
  return files;
}

// The checksum in the tail of a segment's footer. It covers the checksums of all sections, and the
// time that building took: a copied database that went its own way has other identities.
Result<uint64_t> IdentityOf(storage::FileSystem& files, const storage::Path& segment) {
  constexpr size_t kOffsetInTail = 16;
  SIBYL_ASSIGN_OR_RETURN(const auto file, files.Open(segment));
  if (file->size_bytes() < storage::kSegmentTailBytes) {
    return Error{ErrorCode::kCorruption, segment.string() + ": shorter than a footer"};
  }
  char bytes[sizeof(uint64_t)];
  SIBYL_RETURN_IF_ERROR(file->Read(
      file->size_bytes() - storage::kSegmentTailBytes + kOffsetInTail, sizeof(bytes), bytes));
  return base::Load64(bytes);
}

// One backup on its way into a folder.
class BackupWriter {
 public:
  BackupWriter(Folder folder, const storage::Manifest& manifest) : folder_(std::move(folder)) {
    record_.manifest = manifest;
  }

  Result<BackupInfo> Run(const View& view) {
    SIBYL_RETURN_IF_ERROR(FindEarlierFiles());
    for (const auto& level : view.levels) {
      for (const SegmentPtr& segment : level->segments()) {
        SIBYL_RETURN_IF_ERROR(AddSegment(*segment));
      }
    }
    SIBYL_RETURN_IF_ERROR(folder_.files.SyncDirectory(folder_.segments()));
    record_.created_unix_s = std::chrono::duration_cast<std::chrono::seconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
    SIBYL_RETURN_IF_ERROR(storage::WriteFileAtomically(
        folder_.files, folder_.records() / BackupRecordName(record_.number),
        EncodeBackupRecord(record_)));
    return Describe(record_);
  }

 private:
  // A record that is damaged says nothing: its segments are copied again.
  Status FindEarlierFiles() {
    SIBYL_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, folder_.Numbers());
    record_.number = numbers.empty() ? 1 : numbers.back() + 1;
    for (const uint64_t number : numbers) {
      const auto record = folder_.ReadRecord(number);
      if (record) earlier_.merge(FilesOf(*record));
    }
    return Ok();
  }

  Status AddSegment(const LearnedSegment& segment) {
    const storage::Path& from = segment.path();
    SIBYL_ASSIGN_OR_RETURN(const uint64_t identity, IdentityOf(folder_.files, from));
    const std::string name =
        BackupSegmentName(record_.manifest.database_id, segment.id(), identity);
    const auto found = earlier_.find(name);
    if (found != earlier_.end()) {
      SIBYL_ASSIGN_OR_RETURN(const bool there, folder_.files.Exists(folder_.segments() / name));
      if (there) {
        record_.files.push_back(found->second);
        return Ok();
      }
    }
    SIBYL_ASSIGN_OR_RETURN(const storage::FileContent content, CopySegment(from, name));
    record_.files.push_back({identity, content});
    record_.copied_bytes += content.bytes;
    return Ok();
  }

  // The copy is what is verified: that proves the original as well.
  Result<storage::FileContent> CopySegment(const storage::Path& from, const std::string& name) {
    storage::FileSystem& files = folder_.files;
    const storage::Path temporary = folder_.segments() / (name + ".tmp");
    SIBYL_ASSIGN_OR_RETURN(const storage::FileContent content,
                           storage::CopyFile(files, from, temporary));
    Status status = VerifyCopy(from, temporary);
    if (status) status = files.Rename(temporary, folder_.segments() / name);
    if (status) return content;
    (void)files.Remove(temporary);  // the first error is the one to report
    return std::move(status).error();
  }

  Status VerifyCopy(const storage::Path& from, const storage::Path& copy) {
    const auto verify = [&]() -> Status {
      SIBYL_ASSIGN_OR_RETURN(const auto segment, storage::Segment::Open(folder_.files, copy, {}));
      return segment->Verify();
    };
    const Status verified = verify();
    if (verified) return verified;
    return Error{verified.error().code,
                 from.string() + ": its copy does not verify: " + verified.error().message};
  }

  const Folder folder_;
  BackupRecord record_;
  std::map<std::string, BackupFile> earlier_;
};

}  // namespace

Result<BackupInfo> WriteBackup(storage::FileSystem& files, const storage::Manifest& manifest,
                               const View& view, const storage::Path& backups) {
  const Folder folder{files, backups};
  SIBYL_RETURN_IF_ERROR(folder.Prepare());
  SIBYL_ASSIGN_OR_RETURN(const auto lock, files.Lock(backups / "LOCK"));
  return BackupWriter(folder, manifest).Run(view);
}

Result<std::vector<BackupInfo>> ListBackups(storage::FileSystem& files,
                                            const storage::Path& backups) {
  const Folder folder{files, backups};
  SIBYL_RETURN_IF_ERROR(folder.Check());
  SIBYL_ASSIGN_OR_RETURN(const std::vector<BackupRecord> records, folder.ReadRecords());
  std::vector<BackupInfo> infos;
  for (const BackupRecord& record : records) infos.push_back(Describe(record));
  return infos;
}

Result<BackupReport> VerifyBackups(storage::FileSystem& files, const storage::Path& backups) {
  const Folder folder{files, backups};
  SIBYL_RETURN_IF_ERROR(folder.Check());
  BackupReport report;
  std::map<std::string, BackupFile> expected;
  SIBYL_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, folder.Numbers());
  for (const uint64_t number : numbers) {
    const auto record = folder.ReadRecord(number);
    ++report.backups;
    if (record) {
      expected.merge(FilesOf(*record));
    } else {
      report.problems.push_back(record.error().message);
    }
  }
  for (const auto& [name, file] : expected) {
    const storage::Path path = folder.segments() / name;
    const auto content = storage::ReadContent(files, path);
    ++report.segments;
    report.bytes += file.content.bytes;
    if (!content) {
      report.problems.push_back(content.error().message);
    } else if (*content != file.content) {
      report.problems.push_back(path.string() + ": not what was backed up: checksum mismatch");
    }
  }
  return report;
}

Result<BackupInfo> RestoreBackup(const Environment& environment, const storage::Path& backups,
                                 uint64_t number, const storage::Path& directory) {
  const Folder folder{*environment.files, backups};
  SIBYL_RETURN_IF_ERROR(folder.Check());
  SIBYL_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, folder.Numbers());
  if (number == 0 && !numbers.empty()) number = numbers.back();
  if (!std::binary_search(numbers.begin(), numbers.end(), number)) {
    return Error{ErrorCode::kInvalidArgument,
                 backups.string() + ": there is no backup " +
                     (number == 0 ? std::string("yet") : std::to_string(number))};
  }
  SIBYL_ASSIGN_OR_RETURN(const BackupRecord record, folder.ReadRecord(number));
  SIBYL_ASSIGN_OR_RETURN(const auto copy, DatabaseCopy::Begin(environment, directory));
  const std::vector<storage::ManifestSegment> segments = SegmentsOf(record.manifest);
  for (size_t i = 0; i < segments.size(); ++i) {
    const BackupFile& file = record.files[i];
    const storage::Path from =
        folder.segments() /
        BackupSegmentName(record.manifest.database_id, segments[i].id, file.identity);
    SIBYL_ASSIGN_OR_RETURN(
        const storage::FileContent content,
        storage::CopyFile(*environment.files, from,
                          copy->segments_directory() / storage::SegmentFileName(segments[i].id)));
    if (content == file.content) continue;
    return Error{ErrorCode::kCorruption,
                 from.string() + ": not what was backed up: checksum mismatch"};
  }
  SIBYL_RETURN_IF_ERROR(copy->Finish(record.manifest));
  return Describe(record);
}

Result<uint64_t> DeleteOldBackups(storage::FileSystem& files, const storage::Path& backups,
                                  uint64_t kept) {
  if (kept == 0) {
    return Error{ErrorCode::kInvalidArgument, "at least one backup must be kept"};
  }
  const Folder folder{files, backups};
  SIBYL_RETURN_IF_ERROR(folder.Check());
  SIBYL_ASSIGN_OR_RETURN(const auto lock, files.Lock(backups / "LOCK"));
  SIBYL_ASSIGN_OR_RETURN(const std::vector<BackupRecord> records, folder.ReadRecords());
  std::set<std::string> needed;
  const size_t deleted = records.size() - std::min<size_t>(records.size(), kept);
  for (size_t i = 0; i < records.size(); ++i) {
    if (i < deleted) {
      SIBYL_RETURN_IF_ERROR(files.Remove(folder.records() / BackupRecordName(records[i].number)));
      continue;
    }
    for (const auto& [name, file] : FilesOf(records[i])) needed.insert(name);
  }
  SIBYL_RETURN_IF_ERROR(files.SyncDirectory(folder.records()));
  uint64_t freed_bytes = 0;
  SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(folder.segments()));
  for (const std::string& name : names) {
    if (needed.contains(name)) continue;
    SIBYL_ASSIGN_OR_RETURN(const auto file, files.Open(folder.segments() / name));
    freed_bytes += file->size_bytes();
    SIBYL_RETURN_IF_ERROR(files.Remove(folder.segments() / name));
  }
  return freed_bytes;
}

}  // namespace sibyl::engine
