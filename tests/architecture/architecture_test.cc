// Goal: the source keeps the shape that docs/architecture.md draws, whoever edits it.
// Method: first the checker itself is tried on includes that must and must not pass; then every
// file of the project is read and checked.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/architecture/include_rules.h"

namespace sibyl::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = SIBYL_SOURCE_DIR;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Whether `path`, relative to the root, is something built or fetched rather than written.
bool IsGenerated(const fs::path& path) {
  const std::string first = path.begin()->string();
  return first == "build" || first == ".git" || first == ".cache";
}

// Every regular file of the project, relative to its root.
std::vector<fs::path> ProjectFiles() {
  std::vector<fs::path> files;
  auto walk = fs::recursive_directory_iterator(kRoot);
  for (auto it = fs::begin(walk); it != fs::end(walk); ++it) {
    const fs::path path = fs::relative(it->path(), kRoot);
    if (IsGenerated(path)) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      files.push_back(path);
    }
  }
  return files;
}

bool IsSource(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cc" || extension == ".c";
}

TEST_CASE("include lines are recognized however they are written", "[architecture]") {
  const auto includes = ParseIncludes(
      "#include \"base/text.h\"\n  #  include <vector>  // why\nint x;\n#define A \"b\"\n"
      "// #include \"no.h\"\n#include MACRO\n#include <unfinished\n#include <last>");
  REQUIRE(includes.size() == 3);
  CHECK(includes[0].header == "base/text.h");
  CHECK(includes[0].quoted);
  CHECK(includes[1].header == "vector");
  CHECK_FALSE(includes[1].quoted);
  CHECK(includes[2].header == "last");
}

TEST_CASE("the rules allow what the design allows and nothing upward", "[architecture]") {
  struct Example {
    const char* file;
    Include include;
    bool allowed;
  };
  const std::vector<Example> examples = {
      {"include/sibyl/tree.h", {"cstdint", false}, true},
      {"include/sibyl/tree.h", {"sibyl/result.h", true}, true},
      {"include/sibyl/tree.h", {"base/text.h", true}, false},
      {"include/sibyl/tree.h", {"rocksdb/db.h", false}, false},
      {"base/text.cc", {"index/block_model.h", true}, false},
      {"index/block_model.cc", {"base/coding.h", true}, true},
      {"index/block_model.cc", {"Eigen/Dense", false}, true},
      {"index/block_model.h", {"Eigen/Dense", false}, false},
      {"index/block_model.cc", {"storage/block.h", true}, false},
      {"storage/block.cc", {"index/block_model.h", true}, false},
      {"storage/segment.cc", {"rocksdb/db.h", true}, false},
      {"storage/commit_log_rocksdb.cc", {"rocksdb/db.h", true}, true},
      {"engine/database.cc", {"storage/segment.h", true}, true},
      {"engine/database.cc", {"sql/btree.h", true}, false},
      {"engine/database.cc", {"Eigen/Dense", false}, false},
      {"sql/btree.cc", {"sibyl/database.h", true}, true},
      {"sql/btree.cc", {"engine/database.h", true}, false},
      {"tools/command_line.cc", {"CLI/CLI.hpp", false}, true},
      {"tools/commands/load.cc", {"CLI/CLI.hpp", false}, false},
      {"tools/main.cc", {"storage/segment.h", true}, false},
      {"bench/rivals/rocksdb.cc", {"rocksdb/db.h", false}, true},
      {"bench/workload/main.cc", {"rocksdb/db.h", false}, false},
      {"bench/workload/main.cc", {"engine/generation.h", true}, false},
      {"bench/micro/delta_bench.cc", {"engine/generation.h", true}, true},
      {"bench/micro/delta_bench.cc", {"tools/main.h", true}, false},
      {"tests/engine/get_test.cc", {"engine/database.h", true}, true},
  };
  for (const Example& example : examples) {
    INFO(example.file << " includes " << example.include.header);
    CHECK(!WhyForbidden(example.file, example.include).has_value() == example.allowed);
  }
}

TEST_CASE("no file includes against the direction of the layers", "[architecture]") {
  size_t checked = 0;
  for (const fs::path& path : ProjectFiles()) {
    if (!IsSource(path)) continue;
    for (const Include& include : ParseIncludes(ReadFile(kRoot / path))) {
      ++checked;
      const auto why = WhyForbidden(path.generic_string(), include);
      INFO(path << " includes " << include.header << ": " << why.value_or(""));
      CHECK_FALSE(why.has_value());
    }
  }
  CHECK(checked > 100);  // else the walk went to the wrong place
}

// The texts of all CMakeLists.txt below tests/, one after the other.
std::string BuildFilesOfTests() {
  std::string texts;
  for (const fs::path& path : ProjectFiles()) {
    if (*path.begin() == "tests" && path.filename() == "CMakeLists.txt") {
      texts += ReadFile(kRoot / path);
    }
  }
  return texts;
}

TEST_CASE("every test file is built: a CMakeLists.txt of the tests names it", "[architecture]") {
  const std::string build_files = BuildFilesOfTests();
  size_t checked = 0;
  for (const fs::path& path : ProjectFiles()) {
    const std::string name = path.filename().string();
    const bool is_test = name.ends_with("_test.cc") || name.ends_with("_test.sh");
    if (!is_test || *path.begin() != "tests") continue;
    ++checked;
    INFO(path);
    CHECK(build_files.find(name) != std::string::npos);
  }
  CHECK(checked > 2);
}

TEST_CASE("every source file of a module is built", "[architecture]") {
  for (const fs::path& path : ProjectFiles()) {
    if (path.extension() != ".cc" || *path.begin() == "tests") continue;
    INFO(path);
    // Named by the CMakeLists.txt of its own folder or of one above it.
    bool named = false;
    for (fs::path folder = path.parent_path(); !folder.empty(); folder = folder.parent_path()) {
      const std::string text = ReadFile(kRoot / folder / "CMakeLists.txt");
      named |= text.find(path.filename().string()) != std::string::npos;
    }
    CHECK(named);
  }
}

TEST_CASE("no file names a folder of one particular machine", "[architecture]") {
  const std::string forbidden = std::string("/wo") + "rk/";  // in two parts: this file is read too
  for (const fs::path& path : ProjectFiles()) {
    INFO(path);
    CHECK(ReadFile(kRoot / path).find(forbidden) == std::string::npos);
  }
}

}  // namespace
}  // namespace sibyl::tests
