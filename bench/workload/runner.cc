#include "bench/workload/runner.h"

#include <array>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "bench/workload/scan_answer.h"

namespace sibyl::bench {
namespace {

Error WrongAnswer(const std::string& what, std::string_view key) {
  return {ErrorCode::kCorruption, "WRONG ANSWER: " + what + ", key " + base::Quoted(key)};
}

std::string Describe(bool found, std::string_view value) {
  return found ? "got a value of " + std::to_string(value.size()) + " bytes, " + base::Quoted(value)
               : "got: not found";
}

// Makes the answer of one scan that is timed.
class TimedScan : public RecordSink {
 public:
  explicit TimedScan(const ValueCoder& values) : values_(values) {}

  void Add(std::string_view key, std::string_view value) override {
    const std::optional<uint64_t> seed = values_.SeedOf(value);
    if (!seed) [[unlikely]] {
      wrong_ = "a value of a scan is nothing that was written, " + base::Quoted(value);
      return;
    }
    answer_.Add(key, *seed);
  }

  Status Finish(const Operation& operation, std::string_view start) const {
    if (!wrong_.empty()) return WrongAnswer(wrong_, start);
    if (answer_.digest() == operation.scan_digest) [[likely]]
      return Ok();
    return WrongAnswer("a scan of " + std::to_string(operation.scan_records) + " records gave " +
                           std::to_string(answer_.records()) +
                           ", and they are not those that were written",
                       start);
  }

 private:
  const ValueCoder& values_;
  ScanAnswer answer_;
  std::string wrong_;
};

// Compares all records of a database with those that the state says are there.
class WholeScan : public RecordSink {
 public:
  WholeScan(const DatabaseState& state, const ValueCoder& values) : state_(state), values_(values) {
    SkipAbsent();
  }

  void Add(std::string_view key, std::string_view value) override {
    ++records_;
    if (next_rank_ == state_.keys().size() || key != state_.keys().Key(next_rank_) ||
        !values_.Matches(value, state_.ValueSeed(next_rank_))) [[unlikely]] {
      if (wrong_.empty()) NoteWrong(key, value);
      return;
    }
    ++next_rank_;
    SkipAbsent();
  }

  Status Finish(std::string_view start) const {
    if (!wrong_.empty()) return WrongAnswer(wrong_, start);
    if (records_ == state_.present_count()) return Ok();
    return WrongAnswer("scan ended after " + std::to_string(records_) + " of " +
                           std::to_string(state_.present_count()) + " records",
                       start);
  }

 private:
  void SkipAbsent() {
    while (next_rank_ < state_.keys().size() && !state_.IsPresent(next_rank_)) ++next_rank_;
  }

  void NoteWrong(std::string_view key, std::string_view value) {
    wrong_ = "record " + std::to_string(records_) + " of a scan has key " + base::Quoted(key) +
             " and value " + base::Quoted(value) + ", expected " +
             (next_rank_ == state_.keys().size()
                  ? std::string("the end")
                  : "key " + base::Quoted(state_.keys().Key(next_rank_)) + " in its last version");
  }

  const DatabaseState& state_;
  const ValueCoder& values_;
  uint32_t next_rank_ = 0;
  uint64_t records_ = 0;
  std::string wrong_;
};

// The loops that are timed. One object per run.
class TimedLoop {
 public:
  TimedLoop(const ValueCoder& values, const Operations& operations, Session& session)
      : values_(values), operations_(operations), session_(session) {}

  Status OneByOne(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const Operation& operation = operations_.list[i];
      SIBYL_RETURN_IF_ERROR(Do(operation, operations_.Key(operation)));
    }
    return Ok();
  }

  // Each read is one of kSerialChoices, chosen by bits of the value before it, so that no two reads
  // can overlap: the latency of a read that something waits for.
  Status Serial(size_t begin, size_t end) {
    uint64_t choice = 0;
    for (size_t i = begin; i + kSerialChoices <= end; i += kSerialChoices) {
      const Operation& operation = operations_.list[i + choice];
      const std::string_view key = operations_.Key(operation);
      std::string_view value;
      SIBYL_ASSIGN_OR_RETURN(const bool found, session_.Get(key, &value));
      if (!found || !values_.Matches(value, operation.read_seed)) [[unlikely]] {
        return WrongAnswer(Describe(found, value), key);
      }
      choice = value.empty() ? 0 : static_cast<uint8_t>(value[0]) % kSerialChoices;
    }
    return Ok();
  }

  Status InBatches(size_t begin, size_t end) {
    std::array<std::string_view, kMultiGetKeys> keys;
    std::array<std::optional<std::string_view>, kMultiGetKeys> found;
    for (size_t i = begin; i + kMultiGetKeys <= end; i += kMultiGetKeys) {
      for (size_t j = 0; j < kMultiGetKeys; ++j) keys[j] = operations_.Key(operations_.list[i + j]);
      SIBYL_RETURN_IF_ERROR(session_.MultiGet(keys, found));
      for (size_t j = 0; j < kMultiGetKeys; ++j) {
        if (!found[j] || !values_.Matches(*found[j], operations_.list[i + j].read_seed))
            [[unlikely]] {
          return WrongAnswer(Describe(found[j].has_value(), found[j].value_or("")), keys[j]);
        }
      }
    }
    return Ok();
  }

 private:
  Status Do(const Operation& operation, std::string_view key) {
    switch (operation.kind) {
      case OperationKind::kGet:
        return Get(operation, key);
      case OperationKind::kGetAbsent:
        return GetAbsent(key);
      case OperationKind::kPut:
        return Put(operation, key);
      case OperationKind::kReadModifyWrite:
        SIBYL_RETURN_IF_ERROR(Get(operation, key));
        return Put(operation, key);
      case OperationKind::kScan:
        return Scan(operation, key);
    }
    SIBYL_CHECK(false);
  }

  Status Get(const Operation& operation, std::string_view key) {
    std::string_view value;
    SIBYL_ASSIGN_OR_RETURN(const bool found, session_.Get(key, &value));
    if (!found || !values_.Matches(value, operation.read_seed)) [[unlikely]] {
      return WrongAnswer(Describe(found, value), key);
    }
    return Ok();
  }

  Status GetAbsent(std::string_view key) {
    std::string_view value;
    SIBYL_ASSIGN_OR_RETURN(const bool found, session_.Get(key, &value));
    if (found) [[unlikely]]
      return WrongAnswer("an absent key has a value", key);
    return Ok();
  }

  Status Put(const Operation& operation, std::string_view key) {
    values_.Encode(operation.write_seed, &value_);
    return session_.Put(key, value_);
  }

  Status Scan(const Operation& operation, std::string_view key) {
    TimedScan scan(values_);
    SIBYL_RETURN_IF_ERROR(session_.Scan(key, operation.scan_records, scan));
    return scan.Finish(operation, key);
  }

  const ValueCoder& values_;
  const Operations& operations_;
  Session& session_;
  std::string value_;
};

// Collects writes and hands them over kBatchRecords at a time.
class Batcher {
 public:
  Batcher(const ValueCoder& values, Session& session)
      : values_(values), session_(session), bytes_(Runner::kBatchRecords) {
    batch_.reserve(Runner::kBatchRecords);
  }

  Status Put(std::string_view key, uint64_t seed) {
    std::string& value = bytes_[batch_.size()];
    values_.Encode(seed, &value);
    batch_.push_back({key, value});
    return batch_.size() == Runner::kBatchRecords ? Flush() : Ok();
  }

  Status Flush() {
    if (batch_.empty()) return Ok();
    SIBYL_RETURN_IF_ERROR(session_.Write(batch_));
    batch_.clear();
    return Ok();
  }

 private:
  const ValueCoder& values_;
  Session& session_;
  std::vector<std::string> bytes_;
  std::vector<KeyValue> batch_;
};

// All present records, in key order.
class PresentRecords : public RecordFeed {
 public:
  PresentRecords(const DatabaseState& state, const ValueCoder& values)
      : state_(state), values_(values) {}

  bool Next(KeyValue* record) override {
    while (rank_ < state_.keys().size() && !state_.IsPresent(rank_)) ++rank_;
    if (rank_ == state_.keys().size()) return false;
    values_.Encode(state_.ValueSeed(rank_), &value_);
    *record = {state_.keys().Key(rank_), value_};
    ++rank_;
    return true;
  }

 private:
  const DatabaseState& state_;
  const ValueCoder& values_;
  uint32_t rank_ = 0;
  std::string value_;
};

}  // namespace

Result<Timing> Runner::Run(Workload workload, const Operations& operations, size_t begin,
                           size_t end, Session& session) const {
  TimedLoop loop(values_, operations, session);
  Timing timing;
  timing.operations = end - begin;
  const Stopwatch stopwatch;
  switch (workload) {
    case Workload::kSerial:
      SIBYL_RETURN_IF_ERROR(loop.Serial(begin, end));
      timing.operations /= kSerialChoices;
      break;
    case Workload::kMultiGet32:
      SIBYL_RETURN_IF_ERROR(loop.InBatches(begin, end));
      timing.operations -= timing.operations % kMultiGetKeys;
      break;
    default:
      SIBYL_RETURN_IF_ERROR(loop.OneByOne(begin, end));
      break;
  }
  timing.elapsed = stopwatch.Read();
  return timing;
}

Result<Timing> Runner::Ingest(Session& session) const {
  PresentRecords records(state_, values_);
  Timing timing;
  timing.operations = state_.present_count();
  const Stopwatch stopwatch;
  SIBYL_RETURN_IF_ERROR(session.Ingest(records));
  timing.elapsed = stopwatch.Read();
  return timing;
}

Result<Timing> Runner::PutInBatches(const Operations& operations, Session& session) const {
  Batcher batcher(values_, session);
  Timing timing;
  timing.operations = operations.list.size();
  const Stopwatch stopwatch;
  for (const Operation& operation : operations.list) {
    SIBYL_CHECK(operation.kind == OperationKind::kPut);
    SIBYL_RETURN_IF_ERROR(batcher.Put(operations.Key(operation), operation.write_seed));
  }
  SIBYL_RETURN_IF_ERROR(batcher.Flush());
  timing.elapsed = stopwatch.Read();
  return timing;
}

Status Runner::CheckAll(Session& session) const {
  WholeScan scan(state_, values_);
  const std::string_view first = state_.keys().Key(0);
  SIBYL_RETURN_IF_ERROR(session.Scan(first, state_.present_count() + uint64_t{1}, scan));
  return scan.Finish(first);
}

}  // namespace sibyl::bench
