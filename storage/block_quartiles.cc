#include "storage/block_quartiles.h"

#include <algorithm>
#include <utility>

namespace sibyl::storage {
namespace {

// What is said of a block whose records are spread evenly, or of which nothing is known.
constexpr std::string_view kEven = "\x40\x80\xc0";

}  // namespace

Result<BlockQuartiles> BlockQuartiles::Decode(std::string_view section, uint32_t block_count) {
  BlockQuartiles decoded;
  if (section.empty()) return decoded;
  if (section.size() != kBytesPerBlock * block_count) {
    return Error{ErrorCode::kCorruption, "quartiles: impossible size"};
  }
  for (size_t at = 0; at < section.size(); at += kBytesPerBlock) {
    const auto quartile = [&](size_t i) { return static_cast<uint8_t>(section[at + i]); };
    if (quartile(0) > quartile(1) || quartile(1) > quartile(2)) {
      return Error{ErrorCode::kCorruption, "quartiles: those of block " +
                                               std::to_string(at / kBytesPerBlock) + " decrease"};
    }
  }
  decoded.quartiles_.reserve(section.size() + 1);
  decoded.quartiles_.append(section).push_back('\0');
  return decoded;
}

void BlockQuartilesBuilder::AppendEvenUntil(uint32_t block) {
  while (section_.size() < BlockQuartiles::kBytesPerBlock * block) section_.append(kEven);
}

void BlockQuartilesBuilder::FinishBlock(uint32_t block) {
  AppendEvenUntil(block);
  const size_t records = fractions_.size();
  const auto quartile = [&](size_t i) { return fractions_[i * records / 4] >> 8; };
  // Records that the line does not tell apart: the middle is the best guess for each.
  if (records > 0 && quartile(1) != quartile(3)) {
    int last = 0;
    for (size_t i = 1; i <= 3; ++i) {
      last = std::max<int>(last, quartile(i));
      section_.push_back(static_cast<char>(last));
    }
    says_something_ = true;
  }
  fractions_.clear();
}

std::string BlockQuartilesBuilder::Finish(uint32_t block_count) {
  AppendEvenUntil(block_count);
  return says_something_ ? std::move(section_) : std::string();
}

}  // namespace sibyl::storage
