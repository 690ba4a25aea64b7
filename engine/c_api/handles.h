// What stands behind the opaque types of sibyl/c.h, and how C++ results become C results.

#ifndef SIBYL_ENGINE_C_API_HANDLES_H_
#define SIBYL_ENGINE_C_API_HANDLES_H_

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "sibyl/c.h"
#include "sibyl/database.h"

struct sibyl_error {
  int code;
  std::string message;
};
struct sibyl_tree_options {
  sibyl::TreeOptions options;
};
struct sibyl_options {
  sibyl::Options options;
};
// What depends on a database keeps it open, and an iterator its transaction: languages that collect
// garbage free objects in any order. Members are destroyed from the last to the first.
struct sibyl_db {
  std::shared_ptr<sibyl::Database> database;
};
struct sibyl_snapshot {
  std::shared_ptr<sibyl::Database> database;
  std::shared_ptr<sibyl::Snapshot> snapshot;
};
struct sibyl_iterator {
  std::shared_ptr<sibyl::Database> database;
  std::shared_ptr<sibyl::Snapshot> snapshot;        // if it was given one
  std::shared_ptr<sibyl::Transaction> transaction;  // if it is one's
  std::unique_ptr<sibyl::Iterator> iterator;
};
struct sibyl_pinned {
  std::shared_ptr<sibyl::Database> database;  // outlives the value
  sibyl::PinnedValue value;
};
struct sibyl_batch {
  sibyl::WriteBatch batch;
};
struct sibyl_merge_result {
  std::string bytes;
};
struct sibyl_transaction {
  std::shared_ptr<sibyl::Database> database;
  std::shared_ptr<sibyl::Transaction> transaction;
};

namespace sibyl::c_api {

// The error as C sees it. Never null.
sibyl_error* ToC(const Error& error);
sibyl_error* OutOfMemory();

// Runs `work`, which returns a Status; nothing that it throws gets past.
template <typename Work>
sibyl_error* Guarded(const Work& work) {
  try {
    const Status status = work();
    return status ? nullptr : ToC(status.error());
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception& error) {
    return ToC({ErrorCode::kInvalidArgument, error.what()});
  }
}

inline std::string_view View(const char* data, size_t size) {
  return size == 0 ? std::string_view() : std::string_view(data, size);
}
inline std::string_view View(const sibyl_slice& slice) { return View(slice.data, slice.size); }
inline std::optional<std::string_view> ViewIfAny(const sibyl_slice* slice) {
  return slice == nullptr ? std::nullopt : std::optional<std::string_view>(View(*slice));
}

// Bytes of the caller's. Throws bad_alloc.
sibyl_buffer NewBuffer(std::string_view bytes);

inline ReadOptions At(const sibyl_snapshot* snapshot) {
  return {snapshot == nullptr ? nullptr : snapshot->snapshot.get()};
}
IteratorOptions Bounds(const sibyl_slice* lower, const sibyl_slice* upper);

}  // namespace sibyl::c_api

#endif  // SIBYL_ENGINE_C_API_HANDLES_H_
