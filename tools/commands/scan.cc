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

void AddScanCommand(CLI::App& app, Action* action) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* scan = app.add_subcommand("scan", "Print records in key order: key TAB value");
  AddPathArgument(*scan, arguments.get());
  scan->add_option("--from", arguments->from, "First key (included)")->option_text("KEY");
  scan->add_option("--to", arguments->to, "Last key (excluded)")->option_text("KEY");
  scan->add_option("--prefix", arguments->prefix,
                   "Only keys that begin with these bytes (as hex where --keys is u64)")
      ->option_text("BYTES");
  scan->add_option("--limit", arguments->limit, "At most this many records")->option_text("N");
  scan->add_flag("--reverse", arguments->reverse, "From the last key to the first");
  AddTreeOption(*scan, arguments.get());
  AddKeysOption(*scan, arguments.get());
  scan->footer(
      "No record in the range is an empty answer, not an error.\n"
      "  sibyl scan my.db --prefix user: --limit 10\n"
      "  sibyl scan my.db --keys u64 --from 1000 --to 2000 --reverse\n"
      "  sibyl scan my.db | sibyl load copy.db --format tsv --escaped -     a dump and its reload");
  scan->callback([=] { *action = [=] { return RunScan(*arguments); }; });
}

}  // namespace sibyl::tools
