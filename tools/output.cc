#include "tools/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace sibyl::tools {
namespace {

// What errno says about standard output just after a failed write. A reader that has gone away
// may have what it wanted.
Result<bool> WriteFailure() {
  if (errno == EPIPE) return false;
  return Error{ErrorCode::kIo, "cannot write the output: " + std::string(std::strerror(errno))};
}

}  // namespace

Result<bool> Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return true;
  return WriteFailure();
}

ExitCode Answer(std::string_view text, ExitCode code) {
  const auto printed = Print(text);
  return printed ? code : Complain(printed.error());
}

ExitCode Complain(ExitCode code, std::string_view message) {
  std::fprintf(stderr, "sibyl: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

ExitCode Complain(const Error& error) { return Complain(ExitCode::kError, error.ToString()); }

ExitCode FinishOutput(ExitCode code) {
  if (std::fflush(stdout) == 0) return code;
  const auto failure = WriteFailure();
  return failure ? code : Complain(failure.error());
}

}  // namespace sibyl::tools
