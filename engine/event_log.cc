#include "engine/event_log.h"

#include <chrono>
#include <cstdio>

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
  if (file_ == nullptr || written_bytes_ + line.size() > file_bytes_) {
    file_.reset();
    storage::Path older = path_;
    older += ".1";
    const auto exists = files_.Exists(path_);
    if (exists && *exists) (void)files_.Rename(path_, older);
    auto created = files_.Create(path_);
    failed_ = !created;
    if (failed_) return;
    file_ = std::move(*created);
    written_bytes_ = 0;
  }
  failed_ = !file_->Append(line);
  written_bytes_ += line.size();
}

}  // namespace sibyl::engine
