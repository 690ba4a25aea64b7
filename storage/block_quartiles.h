// Where in a block a record is expected: three bytes per block that correct the model's guess.
//
// The model names the block of a key exactly, and says how far through the block's share of the
// line the key lies. Keys are not spread evenly over that share: among real keys a third of the
// records lie so far from where the line says that a lookup waits for memory a second time. The
// quartiles say where on the line the second, third and fourth quarter of the block's records
// begin. They are a hint: wrong ones cost time, never an answer.

#ifndef SIBYL_STORAGE_BLOCK_QUARTILES_H_
#define SIBYL_STORAGE_BLOCK_QUARTILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "sibyl/result.h"

namespace sibyl::storage {

// Immutable and thread-safe.
class BlockQuartiles {
 public:
  static constexpr size_t kBytesPerBlock = 3;

  // Knows of no block: expects every record where the line says.
  BlockQuartiles() = default;

  // Reads the section of quartiles (docs/file-format.md); no bytes are a segment without it.
  // Errors: kCorruption.
  static Result<BlockQuartiles> Decode(std::string_view section, uint32_t block_count);

  // How far through the records of `block` a key is expected that lies `line_fraction` through the
  // block's share of the line; both in 1/65536. Monotone in the fraction.
  // Precondition: `block` is one of the segment's.
  uint16_t RecordFraction(uint32_t block, uint16_t line_fraction) const {
    if (quartiles_.empty()) return line_fraction;
    const uint32_t quartiles = base::Load32(quartiles_.data() + kBytesPerBlock * block) & 0xffffff;
    const uint32_t at = line_fraction >> 8;
    const uint32_t quarter =
        (at >= (quartiles & 0xff)) + (at >= (quartiles >> 8 & 0xff)) + (at >= quartiles >> 16);
    // Byte i is where quarter i begins; byte 4, the end, is 256, whose low byte is 0.
    const uint64_t begins = uint64_t{quartiles} << 8;
    const uint32_t begin = begins >> 8 * quarter & 0xff;
    const uint32_t length = (((begins >> 8 * (quarter + 1)) - begin - 1) & 0xff) + 1;
    const uint32_t within = line_fraction - (begin << 8);
    return static_cast<uint16_t>(quarter << 14 | (within << 6) / length);
  }

  void Prefetch(uint32_t block) const {
    __builtin_prefetch(quartiles_.data() + kBytesPerBlock * block);
  }

  uint64_t memory_bytes() const { return quartiles_.size(); }

 private:
  std::string quartiles_;  // the section, and a byte more, so that four can be read of the last
};

// Collects the quartiles of the blocks of one segment, in their order.
class BlockQuartilesBuilder {
 public:
  // The next record of the block being built lies so far through the block's share of the line.
  void Add(uint16_t line_fraction) { fractions_.push_back(line_fraction); }

  // The records added since the last call are those of `block`. Blocks left out are empty.
  void FinishBlock(uint32_t block);

  // The section for a segment of so many blocks; empty if it would say nothing.
  std::string Finish(uint32_t block_count);

 private:
  void AppendEvenUntil(uint32_t block);

  std::vector<uint16_t> fractions_;
  std::string section_;
  bool says_something_ = false;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_QUARTILES_H_
