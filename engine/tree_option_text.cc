#include "sibyl/tree_option_text.h"

#include <utility>

#include "base/text.h"

namespace sibyl {

namespace {

constexpr Compression kCompressions[] = {Compression::kNone, Compression::kLz4, Compression::kZstd};

const char* NameOf(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kLz4:
      return "lz4";
    case Compression::kZstd:
      return "zstd";
  }
  return "unknown";
}

bool Parse(std::string_view text, Compression* compression) {
  for (const Compression each : kCompressions) {
    if (text != NameOf(each)) continue;
    *compression = each;
    return true;
  }
  return false;
}

bool Parse(std::string_view text, bool* flag) {
  *flag = text == "true";
  return *flag || text == "false";
}

bool Parse(std::string_view text, uint64_t* number) {
  const auto parsed = base::ParseNumber<uint64_t>(text);
  if (parsed) *number = *parsed;
  return parsed.has_value();
}

Error NoSuchOption(std::string_view name) {
  return {ErrorCode::kInvalidArgument, "trees have no option " + base::Quoted(name)};
}

}  // namespace

Status SetTreeOption(std::string_view name, std::string_view value, TreeOptions* options) {
  TreeOptions changed = *options;
  bool understood = true;
  if (name == "compression") {
    understood = Parse(value, &changed.compression);
  } else if (name == "packed_keys") {
    understood = Parse(value, &changed.packed_keys);
  } else if (name == "ttl_seconds") {
    understood = Parse(value, &changed.ttl_seconds);
  } else if (name == "merge_operator") {
    changed.merge_operator = value;
  } else {
    return NoSuchOption(name);
  }
  if (!understood) {
    return Error{ErrorCode::kInvalidArgument,
                 "option " + std::string(name) + " cannot be " + base::Quoted(value)};
  }
  *options = std::move(changed);
  return Ok();
}

Result<std::string> TreeOptionText(const TreeOptions& options, std::string_view name) {
  if (name == "compression") return std::string(NameOf(options.compression));
  if (name == "packed_keys") return std::string(options.packed_keys ? "true" : "false");
  if (name == "ttl_seconds") return std::to_string(options.ttl_seconds);
  if (name == "merge_operator") return options.merge_operator;
  return NoSuchOption(name);
}

}  // namespace sibyl
