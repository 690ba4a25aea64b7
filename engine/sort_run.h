// A sorted run on disk while an ingestion sorts: one file, written once, read once, removed.
//
// Much simpler than a segment: nothing is looked up in it, so nothing is learned. Records lie in
// chunks, each with a checksum.

#ifndef SIBYL_ENGINE_SORT_RUN_H_
#define SIBYL_ENGINE_SORT_RUN_H_

#include <memory>
#include <string>
#include <string_view>

#include "engine/cursor.h"
#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::engine {

// A finished run. Destroying it removes its file.
class SortRun {
 public:
  SortRun(storage::FileSystem& files, storage::Path path)
      : files_(&files), path_(std::move(path)) {}
  ~SortRun();
  SortRun(const SortRun&) = delete;
  SortRun& operator=(const SortRun&) = delete;

  // Reads the run from its beginning, a chunk at a time; the run must outlive the cursor.
  // Errors: kIo; the cursor's are kIo and kCorruption.
  Result<std::unique_ptr<ForwardCursor>> NewCursor() const;

 private:
  storage::FileSystem* const files_;
  const storage::Path path_;
};

// One thread at a time. A writer that is destroyed before Finish leaves no file.
class SortRunWriter {
 public:
  static Result<std::unique_ptr<SortRunWriter>> Create(storage::FileSystem& files,
                                                       const storage::Path& path);

  // Adds the next record, in key order. Errors: kIo.
  Status Add(std::string_view key, std::string_view value);

  // Errors: kIo.
  Result<std::unique_ptr<SortRun>> Finish();

 private:
  SortRunWriter(std::unique_ptr<SortRun> run, std::unique_ptr<storage::WritableFile> file)
      : run_(std::move(run)), file_(std::move(file)) {}
  Status WriteChunk();

  std::unique_ptr<SortRun> run_;  // its file goes with it
  std::unique_ptr<storage::WritableFile> file_;
  std::string chunk_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SORT_RUN_H_
