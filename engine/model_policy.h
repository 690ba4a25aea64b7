// Whether a new segment's models are worth learning, by what its life is expected to bring.
//
// Keys of up to 8 bytes are learned always: the lines cost no more to fit than separators cost to
// choose. Longer keys are seen through several windows, so that fitting costs a few times as much,
// and saves time at each lookup. A segment that will soon be merged away, and is hardly read until
// then, is better off with plain models: a separator per block (docs/decisions/
// 0013-retraining-by-expected-cost.md has the measurements).
//
// Expected lookups per record = Gets per second x seconds that segments of this level have lived
// / records of the database: a Get evaluates about one model, that of the segment with its key,
// since filters hold off the others.

#ifndef SIBYL_ENGINE_MODEL_POLICY_H_
#define SIBYL_ENGINE_MODEL_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace sibyl::engine {

struct ModelChoice {
  bool learn = true;
  std::string note;  // why, for people
};

// Thread-safe. Times are of a monotonic clock.
class ModelPolicy {
 public:
  // What is known when a segment is about to be written.
  struct Situation {
    size_t level = 0;
    bool is_last = false;  // the level has nearly all records, and keeps its segments longest
    uint64_t database_records = 0;
    uint64_t gets = 0;  // so far
    uint64_t now_ns = 0;
  };
  ModelChoice Choose(const Situation& situation);

  // A segment with this id was written for `level`, where it may stay or from where it may sink.
  void NoteWritten(size_t level, uint64_t segment, uint64_t now_ns);

  // It was merged away. Segments that NoteWritten was not told of are passed over.
  void NoteRemoved(uint64_t segment, uint64_t now_ns);

  // What training so many records, most of them with keys longer than a window, took.
  void NoteTraining(bool learned, uint64_t records, uint64_t ns);

 private:
  // An average that forgets: each new value counts a quarter.
  class Average {
   public:
    void Add(double value) {
      value_ = known_ ? value_ + (value - value_) / 4 : value;
      known_ = true;
    }
    bool known() const { return known_; }
    double value() const { return value_; }

   private:
    double value_ = 0;
    bool known_ = false;
  };
  struct Birth {
    size_t level;
    uint64_t ns;
  };

  void NoteGets(uint64_t gets, uint64_t now_ns);
  double ExtraTrainingNs() const;

  std::mutex mutex_;                            // guards the rest
  std::unordered_map<uint64_t, Birth> births_;  // by segment
  std::vector<Average> lifetime_s_;             // by the level that a segment was written for
  Average gets_per_s_;
  uint64_t gets_ = 0;
  uint64_t gets_noted_ns_ = 0;
  Average learned_ns_;  // of training, per record
  Average plain_ns_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_MODEL_POLICY_H_
