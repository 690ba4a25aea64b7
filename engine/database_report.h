// What a database tells of itself: whether its files are whole, and its statistics.

#ifndef SIBYL_ENGINE_DATABASE_REPORT_H_
#define SIBYL_ENGINE_DATABASE_REPORT_H_

#include "engine/database_state.h"
#include "engine/read_point.h"
#include "engine/view.h"
#include "sibyl/database.h"
#include "sibyl/stats.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// Checks the log, every segment of `view`, and that its levels are those of `manifest`, which was
// in force with it. Reads every file once; a problem does not end it.
VerifyReport VerifyAll(const DatabaseState& state, const storage::Manifest& manifest,
                       const View& view);

// Everything in Stats but what only the compactor knows. Reads the index of every segment that was
// not read from yet.
Stats ReadStats(const DatabaseState& state, const ReadPoint& point);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DATABASE_REPORT_H_
