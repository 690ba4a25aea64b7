// ExistenceIndex: says of any key "certainly not stored" or "probably stored", in a few bits per
// key.
//
// For programs that want to save the search for keys that are not there. A learned Bloom filter
// first asks a small classifier, trained on the stored keys and on a sample of the queries that
// miss; where stored keys and misses look different, it takes fewer bits than a Bloom filter with
// the same rate of false positives. No kind ever says "not stored" of a stored key. (Kraska et al.,
// "The Case for Learned Index Structures", SIGMOD 2018, section 5.) What it costs:
// docs/existence-index.md.
//
//   auto filter = sibyl::index::ExistenceIndex::Build(urls, some_other_urls);
//   if (!filter) return filter.error();
//   if (!filter->MayContain(url)) return NotFound();

#ifndef SIBYL_EXISTENCE_INDEX_H_
#define SIBYL_EXISTENCE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::index {

enum class ExistenceKind : uint8_t {
  kAuto = 0,          // builds the others, keeps the smallest; a learned one only if much smaller
  kBlockedBloom = 1,  // no model: a Bloom filter that reads one cache line
  kLearnedBloom = 2,  // the classifier says yes, or a filter of the keys it rejects is asked
  kPartitioned = 3,   // the classifier's score chooses among filters with rates of their own
};

struct ExistenceOptions {
  ExistenceKind kind = ExistenceKind::kAuto;

  // Of the keys that are not stored, how many may be said to be: 1e-4 to 0.5. For learned kinds
  // this holds as far as the sample of absent keys is like the queries that will be asked.
  double false_positive_rate = 0.01;
};

// One filter that Build considered.
struct ExistenceCandidate {
  std::string name;
  uint64_t memory_bytes = 0;
  double false_positive_rate = 0;  // measured on absent keys that training did not see; 0: none
  double build_seconds = 0;
  bool chosen = false;
};

struct ExistenceParts;

// Immutable once built: any number of threads may call any method at the same time.
class ExistenceIndex {
 public:
  // Learned kinds need so many absent keys: a third of them is to train on, a third to set
  // thresholds by, and a third to measure the rate.
  static constexpr size_t kMinAbsentKeys = 1000;

  // A filter for byte strings, in any order, repeated or not. `absent` is a sample of the keys that
  // will be asked for and are not stored; a stored key among them only makes the filter larger.
  // Time: some ns per byte of key; training takes seconds at most, on a sample of 100,000.
  // Errors: kInvalidArgument for a rate out of its range, or a learned kind with fewer than
  // kMinAbsentKeys absent keys (kAuto then builds the Bloom filter).
  static Result<ExistenceIndex> Build(std::span<const std::string_view> keys,
                                      std::span<const std::string_view> absent,
                                      const ExistenceOptions& options = {});

  // The same for integers, of whose place, bytes and remainders the classifier makes its features.
  static Result<ExistenceIndex> Build(std::span<const uint64_t> keys,
                                      std::span<const uint64_t> absent,
                                      const ExistenceOptions& options = {});

  ExistenceIndex(ExistenceIndex&&) noexcept;
  ExistenceIndex& operator=(ExistenceIndex&&) noexcept;
  ~ExistenceIndex();

  // False only if `key` is not stored. The filter must have been built over keys of that type: one
  // that was not says true.
  bool MayContain(std::string_view key) const;
  bool MayContain(uint64_t key) const;

  ExistenceKind kind() const;     // what was built: never kAuto
  uint64_t memory_bytes() const;  // classifier and filters
  uint64_t size() const;          // keys it was built over

  // What was considered and chosen; one entry unless built with kAuto.
  std::span<const ExistenceCandidate> candidates() const;

  // The same as a table for people.
  std::string Explain() const;

  // Appends the filter in its portable form: little-endian, versioned, checksummed. The classifier
  // computes in integers, so a filter answers alike on every machine.
  void Serialize(std::string* out) const;

  // Reads that form back.
  // Errors: kCorruption for bytes that Serialize could not have written; kNotSupported for a newer
  // version.
  static Result<ExistenceIndex> Deserialize(std::string_view bytes);

 private:
  explicit ExistenceIndex(std::unique_ptr<const ExistenceParts> parts);
  std::unique_ptr<const ExistenceParts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_EXISTENCE_INDEX_H_
