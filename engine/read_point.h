// A read point: one state of the database, as whoever reads it holds it.

#ifndef SIBYL_ENGINE_READ_POINT_H_
#define SIBYL_ENGINE_READ_POINT_H_

#include <cstdint>
#include <memory>

#include "engine/view.h"

namespace sibyl::engine {

// A consistent pair: everything up to `sequence`, and nothing after it, is in `view`.
struct ReadPoint {
  std::shared_ptr<const View> view;
  uint64_t sequence = 0;
  uint64_t now_seconds = 0;  // what had expired then has: see TreeOptions::ttl_seconds
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_READ_POINT_H_
