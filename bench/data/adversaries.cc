#include "bench/data/adversaries.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "bench/data/random.h"
#include "sibyl/key_order.h"

namespace sibyl::bench {
namespace {

using Keys = std::vector<uint64_t>;

// Puts keys one by one where the least-squares line through keys and ranks gets worst. The loss is
// convex between two keys, so only the places beside keys need be tried; sums make each trial O(1).
class Poisoner {
 public:
  explicit Poisoner(Keys keys) : keys_(std::move(keys)) {}

  Keys Poison(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (!AddWorst()) break;
    }
    return std::move(keys_);
  }

 private:
  double Scaled(uint64_t key) const {
    return static_cast<double>(key - keys_.front()) /
           static_cast<double>(keys_.back() - keys_.front());
  }

  // How little of the ranks' variance a line explains, with `x` inserted before rank `at`; the sums
  // are over the keys as they are, `suffix` over those from `at` on.
  double Unexplained(double x, size_t at, double sum, double squares, double products,
                     double suffix) const {
    const auto n = static_cast<double>(keys_.size() + 1);
    const double mean_rank = (n - 1) / 2;
    const double mean = (sum + x) / n;
    const double variance = (squares + x * x) / n - mean * mean;
    const double covariance =
        (products + suffix + x * static_cast<double>(at)) / n - mean * mean_rank;
    return variance > 0 ? -covariance * covariance / variance : 0;
  }

  bool AddWorst() {
    double sum = 0;
    double squares = 0;
    double products = 0;
    for (size_t i = 0; i < keys_.size(); ++i) {
      const double x = Scaled(keys_[i]);
      sum += x;
      squares += x * x;
      products += x * static_cast<double>(i);
    }
    double suffix = sum;
    double worst = -std::numeric_limits<double>::max();
    size_t worst_at = 0;
    uint64_t worst_key = 0;
    for (size_t at = 1; at < keys_.size(); ++at) {
      suffix -= Scaled(keys_[at - 1]);
      if (keys_[at] - keys_[at - 1] < 2) continue;
      for (const uint64_t key : {keys_[at - 1] + 1, keys_[at] - 1}) {
        const double loss = Unexplained(Scaled(key), at, sum, squares, products, suffix);
        if (loss <= worst) continue;
        worst = loss;
        worst_at = at;
        worst_key = key;
      }
    }
    if (worst_at == 0) return false;
    keys_.insert(keys_.begin() + static_cast<ptrdiff_t>(worst_at), worst_key);
    return true;
  }

  Keys keys_;
};

Keys Poisoned(size_t count, Random* random) {
  constexpr size_t kLeafKeys = 1000;
  constexpr size_t kPoisonShare = 10;
  Keys honest(count - count / kPoisonShare);
  for (uint64_t& key : honest) key = random->Next();
  std::sort(honest.begin(), honest.end());
  honest.erase(std::unique(honest.begin(), honest.end()), honest.end());
  Keys keys;
  for (size_t begin = 0; begin < honest.size(); begin += kLeafKeys) {
    const size_t end = std::min(begin + kLeafKeys, honest.size());
    Keys leaf(honest.begin() + static_cast<ptrdiff_t>(begin),
              honest.begin() + static_cast<ptrdiff_t>(end));
    const size_t poison = leaf.size() / (kPoisonShare - 1);
    const Keys poisoned = leaf.size() < 3 ? leaf : Poisoner(std::move(leaf)).Poison(poison);
    keys.insert(keys.end(), poisoned.begin(), poisoned.end());
  }
  return keys;
}

Keys Clustered(size_t count, Random* random) {
  Keys keys(count);
  for (uint64_t& key : keys) {
    key = 0;
    for (int level = 0; level < 8; ++level) {
      key = key << 8 | (random->Below(4) == 0 ? 128 + random->Below(4) : random->Below(3));
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

Keys Doubling(size_t count) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const uint64_t stride = kMost / std::max<size_t>(count / 40, 1);
  Keys keys;
  for (uint64_t start = 0; keys.size() < count && start < kMost - stride; start += stride) {
    for (uint64_t gap = 1; gap < stride / 2; gap *= 2) keys.push_back(start + gap);
  }
  return keys;
}

Keys Runs(size_t count, Random* random) {
  Keys keys;
  uint64_t key = 1;
  while (keys.size() < count) {
    const bool run = random->Below(200) == 0;
    const uint64_t most = std::max<uint64_t>(count / 10, 2);
    // Most runs are short, a few are as long as any may be.
    const uint64_t length = run ? 1 + (random->Below(most) >> random->Below(12)) : 1;
    keys.insert(keys.end(), std::min<uint64_t>(length, count - keys.size()), key);
    key += 1 + (random->Next() >> (34 + random->Below(29)));
  }
  return keys;
}

Keys Denormal(size_t count, Random* random) {
  Keys keys(count);
  for (uint64_t& key : keys) {
    constexpr int kMantissaBits = 52;
    const bool denormal = random->Below(2) == 0;
    const uint64_t exponent = denormal ? 0 : random->Below(2047);
    const uint64_t mantissa = random->Below(denormal ? 4 * count : uint64_t{1} << kMantissaBits);
    const uint64_t sign = random->Below(2) << 63;
    key = index::OrderedFromDouble(
        std::bit_cast<double>(sign | exponent << kMantissaBits | mantissa));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

std::optional<Keys> GenerateAdversary(std::string_view kind, size_t count) {
  Random random(count);
  if (kind == "poisoned") return Poisoned(count, &random);
  if (kind == "clustered") return Clustered(count, &random);
  if (kind == "doubling") return Doubling(count);
  if (kind == "runs") return Runs(count, &random);
  if (kind == "denormal") return Denormal(count, &random);
  return std::nullopt;
}

}  // namespace sibyl::bench
