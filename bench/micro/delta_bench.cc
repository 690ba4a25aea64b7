// sibyl_delta_bench: one generation of the delta beside absl::btree_map, at the size of a full one:
// inserts, updates, point reads, reads of absent keys, an ordered scan-out, and reads while another
// thread writes.
//
// Both take turns, round by round, each beginning empty. Every value is compared while it is timed,
// and a wrong answer fails the run. Medians of thread CPU time count.

#include <absl/container/btree_map.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status_macros.h"
#include "bench/data/random.h"
#include "bench/workload/key_source.h"
#include "bench/workload/value_coder.h"
#include "engine/generation.h"
#include "engine/internal_key.h"

namespace sibyl::bench {
namespace {

using engine::Generation;
using engine::RecordType;

// What is written and read: keys with their tree's id, as the engine hands them to a generation.
struct Data {
  std::vector<std::string> keys;    // in the order of insertion
  std::vector<std::string> absent;  // between the keys
  std::vector<uint32_t> order;      // of reads: indexes of keys, random
};

uint64_t SeedOf(size_t index, uint32_t version) { return ValueCoder::Seed(index, version); }

// One kind of memory table. A subclass says how; the checks are common.
class Table {
 public:
  virtual ~Table() = default;
  virtual void Put(std::string_view key, uint64_t sequence, std::string_view value) = 0;
  // The value, or an empty view: values here are never empty.
  virtual std::string_view Get(std::string_view key, uint64_t sequence) const = 0;
  // Hands all records to `visit` in key order; returns their number.
  virtual uint64_t Scan(uint64_t* value_words) const = 0;
  virtual uint64_t memory_bytes() const = 0;
};

class GenerationTable final : public Table {
 public:
  // The engine tells a generation how many keys the one before it had.
  explicit GenerationTable(size_t expected_keys) : generation_(1, expected_keys) {}
  void Put(std::string_view key, uint64_t sequence, std::string_view value) override {
    generation_.Add(key, sequence, RecordType::kValue, value);
  }
  std::string_view Get(std::string_view key, uint64_t sequence) const override {
    const auto record = generation_.Find(key, sequence);
    return record ? record->value : std::string_view();
  }
  uint64_t Scan(uint64_t* value_words) const override {
    uint64_t records = 0;
    const auto cursor = generation_.NewCursor(UINT64_MAX);
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      uint64_t word = 0;
      std::memcpy(&word, cursor->value().data(), sizeof(word));
      *value_words += word;
      ++records;
    }
    return records;
  }
  uint64_t memory_bytes() const override { return generation_.memory_bytes(); }

 private:
  Generation generation_;
};

class BtreeMapTable final : public Table {
 public:
  void Put(std::string_view key, uint64_t, std::string_view value) override {
    map_.insert_or_assign(std::string(key), std::string(value));
  }
  std::string_view Get(std::string_view key, uint64_t) const override {
    const auto found = map_.find(key);
    return found == map_.end() ? std::string_view() : std::string_view(found->second);
  }
  uint64_t Scan(uint64_t* value_words) const override {
    for (const auto& [key, value] : map_) {
      uint64_t word = 0;
      std::memcpy(&word, value.data(), sizeof(word));
      *value_words += word;
    }
    return map_.size();
  }
  uint64_t memory_bytes() const override { return 0; }  // it does not know

 private:
  absl::btree_map<std::string, std::string, std::less<>> map_;
};

// What was measured of one table, in ns per operation, a number per round.
using Times = std::map<std::string, std::vector<double>>;

class Measurement {
 public:
  Measurement(const Data& data, const ValueCoder& values) : data_(data), values_(values) {}

  // Fills an empty table and does everything with it. False after a wrong answer.
  bool Run(Table* table, bool with_writer, Times* times);
  uint64_t bytes_per_record() const { return bytes_per_record_; }

 private:
  // Times `work`, which does `count` operations.
  template <typename Work>
  void Time(const char* name, size_t count, Times* times, Work work) {
    const uint64_t began_ns = base::ThreadNs();
    work();
    (*times)[name].push_back(static_cast<double>(base::ThreadNs() - began_ns) /
                             static_cast<double>(count));
  }

  void PutAll(Table* table, uint32_t version);
  bool GetAll(const Table& table, uint32_t version) const;
  bool GetChain(const Table& table, uint32_t version) const;
  bool GetAbsent(const Table& table) const;
  bool ScanAll(const Table& table, uint32_t version) const;
  bool GetBesideWriter(Times* times);

  const Data& data_;
  const ValueCoder& values_;
  std::string value_;
  uint64_t sequence_ = 0;
  uint64_t bytes_per_record_ = 0;
};

void Measurement::PutAll(Table* table, uint32_t version) {
  for (size_t i = 0; i < data_.keys.size(); ++i) {
    values_.Encode(SeedOf(i, version), &value_);
    table->Put(data_.keys[i], ++sequence_, value_);
  }
}

bool Measurement::GetAll(const Table& table, uint32_t version) const {
  bool right = true;
  for (const uint32_t i : data_.order) {
    right &= values_.Matches(table.Get(data_.keys[i], sequence_), SeedOf(i, version));
  }
  return right;
}

// Each read depends on the value of the one before it.
bool Measurement::GetChain(const Table& table, uint32_t version) const {
  bool right = true;
  size_t choice = 0;
  for (size_t at = 0; at + 4 <= data_.order.size(); at += 4) {
    const uint32_t i = data_.order[at + choice];
    const std::string_view value = table.Get(data_.keys[i], sequence_);
    if (!values_.Matches(value, SeedOf(i, version))) return false;
    choice = static_cast<uint8_t>(value[0]) % 4;
  }
  return right;
}

bool Measurement::GetAbsent(const Table& table) const {
  bool right = true;
  for (const std::string& key : data_.absent) right &= table.Get(key, sequence_).empty();
  return right;
}

bool Measurement::ScanAll(const Table& table, uint32_t version) const {
  uint64_t words = 0;
  return table.Scan(&words) == data_.keys.size() && [&] {
    uint64_t expected = 0;
    std::string value;
    for (size_t i = 0; i < data_.keys.size(); ++i) {
      values_.Encode(SeedOf(i, version), &value);
      uint64_t word = 0;
      std::memcpy(&word, value.data(), sizeof(word));
      expected += word;
    }
    return expected == words;
  }();
}

// One thread inserts, the caller reads what was published.
bool Measurement::GetBesideWriter(Times* times) {
  Generation generation(1);
  std::atomic<uint64_t> published{0};
  std::jthread writer([&] {
    std::string value;
    for (size_t i = 0; i < data_.keys.size(); ++i) {
      values_.Encode(SeedOf(i, 1), &value);
      generation.Add(data_.keys[i], i + 1, RecordType::kValue, value);
      published.store(i + 1, std::memory_order_release);
    }
  });
  bool right = true;
  size_t reads = 0;
  Random random(7);
  const uint64_t began_ns = base::ThreadNs();
  for (uint64_t visible = 0; visible < data_.keys.size();) {
    visible = published.load(std::memory_order_acquire);
    if (visible == 0) continue;
    const uint64_t i = random.Below(visible);
    const auto record = generation.Find(data_.keys[i], visible);
    right &= record && values_.Matches(record->value, SeedOf(i, 1));
    ++reads;
  }
  (*times)["read beside a writer"].push_back(static_cast<double>(base::ThreadNs() - began_ns) /
                                             static_cast<double>(std::max<size_t>(reads, 1)));
  return right;
}

bool Measurement::Run(Table* table, bool with_writer, Times* times) {
  bool right = true;
  const size_t count = data_.keys.size();
  sequence_ = 0;
  Time("insert", count, times, [&] { PutAll(table, 1); });
  bytes_per_record_ = table->memory_bytes() / count;
  Time("point read", count, times, [&] { right &= GetAll(*table, 1); });
  Time("point read, serial", count / 4, times, [&] { right &= GetChain(*table, 1); });
  Time("absent read", data_.absent.size(), times, [&] { right &= GetAbsent(*table); });
  uint64_t words = 0;
  Time("scan-out, per key", count, times, [&] { right &= table->Scan(&words) == count; });
  right &= ScanAll(*table, 1);
  Time("update", count, times, [&] { PutAll(table, 2); });
  right &= GetAll(*table, 2) && ScanAll(*table, 2);
  if (with_writer) right &= GetBesideWriter(times);
  return right;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Result<Data> MakeData(const std::string& spec, size_t entries, bool ascending) {
  SIBYL_ASSIGN_OR_RETURN(const KeySet set, LoadKeySet(spec, 511, entries));
  Random random(20260101);
  Data data;
  for (uint32_t i = 0; i < set.size(); ++i) {
    data.keys.push_back(engine::EncodeInternalKey(kDefaultTree, set.Key(i)));
    if (const auto key = set.AbsentKey(random)) {
      data.absent.push_back(engine::EncodeInternalKey(kDefaultTree, *key));
    }
  }
  const auto shuffle = [&random](auto* items) {
    for (size_t i = items->size(); i > 1; --i) std::swap((*items)[i - 1], (*items)[random.Below(i)]);
  };
  if (!ascending) shuffle(&data.keys);
  shuffle(&data.absent);
  data.order.resize(data.keys.size());
  std::iota(data.order.begin(), data.order.end(), 0);
  shuffle(&data.order);
  return data;
}

void Print(const Times& ours, const Times& theirs, uint64_t bytes_per_record) {
  std::printf("%-24s %12s %12s\n", "ns, median", "generation", "absl_btree");
  for (const char* name : {"insert", "update", "point read", "point read, serial", "absent read",
                           "scan-out, per key", "read beside a writer"}) {
    std::printf("%-24s %12.1f", name, Median(ours.at(name)));
    const auto found = theirs.find(name);
    if (found != theirs.end()) std::printf(" %12.1f", Median(found->second));
    std::printf("\n");
  }
  std::printf("memory, bytes per record %11lu\n", static_cast<unsigned long>(bytes_per_record));
}

struct Arguments {
  std::string keys = "uniform:600000";
  size_t entries = 600'000;
  size_t value_bytes = 100;
  size_t rounds = 5;
  bool ascending = false;
};

Result<bool> Compare(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const Data data,
                         MakeData(arguments.keys, arguments.entries, arguments.ascending));
  const ValueCoder values(arguments.value_bytes);
  Measurement measurement(data, values);
  Times ours;
  Times theirs;
  uint64_t bytes_per_record = 0;
  bool right = true;
  for (size_t round = 0; round < arguments.rounds; ++round) {
    right &= measurement.Run(std::make_unique<GenerationTable>(data.keys.size()).get(), true, &ours);
    bytes_per_record = measurement.bytes_per_record();
    right &= measurement.Run(std::make_unique<BtreeMapTable>().get(), false, &theirs);
  }
  std::printf("%s: %zu keys, values of %zu bytes, %s order\n", arguments.keys.c_str(),
              data.keys.size(), arguments.value_bytes, arguments.ascending ? "ascending" : "random");
  Print(ours, theirs, bytes_per_record);
  return right;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A generation of the delta beside absl::btree_map: reads and writes in memory.");
  app.add_option("--keys", arguments.keys, "As of sibyl_engine_bench")->capture_default_str();
  app.add_option("--entries", arguments.entries, "At most so many keys")
      ->check(CLI::Range(size_t{100}, size_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--value-bytes", arguments.value_bytes)
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  app.add_option("--rounds", arguments.rounds)->check(CLI::Range(1, 100))->capture_default_str();
  app.add_flag("--ascending", arguments.ascending, "Insert in key order");
  CLI11_PARSE(app, argc, argv);
  const Result<bool> right = Compare(arguments);
  if (right && *right) return EXIT_SUCCESS;
  std::cerr << (right ? "WRONG ANSWER" : right.error().ToString()) << "\n";
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Main(argc, argv); }
