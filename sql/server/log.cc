#include "sql/server/log.h"

#include <time.h>

namespace sibyl::sql::server {
namespace {

std::string Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char text[64];
  const size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(text + length, sizeof(text) - length, ".%03ldZ", now.tv_nsec / 1'000'000);
  return text;
}

void AppendValue(std::string_view value, std::string* line) {
  const bool is_plain =
      !value.empty() && value.find_first_of(" \"=\n\r\t\\") == std::string_view::npos;
  if (is_plain) {
    line->append(value);
    return;
  }
  line->push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') line->push_back('\\');
    if (c == '\n') {
      line->append("\\n");
    } else if (static_cast<unsigned char>(c) < ' ') {
      line->push_back('?');
    } else {
      line->push_back(c);
    }
  }
  line->push_back('"');
}

}  // namespace

Log::Log(const std::string& path)
    : file_(path.empty() ? nullptr : std::fopen(path.c_str(), "ae")) {}

Log::~Log() {
  if (file_ != nullptr) std::fclose(file_);
}

void Log::Write(std::string_view level, std::string_view event, Fields fields) {
  std::string line = Now();
  line.append(" ").append(level).append(" ").append(event);
  for (const auto& [key, value] : fields) {
    line.append(" ").append(key).append("=");
    AppendValue(value, &line);
  }
  line.push_back('\n');
  const std::lock_guard lock(mutex_);
  std::FILE* const file = file_ == nullptr ? stderr : file_;
  std::fwrite(line.data(), 1, line.size(), file);
  std::fflush(file);
}

}  // namespace sibyl::sql::server
