#include "sql/server/startup_options.h"

#include <algorithm>

namespace sibyl::sql::server {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsSpace(text[i])) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    words.back() += text[i];
  }
  return words;
}

}  // namespace

SqlResult<std::vector<std::pair<std::string, std::string>>> ParseStartupOptions(
    std::string_view options) {
  std::vector<std::pair<std::string, std::string>> settings;
  const std::vector<std::string> words = Words(options);
  for (size_t i = 0; i < words.size(); ++i) {
    std::string setting;
    if (words[i] == "-c" && i + 1 < words.size()) {
      setting = words[++i];
    } else if (words[i].size() > 2 && (words[i].starts_with("-c") || words[i].starts_with("--"))) {
      setting = words[i].substr(2);
    }
    const size_t equals = setting.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return SqlError{"42601", "invalid command-line argument for server process: " + words[i]};
    }
    std::string name = setting.substr(0, equals);
    std::replace(name.begin(), name.end(), '-', '_');
    settings.emplace_back(std::move(name), setting.substr(equals + 1));
  }
  return settings;
}

}  // namespace sibyl::sql::server
