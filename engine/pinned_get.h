// A point read that leaves the value where it lies.

#ifndef SIBYL_ENGINE_PINNED_GET_H_
#define SIBYL_ENGINE_PINNED_GET_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/view.h"
#include "sibyl/result.h"
#include "sibyl/value.h"

namespace sibyl::engine {

// As View::Get, but that the value refers to the mapping, or to the block in the cache, and keeps it
// and `view` alive. A copy is made of what the delta has, and of large values that have to be read or
// decompressed.
Result<bool> GetPinned(const std::shared_ptr<const View>& view, std::string_view internal_key,
                       uint64_t sequence, PinnedValue* value);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_PINNED_GET_H_
