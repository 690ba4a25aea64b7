// sibyl_rules_bench: what reads cost in trees with a time to live or a merge operator, beside a
// plain tree; and what deleting a range costs, and reads while ranges wait to be compacted away.
//
// The trees take turns, round by round. Every value is compared while it is timed, and a wrong
// answer fails the run. Medians of thread CPU time count.

#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "bench/data/random.h"
#include "bench/workload/value_coder.h"
#include "sibyl/database.h"

namespace sibyl::bench {
namespace {

constexpr size_t kValueBytes = 100;
constexpr size_t kBatchKeys = 32;
constexpr uint64_t kChangedEvery = 20;  // of the records, once there is a delta
constexpr std::string_view kOperand = "operand.";

struct Arguments {
  uint64_t keys = 1'000'000;
  uint64_t ops = 200'000;
  size_t rounds = 3;
  std::string directory = "/tmp";
};

class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& under) : path_(under + "/sibyl-rules-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::filesystem::path operator/(const char* name) const {
    return std::filesystem::path(path_) / name;
  }
  bool is_there() const { return !path_.empty(); }

 private:
  std::string path_;
};

// Distinct random keys in order, and the value that each has.
class Data {
 public:
  explicit Data(uint64_t count) : values_(kValueBytes) {
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < count; ++i) numbers.push_back(Mix64(i));
    std::sort(numbers.begin(), numbers.end());
    for (const uint64_t number : numbers) base::PutBig64(&keys_.emplace_back(), number);
  }
  size_t size() const { return keys_.size(); }
  const std::string& Key(uint64_t rank) const { return keys_[rank]; }
  std::string ValueOf(uint64_t rank, uint32_t version) const {
    std::string value;
    values_.Encode(ValueCoder::Seed(rank, version), &value);
    return value;
  }
  bool Matches(std::string_view value, uint64_t rank, uint32_t version) const {
    return values_.Matches(value, ValueCoder::Seed(rank, version));
  }

  RecordSource Source() const {
    return [this, rank = uint64_t{0},
            value = std::string()]() mutable -> Result<std::optional<Record>> {
      if (rank == size()) return std::optional<Record>();
      value = ValueOf(rank, 1);
      return std::optional<Record>({Key(rank++), value});
    };
  }

 private:
  ValueCoder values_;
  std::vector<std::string> keys_;
};

// In ns per operation, a number per round.
using Times = std::map<std::string, std::vector<double>>;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Times `work`, which does `count` operations.
template <typename Work>
Status Time(const std::string& name, uint64_t count, Times* times, Work work) {
  const uint64_t began_ns = base::ThreadNs();
  SIBYL_RETURN_IF_ERROR(work());
  (*times)[name].push_back(static_cast<double>(base::ThreadNs() - began_ns) /
                           static_cast<double>(std::max<uint64_t>(count, 1)));
  return Ok();
}

Error WrongAnswer(const char* call) {
  return {ErrorCode::kCorruption, std::string("WRONG ANSWER: ") + call};
}

// Reads one tree in every way. `is_right` judges the value of a rank; ranks that it says are absent
// were deleted.
class Reader {
 public:
  struct Expectation {
    std::function<bool(uint64_t rank)> exists;
    std::function<bool(std::string_view value, uint64_t rank)> is_right;
  };

  Reader(Database& database, Tree tree, const Data& data, Expectation expected)
      : database_(database), tree_(tree), data_(data), expected_(std::move(expected)) {
    for (uint64_t rank = 0; rank < data.size(); ++rank) {
      (expected_.exists(rank) ? alive_ : deleted_).push_back(rank);
    }
  }

  Status ReadAll(uint64_t ops, Times* times) {
    Random random(ops);
    SIBYL_RETURN_IF_ERROR(Time("Get", ops, times, [&] { return Get(alive_, ops, &random); }));
    if (!deleted_.empty()) {
      SIBYL_RETURN_IF_ERROR(
          Time("Get, deleted", ops, times, [&] { return Get(deleted_, ops, &random); }));
    }
    SIBYL_RETURN_IF_ERROR(
        Time("MultiGet of 32, per key", ops, times, [&] { return MultiGet(ops, &random); }));
    SIBYL_RETURN_IF_ERROR(Time("scan, per record", alive_.size(), times, [&] { return Scan(); }));
    SIBYL_RETURN_IF_ERROR(Time("Count, whole tree", 1, times, [&] { return Count(); }));
    return Time("At, the middle", 1, times, [&] { return At(); });
  }

 private:
  Status Get(const std::vector<uint64_t>& ranks, uint64_t ops, Random* random) {
    Value value;
    for (uint64_t i = 0; i < ops; ++i) {
      const uint64_t rank = ranks[random->Below(ranks.size())];
      SIBYL_ASSIGN_OR_RETURN(const bool found, database_.Get({}, tree_, data_.Key(rank), &value));
      if (found != expected_.exists(rank)) return WrongAnswer("Get");
      if (found && !expected_.is_right(value.view(), rank)) return WrongAnswer("Get");
    }
    return Ok();
  }

  Status MultiGet(uint64_t ops, Random* random) {
    std::vector<uint64_t> ranks(kBatchKeys);
    std::vector<std::string_view> keys(kBatchKeys);
    std::vector<Value> values(kBatchKeys);
    for (uint64_t done = 0; done < ops; done += kBatchKeys) {
      for (size_t i = 0; i < kBatchKeys; ++i) {
        ranks[i] = alive_[random->Below(alive_.size())];
        keys[i] = data_.Key(ranks[i]);
      }
      SIBYL_RETURN_IF_ERROR(database_.MultiGet({}, tree_, keys, values));
      for (size_t i = 0; i < kBatchKeys; ++i) {
        if (!values[i].found() || !expected_.is_right(values[i].view(), ranks[i])) {
          return WrongAnswer("MultiGet");
        }
      }
    }
    return Ok();
  }

  Status Scan() {
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, database_.NewIterator(tree_));
    size_t at = 0;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++at) {
      if (at == alive_.size() || !expected_.is_right(iterator->value(), alive_[at])) {
        return WrongAnswer("scan");
      }
    }
    SIBYL_RETURN_IF_ERROR(iterator->status());
    return at == alive_.size() ? Ok() : Status(WrongAnswer("scan"));
  }

  Status Count() {
    SIBYL_ASSIGN_OR_RETURN(const uint64_t count, database_.Count({}, tree_, {}));
    return count == alive_.size() ? Ok() : Status(WrongAnswer("Count"));
  }

  Status At() {
    SIBYL_ASSIGN_OR_RETURN(const auto record, database_.At({}, tree_, alive_.size() / 2));
    const bool right = record && record->key == data_.Key(alive_[alive_.size() / 2]);
    return right ? Ok() : Status(WrongAnswer("At"));
  }

  Database& database_;
  const Tree tree_;
  const Data& data_;
  const Expectation expected_;
  std::vector<uint64_t> alive_;
  std::vector<uint64_t> deleted_;
};

void Print(const std::string& title, const std::vector<std::pair<std::string, Times>>& columns) {
  std::printf("%s; ns, medians\n%-26s", title.c_str(), "");
  for (const auto& [name, times] : columns) std::printf(" %14s", name.c_str());
  std::printf("\n");
  for (const auto& [row, ignored] : columns.back().second) {
    std::printf("%-26s", row.c_str());
    for (const auto& [name, times] : columns) {
      const auto found = times.find(row);
      if (found == times.end())
        std::printf(" %14s", "-");
      else
        std::printf(" %14.1f", Median(found->second));
    }
    std::printf("\n");
  }
}

struct RuledTree {
  const char* name;
  TreeOptions options;
  Tree tree;
  Times times;
};

// Loads every tree alike; with `changed` some records are written again, to stay in the delta: in
// the tree that merges, by operands.
Status CompareTrees(const Arguments& arguments, const Data& data, const ScratchDirectory& scratch) {
  SIBYL_ASSIGN_OR_RETURN(const auto database, Database::Open({}, scratch / "trees"));
  std::vector<RuledTree> trees(3);
  trees[0].name = "plain";
  trees[1].name = "time to live";
  trees[1].options.ttl_seconds = 1'000'000'000;
  trees[2].name = "append";
  trees[2].options.merge_operator = "append";
  for (RuledTree& each : trees) {
    SIBYL_ASSIGN_OR_RETURN(each.tree, database->CreateTree(each.name, each.options));
    SIBYL_RETURN_IF_ERROR(database->Ingest(each.tree, data.Source(), {.sorted = true}));
  }
  SIBYL_RETURN_IF_ERROR(database->Compact());
  for (const bool changed : {false, true}) {
    for (RuledTree& each : trees) {
      each.times.clear();
      for (uint64_t rank = 0; changed && rank < data.size(); rank += kChangedEvery) {
        const bool merges = !each.options.merge_operator.empty();
        SIBYL_RETURN_IF_ERROR(
            merges ? database->Merge(each.tree, data.Key(rank), kOperand)
                   : database->Put(each.tree, data.Key(rank), data.ValueOf(rank, 2)));
      }
    }
    for (size_t round = 0; round < arguments.rounds; ++round) {
      for (RuledTree& each : trees) {
        const bool merges = !each.options.merge_operator.empty();
        const auto is_right = [&](std::string_view value, uint64_t rank) {
          const bool is_changed = changed && rank % kChangedEvery == 0;
          if (!merges || !is_changed) return data.Matches(value, rank, is_changed ? 2 : 1);
          return value.ends_with(kOperand) &&
                 data.Matches(value.substr(0, value.size() - kOperand.size()), rank, 1);
        };
        Reader reader(*database, each.tree, data, {[](uint64_t) { return true; }, is_right});
        SIBYL_RETURN_IF_ERROR(reader.ReadAll(arguments.ops, &each.times));
      }
    }
    std::vector<std::pair<std::string, Times>> columns;
    for (RuledTree& each : trees) columns.emplace_back(each.name, each.times);
    Print(changed ? "one record in 20 written again, or merged, since" : "compacted", columns);
  }
  return Ok();
}

// More and more deletions, spread over the tree, each of a quarter of the records to the next one.
Status CompareDeletions(const Arguments& arguments, const Data& data,
                        const ScratchDirectory& scratch) {
  constexpr uint64_t kMostDeletions = 1000;
  Options options;
  options.range_deletion_keys = 0;
  options.background_threads = 0;  // the deletions stay
  SIBYL_ASSIGN_OR_RETURN(const auto database, Database::Open(options, scratch / "deletions"));
  SIBYL_RETURN_IF_ERROR(database->Ingest(kDefaultTree, data.Source(), {.sorted = true}));
  SIBYL_RETURN_IF_ERROR(database->Compact());
  const uint64_t step = data.size() / kMostDeletions;
  std::vector<bool> exists(data.size(), true);
  std::vector<std::pair<std::string, Times>> columns;
  uint64_t deletions = 0;
  for (const uint64_t pending :
       {uint64_t{0}, uint64_t{1}, uint64_t{16}, uint64_t{100}, kMostDeletions}) {
    Times times;
    for (; deletions < pending; ++deletions) {
      const uint64_t begin = deletions * 389 % kMostDeletions * step;  // a permutation
      const auto one = [&] {
        return database->DeleteRange({}, kDefaultTree, data.Key(begin), data.Key(begin + step / 4));
      };
      SIBYL_RETURN_IF_ERROR(Time("the last DeleteRange", 1, &times, one));
      std::fill_n(exists.begin() + static_cast<ptrdiff_t>(begin), step / 4, false);
    }
    if (pending > 0) times["the last DeleteRange"] = {times["the last DeleteRange"].back()};
    const auto is_right = [&](std::string_view value, uint64_t rank) {
      return data.Matches(value, rank, 1);
    };
    for (size_t round = 0; round < arguments.rounds; ++round) {
      Reader reader(*database, kDefaultTree, data,
                    {[&](uint64_t rank) { return exists[rank]; }, is_right});
      SIBYL_RETURN_IF_ERROR(reader.ReadAll(arguments.ops, &times));
    }
    columns.emplace_back(std::to_string(pending) + " waiting", std::move(times));
  }
  Print("ranges deleted and not compacted away", columns);
  return Ok();
}

// Half of the tree, as one and key by key, and what getting the space back takes.
Status CompareHalf(const Data& data, const ScratchDirectory& scratch) {
  std::vector<std::pair<std::string, Times>> columns;
  for (const bool as_one : {true, false}) {
    Options options;
    options.background_threads = 0;
    options.generation_bytes = 1ull << 30;
    options.segment_bytes = 4 << 20;
    if (!as_one) options.range_deletion_keys = UINT64_MAX;
    Times times;
    SIBYL_ASSIGN_OR_RETURN(const auto database,
                           Database::Open(options, scratch / (as_one ? "one" : "keys")));
    SIBYL_RETURN_IF_ERROR(database->Ingest(kDefaultTree, data.Source(), {.sorted = true}));
    SIBYL_RETURN_IF_ERROR(database->Compact());
    const uint64_t quarter = data.size() / 4;
    SIBYL_RETURN_IF_ERROR(Time("DeleteRange", 1, &times, [&] {
      return database->DeleteRange({}, kDefaultTree, data.Key(quarter), data.Key(3 * quarter));
    }));
    SIBYL_RETURN_IF_ERROR(Time("Flush after it", 1, &times, [&] { return database->Flush(); }));
    SIBYL_RETURN_IF_ERROR(Time("Compact after it", 1, &times, [&] { return database->Compact(); }));
    SIBYL_ASSIGN_OR_RETURN(const uint64_t left, database->Count({}, kDefaultTree, {}));
    if (left != data.size() - 2 * quarter) return WrongAnswer("Count");
    columns.emplace_back(as_one ? "as one" : "key by key", std::move(times));
  }
  Print("half of the records deleted", columns);
  return Ok();
}

Status Run(const Arguments& arguments) {
  const ScratchDirectory scratch(arguments.directory);
  if (!scratch.is_there()) {
    return Error{ErrorCode::kIo, "no folder can be made in " + arguments.directory};
  }
  const Data data(arguments.keys);
  std::printf("%zu keys of 8 bytes, values of %zu\n", data.size(), kValueBytes);
  SIBYL_RETURN_IF_ERROR(CompareTrees(arguments, data, scratch));
  SIBYL_RETURN_IF_ERROR(CompareDeletions(arguments, data, scratch));
  return CompareHalf(data, scratch);
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Trees with a time to live or a merge operator, and deleted ranges: what they cost.");
  app.add_option("--keys", arguments.keys, "Records in each tree")
      ->check(CLI::Range(uint64_t{10'000}, uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--ops", arguments.ops, "Point reads per round")
      ->check(CLI::Range(uint64_t{1000}, uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--rounds", arguments.rounds)->check(CLI::Range(1, 100))->capture_default_str();
  app.add_option("--dir", arguments.directory, "Where the databases are made")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (const Status done = Run(arguments); !done) {
    std::cerr << done.error().ToString() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Main(argc, argv); }
