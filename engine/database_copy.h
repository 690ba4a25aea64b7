// A new database made of segments that exist: how checkpoints, restored backups and repaired
// databases come to be.
//
// It grows in "DIRECTORY.incomplete", which becomes DIRECTORY when it is whole and durable, so that
// nobody ever opens half of one. It is a database of its own, with an id of its own and an empty log.

#ifndef SIBYL_ENGINE_DATABASE_COPY_H_
#define SIBYL_ENGINE_DATABASE_COPY_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "engine/database_state.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// One thread at a time.
class DatabaseCopy {
 public:
  // Errors: kInvalidArgument if `directory` exists and is not an empty folder, or if there is an
  // incomplete one in the way; kIo.
  static Result<std::unique_ptr<DatabaseCopy>> Begin(const Environment& environment,
                                                     const storage::Path& directory);

  // Removes everything unless Finish succeeded.
  ~DatabaseCopy();
  DatabaseCopy(const DatabaseCopy&) = delete;
  DatabaseCopy& operator=(const DatabaseCopy&) = delete;

  // Where the files of segments are to be put, by name as SegmentFileName, each synced.
  storage::Path segments_directory() const { return incomplete_ / "segments"; }

  // Completes it. Of `manifest`, which names the segments that were put there, the id and what
  // concerns the log are replaced. Errors: kIo.
  Status Finish(storage::Manifest manifest);

 private:
  DatabaseCopy(const Environment& environment, storage::Path directory, storage::Path incomplete)
      : environment_(environment),
        directory_(std::move(directory)),
        incomplete_(std::move(incomplete)) {}

  const Environment environment_;
  const storage::Path directory_;
  const storage::Path incomplete_;
  bool finished_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DATABASE_COPY_H_
