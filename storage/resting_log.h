// A log that is not opened before something is written.
//
// Opening RocksDB takes milliseconds, and it writes: it begins new files and removes old ones. Who
// opens a database to read a few rows, and closes it, needs none of that if there is nothing to
// replay. So whoever closes a log in which nothing is left notes the manifest and where the log
// stands in a file beside the log's own, RESTING, and the next opening answers from that note. The
// first write opens the log itself.
//
// A log that cannot be opened, being damaged, keeps its note: all that it had is still there to be
// read, until somebody repairs the database.
//
// The note holds only while the log's files are, by name and size, those that it was written for:
// an older program that does not know of it changes them. Whoever opens the log removes it before.
// It is never needed: without it, or with a damaged one, the log is opened as ever. Byte by byte in
// docs/file-format.md, "RESTING".

#ifndef SIBYL_STORAGE_RESTING_LOG_H_
#define SIBYL_STORAGE_RESTING_LOG_H_

#include <functional>
#include <memory>

#include "sibyl/result.h"
#include "storage/commit_log.h"
#include "storage/file_system.h"

namespace sibyl::storage {

using LogOpener = std::function<Result<std::unique_ptr<CommitLog>>(const Path& directory)>;

// The log in `directory`, by a note if there is one that holds, else by `open`. Its first write
// calls `open`, and gives back what that says if it fails; so does kCorruption if the log is not
// the one that the note is about. Damage in a log file at rest, of which nothing is needed, is
// noticed no sooner than that. When `open` returns, changes of the directory must be durable: those
// of before, too.
//
// If the folder was deleted or moved meanwhile, perhaps with another in its place, the first write
// fails with kIo and touches nothing: unlike a log that is open, this one cannot be followed.
//
// Closing it leaves a note if nothing has to be replayed (CommitLog::AtRest).
// `files` must outlive it. Errors: those of `open`.
Result<std::unique_ptr<CommitLog>> OpenRestingLog(FileSystem& files, const Path& directory,
                                                  LogOpener open, LogOpener open_read_only);

// The same for reading only: with a note that holds every write fails with kReadOnly, and no file
// is touched.
Result<std::unique_ptr<CommitLog>> OpenRestingLogReadOnly(FileSystem& files, const Path& directory,
                                                          LogOpener open_read_only);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_RESTING_LOG_H_
