// Tells stored keys from others by what they look like: the model in front of a learned Bloom
// filter.
//
// A logistic regression over hashed features: for strings their lengths, beginnings, ends and all
// their 2- and 3-grams, for integers their place between the smallest and the largest key, their
// bytes, and remainders. Trained in floating point; then weights are rounded to 16-bit integers and
// a score is their sum, so that scores are the same on every machine.

#ifndef SIBYL_INDEX_KEY_CLASSIFIER_H_
#define SIBYL_INDEX_KEY_CLASSIFIER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"

namespace sibyl::index {

class KeyClassifier {
 public:
  // Deterministic for one build of this code. Time O(bytes of at most 100,000 keys of each kind).
  static KeyClassifier Train(std::span<const std::string_view> keys,
                             std::span<const std::string_view> absent);
  static KeyClassifier Train(std::span<const uint64_t> keys, std::span<const uint64_t> absent);

  // Higher: more like the stored keys.
  int32_t Score(std::string_view key) const;
  int32_t Score(uint64_t key) const;

  uint64_t memory_bytes() const { return weights_.size() * sizeof(int16_t); }

  void Encode(std::string* out) const;
  // Nothing if malformed.
  static std::optional<KeyClassifier> Decode(base::Decoder* decoder);

 private:
  static constexpr int kWeightBits = 12;
  static constexpr size_t kWeights = size_t{1} << kWeightBits;

  template <typename Key>
  void Fit(std::span<const Key> keys, std::span<const Key> absent);

  template <typename Visit>
  void ForFeatures(std::string_view key, Visit visit) const;
  template <typename Visit>
  void ForFeatures(uint64_t key, Visit visit) const;

  template <typename Key>
  int32_t Sum(Key key) const;

  // Of integers: the smallest and the largest key seen in training.
  uint64_t smallest_ = 0;
  uint64_t largest_ = 0;
  std::vector<int16_t> weights_ = std::vector<int16_t>(kWeights);
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_KEY_CLASSIFIER_H_
