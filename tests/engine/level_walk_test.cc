// Goal: an iterator over a delta, runs and levels shows what a std::map of everything that was
// written would, wherever its records lie and however their blocks are read.
// Method: trees over which random writes, deletions, merges and range deletions left several
// levels, through a mapping, pread, compressed blocks, packed keys; walks that turn, and that seek
// again in the midst of what was told in batches, each record compared.

#include <random>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using Shown = std::map<std::string, std::string>;

constexpr uint64_t kNumbers = 4000;

struct Form {
  const char* name;
  ReadMode read_mode;
  TreeOptions tree;
};

std::string KeyOf(uint64_t number) {
  // Some with tails, which a block keeps apart, and a few with long ones.
  const std::string key = BigEndianKey(number * 977);
  if (number % 11 == 0) return key + std::string(number % 5, '\0');
  return number % 97 == 0 ? key + std::string(1500, 'k') : key;
}

std::string RandomValue(std::mt19937_64& random) {
  const auto kind = random() % 400;
  if (kind == 0) return std::string(70'000, static_cast<char>('a' + random() % 26));  // out of line
  return kind < 20 ? "" : std::to_string(random()) + std::string(random() % 60, 'v');
}

// One tree, and what it should show.
class Written {
 public:
  Written(Database& database, const Form& form)
      : database_(database),
        merges_(!form.tree.merge_operator.empty()),
        tree_(Must(database.CreateTree("walked", form.tree))) {}

  Tree tree() const { return tree_; }
  const Shown& shown() const { return shown_; }

  void Fill(std::mt19937_64& random) {
    for (uint64_t i = 0; i < kNumbers; ++i) Put(KeyOf(i), RandomValue(random));
  }
  void Change(std::mt19937_64& random) {
    const uint64_t number = random() % (kNumbers + 10);
    const std::string key = KeyOf(number);
    const auto kind = random() % 300;
    if (kind == 0) {
      DeleteRange(key, KeyOf(number + 1 + random() % 20));
    } else if (kind < 60) {
      Must(database_.Delete(tree_, key));
      shown_.erase(key);
    } else if (merges_ && kind < 180) {
      const std::string operand = std::to_string(random() % 100);
      Must(database_.Merge(tree_, key, operand));
      shown_[key] += operand;
    } else {
      Put(key, RandomValue(random));
    }
  }

 private:
  void Put(const std::string& key, const std::string& value) {
    Must(database_.Put(tree_, key, value));
    shown_[key] = value;
  }
  void DeleteRange(const std::string& begin, const std::string& end) {
    if (end < begin) return;
    Must(database_.DeleteRange({}, tree_, begin, end));
    shown_.erase(shown_.lower_bound(begin), shown_.lower_bound(end));
  }

  Database& database_;
  const bool merges_;
  const Tree tree_;
  Shown shown_;
};

void CheckAt(const Iterator& iterator, const Shown& shown, Shown::const_iterator expected) {
  if (iterator.Valid() != (expected != shown.end())) FAIL("valid is " << iterator.Valid());
  if (!iterator.Valid()) return;
  if (iterator.key() != expected->first) FAIL("a wrong key");
  if (iterator.value() != expected->second) FAIL("a wrong value");
}

// Mostly forward, for up to some batches.
void Wander(Iterator& iterator, const Shown& shown, Shown::const_iterator at,
            std::mt19937_64& random) {
  CheckAt(iterator, shown, at);
  for (auto steps = random() % 120; steps > 0 && at != shown.end(); --steps) {
    if (random() % 25 != 0) {
      iterator.Next();
      ++at;
    } else {
      iterator.Prev();
      at = at == shown.begin() ? shown.end() : std::prev(at);
    }
    CheckAt(iterator, shown, at);
  }
}

void CheckWalks(Database& database, Tree tree, const Shown& all, std::mt19937_64& random) {
  const Records expected(all.begin(), all.end());
  REQUIRE(Everything(database, tree) == expected);
  for (int round = 0; round < 6; ++round) {
    IteratorOptions bounds;
    if (round % 2 == 1) bounds.lower_bound = KeyOf(random() % kNumbers);
    if (round % 3 == 1) bounds.upper_bound = KeyOf(random() % kNumbers);
    Shown shown(bounds.lower_bound ? all.lower_bound(*bounds.lower_bound) : all.begin(), all.end());
    if (bounds.upper_bound) shown.erase(shown.lower_bound(*bounds.upper_bound), shown.end());
    const auto iterator = Must(database.NewIterator(tree, bounds));
    for (int seek = 0; seek < 40; ++seek) {
      const std::string target = KeyOf(random() % (kNumbers + 20));
      INFO("round " << round << " seek " << seek);
      if (random() % 4 != 0) {
        iterator->Seek(target);
        Wander(*iterator, shown, shown.lower_bound(target), random);
      } else {
        iterator->SeekForPrev(target);
        const auto after = shown.upper_bound(target);
        Wander(*iterator, shown, after == shown.begin() ? shown.end() : std::prev(after), random);
      }
    }
    Must(iterator->status());
  }
}

TEST_CASE("walks over levels of every kind", "[engine][iterator]") {
  const Form form =
      GENERATE(Form{"mapped", ReadMode::kMapping, {}}, Form{"pread", ReadMode::kPread, {}},
               Form{"lz4", ReadMode::kMapping, {.compression = Compression::kLz4}},
               Form{"packed", ReadMode::kMapping, {.packed_keys = true}},
               Form{"merging", ReadMode::kMapping, {.merge_operator = "append"}});
  const auto seed = GENERATE(1u, 2u);
  INFO(form.name << " seed=" << seed);
  std::mt19937_64 random(seed);
  Options options = SmallOptions();
  options.background_threads = 0;
  options.read_mode = form.read_mode;
  options.generation_bytes = 16 << 10;
  options.first_level_bytes = 32 << 10;
  options.segment_bytes = 64 << 10;
  options.max_runs = 3;
  options.range_deletion_keys = 3;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Written written(*database, form);
  written.Fill(random);
  Must(database->Compact());
  size_t most_levels = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 150 + 200 * round; ++i) written.Change(random);
    most_levels = std::max(most_levels, Must(database->GetStats()).levels.size());
    CheckWalks(*database, written.tree(), written.shown(), random);
  }
  CHECK(most_levels >= 3);
}

}  // namespace
}  // namespace sibyl::testing
