#include "engine/event_log.h"

#include <chrono>
#include <cstdio>

#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

uint64_t UnixMilliseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

void AppendJsonString(std::string_view text, std::string* out) {
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {  // bytes of keys need not be text in any encoding
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
      *out += escape;
    } else {
      *out += c;
    }
  }
  *out += '"';
}

}  // namespace

void EventLog::Write(std::string_view event, Numbers numbers, std::string_view message) {
  if (file_bytes_ == 0 && !listener_) return;
  std::string line = "{\"unix_ms\":" + std::to_string(UnixMilliseconds()) + ",\"event\":";
  AppendJsonString(event, &line);
  for (const auto& [name, number] : numbers) {
    line += ',';
    AppendJsonString(name, &line);
    line += ':' + std::to_string(number);
  }
  if (!message.empty()) {
    line += ",\"message\":";
    AppendJsonString(message, &line);
  }
  line += '}';
  if (listener_) listener_(line);
  if (file_bytes_ > 0) WriteToFile(line + '\n');
}

void EventLog::WriteToFile(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  failed_ = (file_ == nullptr && !GoOn()) ||
            (written_bytes_ + line.size() > file_bytes_ && !StartAnew()) || !file_->Append(line);
  written_bytes_ += line.size();
}

Status EventLog::GoOn() {
  SIBYL_ASSIGN_OR_RETURN(file_, files_.OpenToAppend(path_));
  SIBYL_ASSIGN_OR_RETURN(const auto present, files_.Open(path_));
  written_bytes_ = present->size_bytes();
  return Ok();
}

Status EventLog::StartAnew() {
  storage::Path older = path_;
  older += ".1";
  (void)files_.Rename(path_, older);
  SIBYL_ASSIGN_OR_RETURN(file_, files_.Create(path_));
  written_bytes_ = 0;
  return Ok();
}

}  // namespace sibyl::engine
