#include "tests/support/key_sets.h"

#include <zstd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <random>
#include <utility>

#include "base/coding.h"

namespace sibyl::test {

namespace {

template <typename T>
void SortUnique(std::vector<T>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

// The first `limit_bytes` of a compressed file, or less if it is shorter; nullopt if unreadable.
std::optional<std::string> ReadCompressed(const std::string& path, size_t limit_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                        ZSTD_freeDStream);
  std::string input(ZSTD_DStreamInSize(), '\0');
  std::string chunk(ZSTD_DStreamOutSize(), '\0');
  std::string out;
  while (out.size() < limit_bytes && file) {
    file.read(input.data(), static_cast<std::streamsize>(input.size()));
    ZSTD_inBuffer in{input.data(), static_cast<size_t>(file.gcount()), 0};
    while (in.pos < in.size) {
      ZSTD_outBuffer produced{chunk.data(), chunk.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(stream.get(), &produced, &in))) return std::nullopt;
      out.append(chunk.data(), produced.pos);
    }
  }
  return out;
}

std::vector<std::string> FirstLines(const std::string& text, size_t limit) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size() && lines.size() < limit;) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // perhaps cut by the limit of bytes
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

std::string BigEndian(uint64_t value) {
  std::string bytes;
  base::PutBig64(&bytes, value);
  return bytes;
}

KeySet FromIntegers(std::string name, std::vector<uint64_t> values) {
  SortUnique(&values);
  KeySet set{std::move(name), {}};
  set.keys.reserve(values.size());
  for (const uint64_t value : values) set.keys.push_back(BigEndian(value));
  return set;
}

KeySet FromStrings(std::string name, std::vector<std::string> keys) {
  SortUnique(&keys);
  return {std::move(name), std::move(keys)};
}

std::vector<uint64_t> DenseIntegers(size_t count, uint64_t first) {
  std::vector<uint64_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = first + i;
  return values;
}

std::vector<uint64_t> UniformIntegers(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> values(count);
  for (uint64_t& value : values) value = random();
  return values;
}

std::vector<uint64_t> LognormalIntegers(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> distribution(0, 2);
  std::vector<uint64_t> values(count);
  for (uint64_t& value : values) value = static_cast<uint64_t>(distribution(random) * 1e9);
  return values;
}

std::vector<uint64_t> ClusteredIntegers(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> values;
  while (values.size() < count) {
    uint64_t centre = random();
    uint64_t width = uint64_t{1} << (20 + random() % 36);
    for (size_t i = 1 + random() % 200; i > 0 && values.size() < count; --i) {
      if (random() % 16 == 0) {
        centre += random() % width;
        width = std::max<uint64_t>(width / 4, 16);
      }
      values.push_back(centre + random() % width);
    }
  }
  return values;
}

std::vector<uint64_t> OutlierIntegers(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> values;
  for (size_t i = 0; i < count; ++i) values.push_back(random() % (count * 50));
  for (int bit = 40; bit < 64; ++bit) values.push_back((uint64_t{1} << bit) + random() % 1000);
  values.push_back(std::numeric_limits<uint64_t>::max());
  return values;
}

std::vector<uint64_t> DoublingGapIntegers(size_t count) {
  std::vector<uint64_t> values = {0, std::numeric_limits<uint64_t>::max()};
  const size_t runs = std::max<size_t>(count / 40, 1);
  const uint64_t stride = std::numeric_limits<uint64_t>::max() / runs;
  for (size_t run = 0; run < runs; ++run) {
    for (uint64_t gap = 1; gap < stride / 2; gap *= 2) values.push_back(run * stride + gap);
  }
  return values;
}

std::vector<std::string> PathStrings(size_t count, uint64_t seed) {
  static const char* const kNames[] = {"src",    "include",  "test",  "documentation", "drivers",
                                       "net",    "wireless", "core",  "lib",           "examples",
                                       "module", "v2",       "build", "third_party",   "x"};
  std::mt19937_64 random(seed);
  std::vector<std::string> keys;
  std::vector<std::string> directories = {""};
  while (keys.size() < count) {
    std::string path = directories[random() % directories.size()];
    if (random() % 8 == 0 && path.size() < 200) {
      path +=
          std::string(kNames[random() % std::size(kNames)]) + std::to_string(random() % 30) + "/";
      directories.push_back(path);
    }
    keys.push_back(path + kNames[random() % std::size(kNames)] + "_" +
                   std::to_string(random() % 5000) + (random() % 2 == 0 ? ".cc" : ".h"));
  }
  return keys;
}

std::vector<std::string> NestedPrefixChains(size_t chains, size_t links) {
  std::mt19937_64 random(chains * 1000 + links);
  std::vector<std::string> keys;
  for (size_t chain = 0; chain < chains; ++chain) {
    std::string key = "chain" + std::to_string(random() % 100000);
    for (size_t link = 0; link < links; ++link) {
      keys.push_back(key);
      key.append(1 + random() % 5, static_cast<char>('a' + random() % 3));
    }
  }
  return keys;
}

std::vector<std::string> NulRunStrings() {
  std::vector<std::string> keys;
  for (const char* stem : {"", "a", "abcdefg", "abcdefgh", "abcdefghi"}) {
    for (size_t nuls = 0; nuls <= 40; ++nuls) {
      const std::string key = stem + std::string(nuls, '\0');
      keys.push_back(key);
      for (const char* tail : {"x", "xyz", "\x01", "\xff\xff"}) keys.push_back(key + tail);
    }
  }
  // The trap: one key beside thousands that continue it with a window of NULs.
  for (int i = 0; i < 2000; ++i) {
    keys.push_back(std::string("a") + std::string(8, '\0') + std::to_string(i));
  }
  return keys;
}

std::vector<std::string> ByteEdgeStrings() {
  std::vector<std::string> keys = {""};
  for (size_t begin = 0, length = 1; length <= 6; ++length) {
    const size_t end = keys.size();
    for (; begin < end; ++begin) {
      for (const char byte : {'\x00', '\x01', '\xff'}) keys.push_back(keys[begin] + byte);
    }
  }
  return keys;
}

std::vector<std::string> RandomStrings(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> keys(count);
  for (std::string& key : keys) {
    const int alphabet_bits = 1 + static_cast<int>(random() % 8);
    for (size_t bytes = random() % 25; bytes > 0; --bytes) {
      key.push_back(static_cast<char>(random() >> (64 - alphabet_bits)));
    }
  }
  return keys;
}

std::string RealDataDirectory() {
  const char* directory = std::getenv("SIBYL_DATA");
  return directory != nullptr ? directory : SIBYL_SOURCE_DIRECTORY "/../shared/data";
}

std::optional<KeySet> LoadRealKeys(const std::string& file_name, size_t limit) {
  const std::string path = RealDataDirectory() + "/" + file_name;
  const bool integers = file_name.find("_uint64") != std::string::npos;
  const size_t bytes_per_key = integers ? 8 : 200;
  const auto bytes = ReadCompressed(path, 8 + limit * bytes_per_key);
  if (!bytes) {
    std::cout << "skipped: no " << path << " (set SIBYL_DATA)\n";
    return std::nullopt;
  }
  if (!integers) return FromStrings(file_name, FirstLines(*bytes, limit));
  const uint64_t count = std::min<uint64_t>(limit, (bytes->size() - 8) / 8);
  std::vector<uint64_t> values(count);
  std::memcpy(values.data(), bytes->data() + 8, count * 8);
  return FromIntegers(file_name, std::move(values));
}

}  // namespace sibyl::test
