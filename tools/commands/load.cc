#include "tools/commands/load.h"

#include "base/clock.h"
#include "tools/sql_support.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

constexpr char kTeaching[] = R"(Formats, chosen by --format or by the file's name:
  lines  key = the line, value = its number from 0            (any other name, standard input)
  tsv    key = the first field, value = the rest of the line  (*.tsv)
  csv    as tsv, for RFC 4180                                 (*.csv)
  sosd   little-endian u64 keys; stored 8 bytes big-endian    (*.sosd, *_uint64)
Zstandard (.zst) is decompressed on the way. Of equal keys the last one wins. All or nothing: after
an error nothing of the load is there.

With --table NAME the rows go into a table of a SQL database. A missing table is created with TEXT
columns, named by the header; CREATE TABLE it first to choose types.

  sibyl load my.db words.txt.zst
  sibyl load my.db keys_200M_uint64
  sort -u words.txt | sibyl load my.db --sorted -
  sibyl load shop.db --table orders --header orders.csv)";

std::string Summary(const LoadResult& result, uint64_t elapsed_ns) {
  const double seconds = static_cast<double>(elapsed_ns) / 1e9;
  const auto per_second = static_cast<uint64_t>(static_cast<double>(result.rows) / seconds);
  return "loaded " + Counted(result.rows, "record") + " (" + Bytes(result.input_bytes) + ") in " +
         Fixed(seconds, 2) + " s, " + Grouped(per_second) + " per second: " + result.stored + "\n";
}

ExitCode RunLoad(const LoadArguments& arguments) {
  const uint64_t start_ns = base::NowNs();
  const auto result = arguments.table.empty() ? LoadIntoTree(arguments) : LoadIntoTable(arguments);
  if (!result) return Complain(result.error());
  return Answer(Summary(*result, base::NowNs() - start_ns + 1));
}

void AddFormatOption(Command& command, LoadArguments* arguments) {
  command.Choice("--format",
                 {{"auto", InputFormat::kAuto},
                  {"lines", InputFormat::kLines},
                  {"tsv", InputFormat::kTsv},
                  {"csv", InputFormat::kCsv},
                  {"sosd", InputFormat::kSosd}},
                 &arguments->rows.format, "auto|lines|tsv|csv|sosd [auto]",
                 "How the input is written; see below");
}

}  // namespace

void AddLoadCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<LoadArguments>();
  Command& load = commands.Add("load", "Load many records from files or standard input");
  AddPathArgument(load, arguments.get());
  load.Positionals("FILE", &arguments->files, "Files to load; - is standard input");
  AddFormatOption(load, arguments.get());
  load.Flag("--header", &arguments->rows.header, "The first row of each file names columns");
  load.Flag("--sorted", &arguments->sorted,
            "The keys are strictly increasing: no sorting, and an error where they are not");
  load.Flag("--escaped", &arguments->escaped,
            "Keys and values are written as `sibyl scan` writes them");
  AddTreeOption(load, arguments.get());
  AddKeysOption(load, arguments.get());
  load.Option("--table", &arguments->table, "NAME", "Load into this SQL table instead of a tree");
  load.Excludes("--table", {"--sorted", "--escaped", "--tree", "--keys"});
  load.Teach(kTeaching);
  load.Does([=] { return RunLoad(*arguments); });
}

}  // namespace sibyl::tools
