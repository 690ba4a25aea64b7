// The event log: what a database does on its own, one line of JSON each, for people and for programs.
//
// In the file EVENTS of the database's folder, which becomes EVENTS.1 when it is full; and to the
// listener in the options.

#ifndef SIBYL_ENGINE_EVENT_LOG_H_
#define SIBYL_ENGINE_EVENT_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "storage/file_system.h"

namespace sibyl::engine {

// Thread-safe. The file is a help, not data: what cannot be written is dropped.
class EventLog {
 public:
  using Listener = std::function<void(std::string_view line)>;
  using Numbers = std::initializer_list<std::pair<const char*, uint64_t>>;

  // `file_bytes` 0: no file. `files` must outlive the log.
  EventLog(storage::FileSystem& files, storage::Path directory, uint64_t file_bytes,
           Listener listener)
      : files_(files),
        path_(std::move(directory) / "EVENTS"),
        file_bytes_(file_bytes),
        listener_(std::move(listener)) {}

  // {"unix_ms":1700000000000,"event":"<event>","<name>":<number>,...,"message":"<message>"}
  void Write(std::string_view event, Numbers numbers, std::string_view message = {});

 private:
  void WriteToFile(const std::string& line);
  Status GoOn();
  Status StartAnew();

  storage::FileSystem& files_;
  const storage::Path path_;
  const uint64_t file_bytes_;
  const Listener listener_;
  std::mutex mutex_;  // guards the rest
  std::unique_ptr<storage::WritableFile> file_;
  uint64_t written_bytes_ = 0;  // to the file, in earlier lives of the database too
  bool failed_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_EVENT_LOG_H_
