// Opening: from a directory to the state that was acknowledged.

#ifndef SIBYL_ENGINE_RECOVERY_H_
#define SIBYL_ENGINE_RECOVERY_H_

#include "engine/database_state.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// The file that makes a directory a database. Written last at creation: before it exists, what is
// there is an unfinished creation.
inline constexpr const char* kFormatFileName = "FORMAT";

// Checks `options` and `directory`, creating an empty one if the options allow. Errors:
// kInvalidArgument for an option out of its range, if there is no database and none may be created,
// if there is one and there must not be, or if the directory holds something else; kNotSupported
// for a newer layout; kIo.
Status PrepareDirectory(storage::FileSystem& files, const Options& options,
                        const storage::Path& directory);

// Locks the directory, opens the log and the segments, replays what the manifest does not cover
// and fills `state`: afterwards it answers reads. Returns the manifest in force.
// Errors: kBusy, kCorruption, kNotSupported, kIo.
Result<storage::Manifest> Recover(const Environment& environment, DatabaseState* state);

// Checks `options`, and that there is a database in `directory`, which is not touched. Errors:
// kInvalidArgument, kNotSupported, kIo.
Status CheckReadable(storage::FileSystem& files, const Options& options,
                     const storage::Path& directory);

// As Recover, touching no file and taking no lock; replayed generations stay in memory. Beside a
// writer it may fail, with kCorruption or kIo, because files went while it read.
Result<storage::Manifest> RecoverReadOnly(const Environment& environment, DatabaseState* state);

// Random: tells databases apart whose segments have the same numbers.
uint64_t NewDatabaseId();

// Makes `directory`, which is a whole database but for this, one.
Status WriteFormatFile(storage::FileSystem& files, const storage::Path& directory);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_RECOVERY_H_
