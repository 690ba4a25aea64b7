// A column of ascending 64-bit integers kept as a line and the distances of the integers from it, in
// as few bits as the largest distance needs. Any integer is read by itself: a multiplication, and
// one load of 8 bytes.
//
// The idea is that of a learned index with its corrections stored beside the model (LeCo: Liu, Zeng,
// Zhang: "LeCo: Lightweight Compression via Learning Serial Correlations", SIGMOD 2024, section 3).
// All arithmetic is modulo 2^64, so whatever the line, what is read is what was written.
//
//   column    := bits u8 | shift u8 | base u64 | slope u64 | residuals, `bits` each, from the lowest bit on
//   integer i  = (base + slope * i + residual i) << shift                       modulo 2^64
//
// The shift spares the zeros at the end of windows that keys do not fill.

#ifndef SIBYL_STORAGE_PACKED_COLUMN_H_
#define SIBYL_STORAGE_PACKED_COLUMN_H_

#include <cstdint>
#include <span>
#include <string>

#include "base/coding.h"

namespace sibyl::storage {

class PackedColumn {
 public:
  static constexpr size_t kHeaderBytes = 18;
  // What a load of 8 bytes holds wherever in its first byte it begins. Columns that need more would
  // gain little.
  static constexpr uint32_t kMostBits = 57;

  // The size of a column of `count` (less than 2^31) integers with residuals of `bits`.
  static constexpr uint64_t Bytes(uint64_t count, uint64_t bits) {
    return kHeaderBytes + (count * bits + 7) / 8;
  }

  // Appends the column of `integers` (ascending, at least one) to `out` if that is smaller than the
  // integers are. Otherwise leaves it as it is and returns false.
  static bool Append(std::span<const uint64_t> integers, std::string* out);

  // The column at `start`, whose bits are at most kMostBits. Reads the column only.
  explicit PackedColumn(const char* start)
      : residuals_(start + kHeaderBytes),
        bits_(static_cast<uint8_t>(*start)),
        shift_(static_cast<uint8_t>(start[1]) & 63),
        base_(base::Load64(start + 2)),
        slope_(base::Load64(start + 10)) {}

  const char* residuals() const { return residuals_; }
  uint64_t bits() const { return bits_; }
  uint64_t base() const { return base_; }
  uint64_t slope() const { return slope_; }

  uint64_t At(uint32_t slot) const { return UnitsAt(slot) << shift_; }

  // The integer at `slot` without the shift.
  uint64_t UnitsAt(uint32_t slot) const { return base_ + slope_ * slot + ResidualAt(slot); }

  // The first of `count` integers that is >= `target`, `count` if none. Of disordered integers some
  // slot, from 0 to `count`.
  uint32_t LowerBound(uint32_t count, uint64_t target) const;

 private:
  // Its bits lie in the 8 bytes that end with the last of them; those begin in the column's header
  // at the earliest.
  uint64_t ResidualAt(uint32_t slot) const {
    const uint64_t end_bit = (uint64_t{slot} + 1) * bits_;
    const uint64_t end_byte = (end_bit + 7) / 8;
    const uint64_t word = base::Load64(residuals_ + end_byte - sizeof(uint64_t));
    const uint64_t unused_bits = 8 * end_byte - end_bit;  // above it in the word
    return (word << unused_bits >> 1) >> (63 - bits_);
  }

  uint32_t ExpectedSlot(uint32_t count, uint64_t target_units) const;

  const char* residuals_;
  uint64_t bits_;
  uint32_t shift_;
  uint64_t base_;
  uint64_t slope_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_PACKED_COLUMN_H_
