// sibyl verify: proves a database whole, or says what is not.

#include "base/status_macros.h"
#include "tools/command.h"
#include "tools/stats_json.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  bool json = false;
};

// A database too damaged to open is a verdict, not a failure to reach one.
Result<VerifyReport> VerifyDatabase(const Arguments& arguments) {
  const auto database = OpenExisting(arguments);
  if (!database && database.error().code == ErrorCode::kCorruption) {
    return VerifyReport{.problems = {database.error().message}};
  }
  if (!database) return database.error();
  return (*database)->Verify();
}

ExitCode RunVerify(const Arguments& arguments) {
  const auto report = VerifyDatabase(arguments);
  if (!report) return Complain(report.error());
  const ExitCode verdict = report->ok() ? ExitCode::kOk : ExitCode::kNegative;
  if (arguments.json) return Answer(ToJson(*report), verdict);
  for (const std::string& problem : report->problems) Complain(verdict, "damage: " + problem);
  const std::string summary = Counted(report->segments, "segment") + ", " +
                              Counted(report->blocks, "block") + ", " +
                              Counted(report->records, "record") + " checked\n";
  return Answer((report->ok() ? "ok: " : "damaged: ") + summary, verdict);
}

}  // namespace

void AddVerifyCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& verify = commands.Add("verify", "Check every byte, and every model's promise");
  AddPathArgument(verify, arguments.get());
  verify.Flag("--json", &arguments->json, "The report as one JSON object");
  AddReadOnlyFlag(verify, arguments.get());
  verify.Teach(
      "Checks checksums, key order, that each record lies in the block its model predicts, and\n"
      "that levels and manifest agree. Exit code 0: proved whole; 1: damage, one line for each.");
  verify.Does([=] { return RunVerify(*arguments); });
}

}  // namespace sibyl::tools
