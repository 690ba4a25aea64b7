#include "index/key_classifier.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "index/window.h"

namespace sibyl::index {
namespace {

constexpr size_t kMostTrainingKeys = 100'000;
constexpr int kEpochs = 4;
constexpr float kStep = 0.15f;
constexpr float kDecay = 1e-6f;
constexpr float kScale = 256;  // of a weight's integer
constexpr float kMostScore = 30;

// Strings longer than this are judged by their beginning and end.
constexpr size_t kMostBytesRead = 256;

// A feature's weight: `kind` keeps features of different kinds apart.
uint32_t Feature(uint32_t kind, uint64_t value, int bits) {
  const uint64_t mixed = (value * 16 + kind) * 0x9e3779b97f4a7c15;
  return static_cast<uint32_t>(mixed >> (64 - bits));
}

template <typename Key>
std::vector<Key> Sample(std::span<const Key> keys) {
  if (keys.size() <= kMostTrainingKeys) return {keys.begin(), keys.end()};
  std::vector<Key> sample;
  sample.reserve(kMostTrainingKeys);
  for (size_t i = 0; i < kMostTrainingKeys; ++i) {
    sample.push_back(keys[keys.size() * i / kMostTrainingKeys]);
  }
  return sample;
}

}  // namespace

template <typename Visit>
void KeyClassifier::ForFeatures(std::string_view key, Visit visit) const {
  const auto add = [&](uint32_t kind, uint64_t value) { visit(Feature(kind, value, kWeightBits)); };
  add(0, std::min<size_t>(key.size(), 255));
  add(1, WindowAt(key, 0) >> 32);
  add(2, WindowAt(key, key.size() < 4 ? 0 : key.size() - 4) >> 32);
  const size_t end = std::min(key.size(), kMostBytesRead);
  uint32_t gram = 0;
  for (size_t i = 0; i < end; ++i) {
    gram = (gram << 8 | static_cast<unsigned char>(key[i])) & 0xffffff;
    if (i >= 1) add(3, gram & 0xffff);
    if (i >= 2) add(4, gram);
  }
}

template <typename Visit>
void KeyClassifier::ForFeatures(uint64_t key, Visit visit) const {
  const auto add = [&](uint32_t kind, uint64_t value) { visit(Feature(kind, value, kWeightBits)); };
  if (key < smallest_ || key > largest_) {
    add(0, key < smallest_ ? 0 : 1);
  } else {
    const auto place = static_cast<unsigned __int128>(key - smallest_);
    const auto span = static_cast<unsigned __int128>(largest_ - smallest_) + 1;
    add(1, static_cast<uint64_t>(place * 32 / span));
    add(2, static_cast<uint64_t>(place * 256 / span));
    add(3, static_cast<uint64_t>(place * 2048 / span));
  }
  for (uint32_t byte = 0; byte < 8; ++byte) add(4 + byte, key >> (8 * byte) & 0xff);
  add(12, static_cast<uint64_t>(std::countr_zero(key)));
  add(13, static_cast<uint64_t>(std::countl_zero(key)));
  add(14, key % 1000);
  add(15, key % 60);
}

template <typename Key>
int32_t KeyClassifier::Sum(Key key) const {
  int32_t sum = 0;
  ForFeatures(key, [&](uint32_t feature) { sum += weights_[feature]; });
  return sum;
}

int32_t KeyClassifier::Score(std::string_view key) const { return Sum(key); }
int32_t KeyClassifier::Score(uint64_t key) const { return Sum(key); }

// Stochastic gradient descent with a step per weight (Duchi, Hazan and Singer, "Adaptive
// Subgradient Methods", JMLR 12, 2011).
template <typename Key>
void KeyClassifier::Fit(std::span<const Key> keys, std::span<const Key> absent) {
  const std::vector<Key> present_sample = Sample(keys);
  const std::vector<Key> absent_sample = Sample(absent);
  Eigen::ArrayXf weights = Eigen::ArrayXf::Zero(kWeights);
  Eigen::ArrayXf squares = Eigen::ArrayXf::Constant(kWeights, 1e-4f);
  std::mt19937_64 random(1);
  std::vector<uint32_t> features;
  const auto learn = [&](Key key, float target) {
    features.clear();
    ForFeatures(key, [&](uint32_t feature) { features.push_back(feature); });
    float score = 0;
    for (const uint32_t feature : features) score += weights[feature];
    score = std::clamp(score, -kMostScore, kMostScore);
    const float error = 1 / (1 + std::exp(-score)) - target;
    for (const uint32_t feature : features) {
      const float gradient = error + kDecay * weights[feature];
      squares[feature] += gradient * gradient;
      weights[feature] -= kStep * gradient / std::sqrt(squares[feature]);
    }
  };
  const size_t rounds = std::max(present_sample.size(), absent_sample.size());
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    for (size_t i = 0; i < rounds; ++i) {
      learn(present_sample[random() % present_sample.size()], 1);
      learn(absent_sample[random() % absent_sample.size()], 0);
    }
  }
  const Eigen::ArrayXf rounded = (weights * kScale).round().max(-32768.f).min(32767.f);
  for (size_t i = 0; i < kWeights; ++i) {
    weights_[i] = static_cast<int16_t>(rounded[static_cast<Eigen::Index>(i)]);
  }
}

KeyClassifier KeyClassifier::Train(std::span<const std::string_view> keys,
                                   std::span<const std::string_view> absent) {
  KeyClassifier classifier;
  classifier.Fit(keys, absent);
  return classifier;
}

KeyClassifier KeyClassifier::Train(std::span<const uint64_t> keys,
                                   std::span<const uint64_t> absent) {
  KeyClassifier classifier;
  const auto [smallest, largest] = std::minmax_element(keys.begin(), keys.end());
  classifier.smallest_ = *smallest;
  classifier.largest_ = *largest;
  classifier.Fit(keys, absent);
  return classifier;
}

void KeyClassifier::Encode(std::string* out) const {
  base::Put64(out, smallest_);
  base::Put64(out, largest_);
  for (const int16_t weight : weights_) base::Put16(out, static_cast<uint16_t>(weight));
}

std::optional<KeyClassifier> KeyClassifier::Decode(base::Decoder* decoder) {
  KeyClassifier classifier;
  classifier.smallest_ = decoder->Get64();
  classifier.largest_ = decoder->Get64();
  for (int16_t& weight : classifier.weights_) weight = static_cast<int16_t>(decoder->Get16());
  if (!decoder->ok() || classifier.smallest_ > classifier.largest_) return std::nullopt;
  return classifier;
}

}  // namespace sibyl::index
