#include "tests/architecture/include_rules.h"

#include <algorithm>
#include <array>

namespace sibyl::tests {
namespace {

// A folder of ours, and the folders whose headers its files may include. The first that a file is in
// counts.
struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

const std::vector<Layer>& Layers() {
  static const std::vector<Layer> layers = {
      {"include/", {"sibyl/"}},
      {"base/", {"sibyl/", "base/"}},
      {"index/", {"sibyl/", "base/", "index/"}},
      {"storage/", {"sibyl/", "base/", "storage/"}},
      {"engine/", {"sibyl/", "base/", "index/", "storage/", "engine/"}},
      {"sql/", {"sibyl/", "base/", "sql/"}},
      {"tools/", {"sibyl/", "base/", "sql/", "tools/"}},
      // One part of the engine by itself; whole engines are compared by what they publish.
      {"bench/micro/", {"sibyl/", "base/", "index/", "storage/", "engine/", "bench/"}},
      {"bench/", {"sibyl/", "base/", "index/", "sql/", "bench/"}},
  };
  return layers;
}

// A library whose headers only some of our files may see.
struct Fence {
  std::string_view library;
  std::vector<std::string_view> files;  // prefixes of the paths that may include it
};

const std::vector<Fence>& Fences() {
  static const std::vector<Fence> fences = {
      {"rocksdb/", {"storage/commit_log", "storage/block_cache.cc", "bench/rivals/", "tests/"}},
      {"Eigen/", {"index/"}},
      {"CLI/", {"tools/command_line.cc", "bench/"}},  // seconds of compiling per file
      {"jemalloc/", {}},
      {"pg_query/", {"sql/server/dialect/parse_tree.h"}},
  };
  return fences;
}

bool StartsWithAny(std::string_view text, const std::vector<std::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool IsOurs(std::string_view header) {
  static constexpr std::array<std::string_view, 10> kFolders = {
      "sibyl/", "base/",  "index/", "storage/", "engine/",
      "sql/",   "tools/", "bench/", "tests/",   "include/"};
  return std::any_of(kFolders.begin(), kFolders.end(),
                     [&](std::string_view folder) { return header.starts_with(folder); });
}

// <vector>, <cstdint>, <stdint.h>: no folder in the name.
bool IsStandard(const Include& include) {
  return !include.quoted && include.header.find('/') == std::string::npos;
}

}  // namespace

std::vector<Include> ParseIncludes(std::string_view text) {
  std::vector<Include> includes;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string_view::npos || line[hash] != '#') continue;
    line.remove_prefix(hash + 1);
    const size_t word = line.find_first_not_of(" \t");
    if (word == std::string_view::npos || !line.substr(word).starts_with("include")) continue;
    const size_t open = line.find_first_of("\"<", word);
    if (open == std::string_view::npos) continue;
    const size_t close = line.find_first_of("\">", open + 1);
    if (close == std::string_view::npos) continue;
    includes.push_back({std::string(line.substr(open + 1, close - open - 1)), line[open] == '"'});
  }
  return includes;
}

std::optional<std::string> WhyForbidden(std::string_view file, const Include& include) {
  for (const Fence& fence : Fences()) {
    if (include.header.starts_with(fence.library) && !StartsWithAny(file, fence.files)) {
      return "headers of " + std::string(fence.library) + " are fenced off from this file";
    }
  }
  if (include.header.starts_with("Eigen/") && !file.ends_with(".cc")) {
    return "Eigen belongs in .cc files: users of a header must not need it";
  }
  if (file.starts_with("include/") && !IsStandard(include) &&
      !include.header.starts_with("sibyl/")) {
    return "public headers include only each other and the standard library";
  }
  for (const Layer& layer : Layers()) {
    if (!file.starts_with(layer.folder)) continue;
    if (!IsOurs(include.header) || StartsWithAny(include.header, layer.may_include)) break;
    return std::string(layer.folder) + " must not know this folder";
  }
  return std::nullopt;
}

}  // namespace sibyl::tests
