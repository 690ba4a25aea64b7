// sibyl scan: records in key order.

#include <algorithm>
#include <limits>
#include <optional>

#include "base/status_macros.h"
#include "tools/command.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  std::optional<std::string> from;
  std::optional<std::string> to;
  std::optional<std::string> prefix;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  bool reverse = false;
};

// The range that --from, --to and --prefix have in common.
Result<IteratorOptions> ParseRange(const Arguments& arguments) {
  IteratorOptions range;
  if (arguments.from) {
    SIBYL_ASSIGN_OR_RETURN(range.lower_bound, ParseKey(*arguments.from, arguments.keys));
  }
  if (arguments.to) {
    SIBYL_ASSIGN_OR_RETURN(range.upper_bound, ParseKey(*arguments.to, arguments.keys));
  }
  if (arguments.prefix) {
    const KeyFormat format = arguments.keys == KeyFormat::kU64 ? KeyFormat::kHex : arguments.keys;
    SIBYL_ASSIGN_OR_RETURN(const std::string prefix, ParseKey(*arguments.prefix, format));
    range.lower_bound = std::max(range.lower_bound.value_or(""), prefix);
    const auto end = PrefixSuccessor(prefix);
    if (end && (!range.upper_bound || *end < *range.upper_bound)) range.upper_bound = end;
  }
  return range;
}

// Prints "key TAB value NEWLINE"; as Print, false if nobody reads any more.
Result<bool> PrintRecord(const Iterator& it, KeyFormat format) {
  SIBYL_ASSIGN_OR_RETURN(std::string line, FormatKey(it.key(), format));
  line += '\t';
  line += Escape(it.value());
  line += '\n';
  return Print(line);
}

Status Scan(const Arguments& arguments, const IteratorOptions& range, Database& database,
            Tree tree) {
  SIBYL_ASSIGN_OR_RETURN(const auto it, database.NewIterator(tree, range));
  arguments.reverse ? it->SeekToLast() : it->SeekToFirst();
  for (uint64_t printed = 0; it->Valid() && printed < arguments.limit; ++printed) {
    SIBYL_ASSIGN_OR_RETURN(const bool wanted, PrintRecord(*it, arguments.keys));
    if (!wanted) return Ok();
    arguments.reverse ? it->Prev() : it->Next();
  }
  return it->status();
}

ExitCode RunScan(const Arguments& arguments) {
  const auto range = ParseRange(arguments);
  if (!range) return Complain(ExitCode::kUsage, range.error().message);
  return WithTree(arguments, [&](Database& database, Tree tree) {
    const auto scanned = Scan(arguments, *range, database, tree);
    return scanned ? ExitCode::kOk : Complain(scanned.error());
  });
}

}  // namespace

void AddScanCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& scan = commands.Add("scan", "Print records in key order: key TAB value");
  AddPathArgument(scan, arguments.get());
  scan.Option("--from", &arguments->from, "KEY", "First key (included)");
  scan.Option("--to", &arguments->to, "KEY", "Last key (excluded)");
  scan.Option("--prefix", &arguments->prefix, "BYTES",
              "Only keys that begin with these bytes (as hex where --keys is u64)");
  scan.Option("--limit", &arguments->limit, "N", "At most this many records");
  scan.Flag("--reverse", &arguments->reverse, "From the last key to the first");
  AddTreeOption(scan, arguments.get());
  AddKeysOption(scan, arguments.get());
  AddReadOnlyFlag(scan, arguments.get());
  scan.Teach(
      "No record in the range is an empty answer, not an error.\n"
      "  sibyl scan my.db --prefix user: --limit 10\n"
      "  sibyl scan my.db --keys u64 --from 1000 --to 2000 --reverse\n"
      "  sibyl scan my.db | sibyl load copy.db --format tsv --escaped -     a dump and its reload");
  scan.Does([=] { return RunScan(*arguments); });
}

}  // namespace sibyl::tools
