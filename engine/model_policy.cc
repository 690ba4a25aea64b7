#include "engine/model_policy.h"

#include <algorithm>
#include <cstdio>

namespace sibyl::engine {

namespace {

// What a learned model saves in a lookup of a long key, and the share of its training that a plain
// one takes as long as none was trained: measured on paths.
constexpr double kSavedPerLookupNs = 75;
constexpr double kPlainTrainingShare = 0.4;

// Gets are counted over at least this long before a rate is made of them.
constexpr uint64_t kLeastRateNs = 10'000'000;

constexpr double kNsPerSecond = 1e9;

ModelChoice Learned(const char* why) { return {true, std::string("learned: ") + why}; }

}  // namespace

ModelChoice ModelPolicy::Choose(const Situation& situation) {
  const std::lock_guard lock(mutex_);
  NoteGets(situation.gets, situation.now_ns);
  if (situation.is_last) return Learned("last level");
  const bool lived = situation.level < lifetime_s_.size() && lifetime_s_[situation.level].known();
  if (!lived || !gets_per_s_.known() || !learned_ns_.known()) return Learned("no experience yet");

  const double lifetime_s = lifetime_s_[situation.level].value();
  const double lookups = gets_per_s_.value() * lifetime_s /
                         static_cast<double>(std::max<uint64_t>(situation.database_records, 1));
  const double extra_ns = ExtraTrainingNs();
  const bool learn = lookups * kSavedPerLookupNs >= extra_ns;
  char note[160];
  std::snprintf(note, sizeof(note),
                "%s: %.3g lookups per record expected in %.3g s, %.3g ns saved each, training "
                "%.3g ns more per record",
                learn ? "learned" : "plain", lookups, lifetime_s, kSavedPerLookupNs, extra_ns);
  return {learn, note};
}

void ModelPolicy::NoteWritten(size_t level, uint64_t segment, uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  births_.insert_or_assign(segment, Birth{level, now_ns});
}

void ModelPolicy::NoteRemoved(uint64_t segment, uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const auto birth = births_.find(segment);
  if (birth == births_.end()) return;
  const auto [level, born_ns] = birth->second;
  births_.erase(birth);
  if (level >= lifetime_s_.size()) lifetime_s_.resize(level + 1);
  lifetime_s_[level].Add(static_cast<double>(now_ns - born_ns) / kNsPerSecond);
}

void ModelPolicy::NoteTraining(bool learned, uint64_t records, uint64_t ns) {
  if (records == 0) return;
  const std::lock_guard lock(mutex_);
  (learned ? learned_ns_ : plain_ns_).Add(static_cast<double>(ns) / static_cast<double>(records));
}

void ModelPolicy::NoteGets(uint64_t gets, uint64_t now_ns) {
  if (gets_noted_ns_ != 0) {
    if (now_ns - gets_noted_ns_ < kLeastRateNs) return;
    gets_per_s_.Add(static_cast<double>(gets - gets_) * kNsPerSecond /
                    static_cast<double>(now_ns - gets_noted_ns_));
  }
  gets_ = gets;
  gets_noted_ns_ = now_ns;
}

// Of a learned model beyond a plain one's, per record.
double ModelPolicy::ExtraTrainingNs() const {
  const double plain_ns =
      plain_ns_.known() ? plain_ns_.value() : learned_ns_.value() * kPlainTrainingShare;
  return std::max(0.0, learned_ns_.value() - plain_ns);
}

}  // namespace sibyl::engine
