#include "index/blocked_bloom.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sibyl::index {
namespace {

constexpr double kBlockBits = 512;
constexpr uint32_t kMostProbes = 14;
constexpr uint32_t kProbesPerHash = 7;  // nine bits each
constexpr double kLeastBits = 0.5;
constexpr double kBitsStep = 1.02;
constexpr int kMostBitsStep = 220;  // 39 bits

uint32_t ProbesFor(double bits_per_key) {
  return std::clamp<uint32_t>(static_cast<uint32_t>(std::lround(bits_per_key * 0.693)), 1,
                              kMostProbes);
}

// Blocks have very different numbers of keys, distributed by Poisson; the fullest are the worst.
double RateOf(double bits_per_key, uint32_t probes) {
  const double mean = kBlockBits / bits_per_key;
  int sign = 0;  // lgamma without _r writes a global
  const double reach = 8 * std::sqrt(mean) + 10;
  double rate = 0;
  for (double keys = std::max(0.0, std::floor(mean - reach)); keys <= mean + reach; ++keys) {
    // Through logarithms: the first terms are too small for a double.
    const double probability = std::exp(keys * std::log(mean) - mean - lgamma_r(keys + 1, &sign));
    const double full = 1 - std::pow(1 - 1 / kBlockBits, keys * probes);
    rate += probability * std::pow(full, probes);
  }
  return rate;
}

// The seed of the n-th group of probes; independent of which block the hash names.
uint64_t ProbeBits(uint64_t hash, uint32_t group) {
  uint64_t x = (hash + group) * 0xd6e8feb86659fd93;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
  return x ^ (x >> 32);
}

// Calls visit(word, bit) for each probe until one says no.
template <typename Visit>
bool ForProbes(uint64_t hash, uint32_t probes, Visit visit) {
  uint64_t bits = 0;
  for (uint32_t probe = 0; probe < probes; ++probe) {
    if (probe % kProbesPerHash == 0) bits = ProbeBits(hash, probe / kProbesPerHash);
    if (!visit(bits >> 6 & 7, uint64_t{1} << (bits & 63))) return false;
    bits >>= 9;
  }
  return true;
}

uint64_t BlockOf(uint64_t hash, uint64_t blocks) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * blocks >> 64);
}

}  // namespace

double BlockedBloom::BitsPerKey(double false_positive_rate) {
  const auto bits_at = [](int step) { return kLeastBits * std::pow(kBitsStep, step); };
  int low = 0;  // halving: more bits never make a rate worse
  int high = kMostBitsStep;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (RateOf(bits_at(middle), ProbesFor(bits_at(middle))) > false_positive_rate) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return bits_at(low);
}

BlockedBloom::BlockedBloom(uint64_t keys, double false_positive_rate) {
  if (keys == 0) return;
  const double bits_per_key = BitsPerKey(false_positive_rate);
  probes_ = ProbesFor(bits_per_key);
  blocks_ = static_cast<uint64_t>(std::ceil(static_cast<double>(keys) * bits_per_key / kBlockBits));
  words_ = Table<uint64_t>(blocks_ * kWordsPerBlock);
  std::fill_n(words_.data(), words_.size(), 0);
}

void BlockedBloom::Add(uint64_t hash) {
  uint64_t* block = words_.data() + BlockOf(hash, blocks_) * kWordsPerBlock;
  ForProbes(hash, probes_, [&](uint64_t word, uint64_t bit) {
    block[word] |= bit;
    return true;
  });
}

bool BlockedBloom::MayContain(uint64_t hash) const {
  if (blocks_ == 0) return false;
  const uint64_t* block = words_.data() + BlockOf(hash, blocks_) * kWordsPerBlock;
  return ForProbes(hash, probes_,
                   [&](uint64_t word, uint64_t bit) { return (block[word] & bit) != 0; });
}

void BlockedBloom::Encode(std::string* out) const {
  base::Put8(out, static_cast<uint8_t>(probes_));
  base::Put64(out, blocks_);
  for (const uint64_t word : words_.span()) base::Put64(out, word);
}

std::optional<BlockedBloom> BlockedBloom::Decode(base::Decoder* decoder) {
  BlockedBloom filter;
  filter.probes_ = decoder->Get8();
  filter.blocks_ = decoder->Get64();
  constexpr uint64_t kBlockBytes = kWordsPerBlock * sizeof(uint64_t);
  if (!decoder->ok() || filter.blocks_ > decoder->remaining_bytes() / kBlockBytes ||
      filter.probes_ > kMostProbes || (filter.blocks_ == 0) != (filter.probes_ == 0)) {
    return std::nullopt;
  }
  filter.words_ = Table<uint64_t>(filter.blocks_ * kWordsPerBlock);
  for (size_t i = 0; i < filter.words_.size(); ++i) filter.words_[i] = decoder->Get64();
  return filter;
}

}  // namespace sibyl::index
