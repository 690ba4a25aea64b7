// Checkpoints: a second database out of the segments of a running one.

#ifndef SIBYL_ENGINE_CHECKPOINT_H_
#define SIBYL_ENGINE_CHECKPOINT_H_

#include "engine/database_state.h"
#include "engine/view.h"
#include "sibyl/database.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// Makes `directory` a database with what `manifest` names. `view` has those segments, and so keeps
// their files. Errors: see Database::Checkpoint.
Result<CheckpointInfo> WriteCheckpoint(const Environment& environment,
                                       const storage::Manifest& manifest, const View& view,
                                       const storage::Path& directory);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_CHECKPOINT_H_
