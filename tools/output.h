// What the tool says, and how it ends: answers, messages and exit codes that a script can rely on.
//
// Answers go to standard output, everything else to standard error, in lines that begin "sibyl: ".

#ifndef SIBYL_TOOLS_OUTPUT_H_
#define SIBYL_TOOLS_OUTPUT_H_

#include <string_view>

#include "sibyl/result.h"

namespace sibyl::tools {

// Promised in `sibyl --help`: never renumber.
enum class ExitCode : int {
  kOk = 0,
  kNegative = 1,  // the answer is no: key or tree not found, damage found by verify
  kUsage = 2,     // the command line cannot be understood
  kError = 3,     // the database, a file or the machine refused
};

// Writes `text` to standard output. Returns false if nobody reads any more (`sibyl scan x | head`):
// then stop, it is no error. Errors: kIo.
Result<bool> Print(std::string_view text);

// Prints an answer that is one piece of text. Returns `code`, or kError after a complaint.
ExitCode Answer(std::string_view text, ExitCode code = ExitCode::kOk);

// Writes "sibyl: <message>" to standard error and returns `code`.
ExitCode Complain(ExitCode code, std::string_view message);

// The same for an Error met while working: its code's name comes first. Returns kError.
ExitCode Complain(const Error& error);

// The last call: flushes standard output. Returns `code`, or kError if output was lost.
ExitCode FinishOutput(ExitCode code);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_OUTPUT_H_
