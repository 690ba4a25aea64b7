#include "bench/data/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/text.h"
#include "bench/data/adversaries.h"
#include "bench/data/random.h"

namespace sibyl::bench {
namespace {

using Keys = std::vector<uint64_t>;

constexpr size_t kMinCount = 100;

// Box and Muller.
double Normal(Random* random) {
  const double radius = std::sqrt(-2 * std::log(random->Unit() + 1e-300));
  return radius * std::cos(2 * std::numbers::pi * random->Unit());
}

// Draws from `next` until there are `count` distinct keys, then drops a random surplus, so that the
// distribution keeps its shape.
template <typename Next>
Keys DistinctKeys(size_t count, Random* random, Next next) {
  Keys keys;
  while (keys.size() < count) {
    const size_t more = count - keys.size();
    for (size_t i = 0; i < more + more / 8 + 1000; ++i) keys.push_back(next());
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  }
  size_t kept = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (random->Below(keys.size() - i) < count - kept) keys[kept++] = keys[i];
  }
  keys.resize(count);
  return keys;
}

Keys Uniform(size_t count, Random* random) {
  return DistinctKeys(count, random, [&] { return random->Next(); });
}

Keys Dense(size_t count, Random* random) {
  Keys keys(count);
  uint64_t key = 1000;
  for (uint64_t& k : keys) k = key += 1 + random->Below(19);
  return keys;
}

Keys Lognormal(size_t count, Random* random) {
  return DistinctKeys(count, random,
                      [&] { return static_cast<uint64_t>(std::exp(2 * Normal(random)) * 1e9); });
}

// The position of (x, y) along a Hilbert curve of order 32 (Hilbert, 1891; in the form of Warren,
// "Hacker's Delight", 2nd edition, section 16-1).
uint64_t HilbertPosition(uint32_t x, uint32_t y) {
  uint64_t position = 0;
  for (uint32_t side = uint32_t{1} << 31; side != 0; side >>= 1) {
    const uint64_t right = (x & side) != 0 ? 1 : 0;
    const uint64_t up = (y & side) != 0 ? 1 : 0;
    position += uint64_t{side} * side * ((3 * right) ^ up);
    if (up == 0) {
      if (right == 1) {
        x = ~x;
        y = ~y;
      }
      std::swap(x, y);
    }
  }
  return position;
}

uint64_t MapCell(double x, double y) {
  const auto whole = [](double v) {
    return static_cast<uint32_t>((v - std::floor(v)) * std::numeric_limits<uint32_t>::max());
  };
  return HilbertPosition(whole(x), whole(y));
}

// Places whose sizes follow Zipf's law and whose spreads are log-uniform, over a thin background.
Keys Osm(size_t count, Random* random) {
  struct Place {
    double x, y, spread, size_so_far;
  };
  std::vector<Place> places(20000);
  double total = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    total += 1 / std::pow(static_cast<double>(i) + 1, 0.8);
    places[i] = {random->Unit(), random->Unit(), std::pow(10, -5.5 + 3.5 * random->Unit()), total};
  }
  return DistinctKeys(count, random, [&] {
    if (random->Below(20) == 0) return MapCell(random->Unit(), random->Unit());
    const double pick = random->Unit() * total;
    const auto place =
        std::lower_bound(places.begin(), places.end() - 1, pick,
                         [](const Place& p, double value) { return p.size_so_far < value; });
    return MapCell(place->x + place->spread * Normal(random),
                   place->y + place->spread * Normal(random));
  });
}

Keys Fb(size_t count, Random* random) {
  constexpr size_t kOutliers = 21;
  Keys keys(count);
  uint64_t key = 1;
  for (uint64_t& k : keys) {
    const double gap = std::min(8 * std::pow(1 - random->Unit(), -1 / 1.2), 1e7);
    k = key += 1 + static_cast<uint64_t>(random->Unit() * gap);
  }
  uint64_t outlier = std::max(key, uint64_t{1} << 50);
  for (size_t i = 0; i + 1 < kOutliers; ++i) {
    keys[count - kOutliers + i] = outlier += uint64_t{1} << (40 + i);
  }
  keys[count - 1] = std::numeric_limits<uint64_t>::max() - 1;
  return keys;
}

// A Poisson process whose rate follows the hour, the weekday and bursts of a quarter of an hour.
Keys Weblog(size_t count, Random* random) {
  constexpr double kDay = 86400e6;  // microseconds
  constexpr double kBurst = 900e6;
  const double mean_gap = 365 * kDay / static_cast<double>(count);
  Keys keys(count);
  double time = 1.6e15;
  double burst = 1;
  uint64_t burst_number = 0;
  uint64_t last = 0;
  for (uint64_t& key : keys) {
    if (const auto number = static_cast<uint64_t>(time / kBurst); number != burst_number) {
      burst_number = number;
      burst = std::exp(0.5 * Normal(random));
    }
    const double hour = std::sin(2 * std::numbers::pi * std::fmod(time / kDay, 1));
    const bool weekend = std::fmod(time / (7 * kDay), 1) > 5.0 / 7;
    const double rate = (1 + 0.8 * hour) * (weekend ? 0.5 : 1.2) * burst + 0.02;
    time += -std::log(1 - random->Unit()) * mean_gap / rate;
    key = last = std::max(static_cast<uint64_t>(time), last + 1);
  }
  return keys;
}

}  // namespace

Result<std::vector<uint64_t>> GenerateKeys(std::string_view kind, size_t count) {
  constexpr uint64_t kSeed = 12345;
  if (count < kMinCount) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot generate fewer than " + std::to_string(kMinCount) + " keys"};
  }
  Random random(kSeed + count);
  if (kind == "uniform") return Uniform(count, &random);
  if (kind == "dense") return Dense(count, &random);
  if (kind == "lognormal") return Lognormal(count, &random);
  if (kind == "osm") return Osm(count, &random);
  if (kind == "fb") return Fb(count, &random);
  if (kind == "weblog") return Weblog(count, &random);
  if (auto keys = GenerateAdversary(kind, count)) return std::move(*keys);
  std::string known = "uniform, dense, lognormal, osm, fb, weblog";
  for (const std::string_view adversary : kAdversaries) known.append(", ").append(adversary);
  return Error{ErrorCode::kInvalidArgument,
               "no kind of keys is called \"" + std::string(kind) + "\": there are " + known};
}

Result<GeneratedSet> ParseGeneratedSet(std::string_view text) {
  const Error malformed{ErrorCode::kInvalidArgument,
                        "expected KIND:COUNT, found \"" + std::string(text) + "\""};
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return malformed;
  const auto count = base::ParseNumber<uint64_t>(text.substr(colon + 1));
  if (!count) return malformed;
  return GeneratedSet{std::string(text.substr(0, colon)), *count};
}

}  // namespace sibyl::bench
