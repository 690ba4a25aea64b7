// Bulk loading: records in any order become sorted segments, without passing through the log.

#ifndef SIBYL_ENGINE_INGEST_H_
#define SIBYL_ENGINE_INGEST_H_

#include <memory>
#include <vector>

#include "engine/catalogue.h"
#include "engine/learned_segment.h"
#include "engine/segment_store.h"
#include "sibyl/database.h"
#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// Reads `source` to its end and returns its records as segments in key order, one record per key,
// the last one given. Not yet part of any manifest: their files go with them unless they are kept.
// Input in any order is sorted in runs of options.segment_bytes, which are merged from disk, a few
// dozen at a time: memory and open files stay bounded.
// Errors: those of `source`; kInvalidArgument past the limits of write_batch.h, or naming the key
// that breaks a promised order; kIo. No file is left behind. `catalogue` has the tree's options.
Result<std::vector<SegmentPtr>> BuildIngestedSegments(
    SegmentStore& store, const Options& options, std::shared_ptr<const Catalogue> catalogue,
    Tree tree, const RecordSource& source, const IngestOptions& ingest_options);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_INGEST_H_
