#include "bench/micro/query_set.h"

#include <algorithm>

#include "bench/data/random.h"

namespace sibyl::bench {
namespace {

constexpr size_t kFewQueries = size_t{1} << 20;
constexpr size_t kManyQueries = size_t{1} << 22;
constexpr size_t kManyKeys = 4'000'000;  // from here on the keys are larger than the caches
constexpr uint64_t kSeed = 42;
constexpr size_t kEdgeQueries = 300'000;

uint64_t DrawQuery(std::span<const uint64_t> keys, Random* random) {
  const uint64_t rank = random->Below(keys.size());
  if (rank == 0 || random->Below(10) != 0 || keys[rank] == keys[rank - 1]) return keys[rank];
  return keys[rank - 1] + 1 + random->Below(keys[rank] - keys[rank - 1]);
}

}  // namespace

QuerySet::QuerySet(std::span<const uint64_t> keys)
    : queries_(keys.size() < kManyKeys ? kFewQueries : kManyQueries),
      sums_(queries_.size() / kChunkQueries),
      serial_sums_(queries_.size() / (kSerialChunkSteps * kSerialChoices)) {
  Random random(kSeed);
  std::vector<uint32_t> answers(queries_.size());
  for (size_t i = 0; i < queries_.size(); ++i) {
    queries_[i] = DrawQuery(keys, &random);
    answers[i] = static_cast<uint32_t>(std::lower_bound(keys.begin(), keys.end(), queries_[i]) -
                                       keys.begin());
    sums_[i / kChunkQueries] += answers[i];
  }
  for (size_t chunk = 0; chunk < serial_sums_.size(); ++chunk) {
    uint64_t answer = 0;
    for (size_t step = 0; step < kSerialChunkSteps; ++step) {
      const size_t first = (chunk * kSerialChunkSteps + step) * kSerialChoices;
      answer = answers[first + answer % kSerialChoices];
      serial_sums_[chunk] += answer;
    }
  }
}

EdgeQueries::EdgeQueries(std::span<const uint64_t> keys) {
  Random random(kSeed);
  const uint64_t first = keys.front();
  const uint64_t last = keys.back();
  queries = {0,        1,         ~uint64_t{0} - 1, ~uint64_t{0},
             first,    first - 1, first + 1,        last,
             last - 1, last + 1,  first / 2,        last + (~uint64_t{0} - last) / 2};
  while (queries.size() < kEdgeQueries) {
    const uint64_t key = keys[random.Below(keys.size())];
    queries.insert(queries.end(), {key - 1, key, key + 1, DrawQuery(keys, &random), random.Next()});
  }
  queries.resize(kEdgeQueries);
  for (const uint64_t query : queries) {
    answers.push_back(
        static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), query) - keys.begin()));
  }
}

StringEdgeQueries::StringEdgeQueries(std::span<const std::string_view> keys) {
  Random random(kSeed);
  std::vector<size_t> ends;
  const auto add = [&](std::string_view query) {
    bytes += query;
    ends.push_back(bytes.size());
  };
  for (const std::string& query :
       {std::string(), std::string(1, '\0'), std::string(40, '\0'), std::string(40, '\xff')}) {
    add(query);
  }
  while (ends.size() < kEdgeQueries) {
    std::string key(keys[random.Below(keys.size())]);
    add(key);
    add(key + '\0');
    add(key + '\xff');
    add(std::string_view(key).substr(0, random.Below(key.size() + 1)));
    if (!key.empty()) key[random.Below(key.size())] ^= static_cast<char>(1 << random.Below(8));
    add(key);
    for (char& byte : key) byte = static_cast<char>(random.Next());
    add(key);
  }
  size_t begin = 0;
  for (const size_t end : ends) {
    queries.push_back(std::string_view(bytes).substr(begin, end - begin));
    begin = end;
    answers.push_back(static_cast<uint64_t>(
        std::lower_bound(keys.begin(), keys.end(), queries.back()) - keys.begin()));
  }
}

}  // namespace sibyl::bench
