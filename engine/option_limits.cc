#include "engine/option_limits.h"

#include <cstdint>
#include <sstream>

#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;

template <typename Number>
Status CheckRange(const char* name, Number value, Number least, Number most) {
  if (value >= least && value <= most) return Ok();  // false for a NaN
  std::ostringstream message;
  message << "option " << name << " is " << value << ", but must lie in [" << least << ", " << most
          << "]";
  return Error{ErrorCode::kInvalidArgument, message.str()};
}

}  // namespace

Status CheckOptions(const Options& options) {
  SIBYL_RETURN_IF_ERROR(
      CheckRange<uint64_t>("generation_bytes", options.generation_bytes, 4 * kKiB, UINT64_MAX));
  SIBYL_RETURN_IF_ERROR(CheckRange<uint32_t>("max_frozen_generations",
                                             options.max_frozen_generations, 1, UINT32_MAX));
  SIBYL_RETURN_IF_ERROR(
      CheckRange<uint64_t>("segment_bytes", options.segment_bytes, 64 * kKiB, 256 * kMiB));
  SIBYL_RETURN_IF_ERROR(CheckRange<uint32_t>("block_bytes", options.block_bytes, 512, 64 * kKiB));
  SIBYL_RETURN_IF_ERROR(CheckRange<double>("epsilon_blocks", options.epsilon_blocks, 1.0 / 64, 64));
  SIBYL_RETURN_IF_ERROR(
      CheckRange<uint64_t>("first_level_bytes", options.first_level_bytes, 4 * kKiB, UINT64_MAX));
  SIBYL_RETURN_IF_ERROR(CheckRange<uint64_t>("transaction_memory_bytes",
                                             options.transaction_memory_bytes, 16 * kKiB,
                                             1024 * kMiB));
  SIBYL_RETURN_IF_ERROR(CheckRange<uint32_t>("max_runs", options.max_runs, 1, 1000));
  SIBYL_RETURN_IF_ERROR(
      CheckRange<uint32_t>("filter_bits_per_key", options.filter_bits_per_key, 0, 64));
  SIBYL_RETURN_IF_ERROR(CheckRange<uint32_t>("last_level_filter_bits_per_key",
                                             options.last_level_filter_bits_per_key, 0, 64));
  return CheckRange<uint32_t>("level_ratio", options.level_ratio, 2, 1000);
}

}  // namespace sibyl::engine
