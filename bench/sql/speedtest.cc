// Runs speedtest1 and reads its lines: see the header.

#include "bench/sql/speedtest.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/status_macros.h"

namespace sibyl::bench {
namespace {

struct Line {
  std::string name;
  double seconds;
};

struct PipeCloser {
  void operator()(FILE* pipe) const { pclose(pipe); }
};

// " 100 - 50000 INSERTs into table with no index......................    0.035s"
std::optional<Line> Parse(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == 's')) text.pop_back();
  const size_t number = text.find_last_of(" .", text.find_last_of('.') - 1);
  const size_t dots = text.find("...");
  if (number == std::string::npos || dots == std::string::npos || dots > number) return {};
  const size_t begin = text.find_first_not_of(' ');
  return Line{text.substr(begin, dots - begin), std::atof(text.c_str() + number + 1)};
}

Result<std::vector<Line>> RunOnce(const std::string& program,
                                  const std::filesystem::path& directory, uint32_t size) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (!error) std::filesystem::create_directories(directory, error);
  if (error) return Error{ErrorCode::kIo, "cannot make " + directory.string()};
  const std::string command = "'" + program + "' --size " + std::to_string(size) +
                              " --journal wal --mmap 268435456 '" +
                              (directory / "speedtest.db").string() + "' 2>&1";
  const std::unique_ptr<FILE, PipeCloser> pipe(popen(command.c_str(), "r"));
  if (pipe == nullptr) return Error{ErrorCode::kIo, "cannot run " + program};
  std::vector<Line> lines;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) {
    if (auto line = Parse(buffer)) lines.push_back(*line);
  }
  return lines;
}

}  // namespace

Result<std::vector<SpeedtestLine>> RunSpeedtest(const std::vector<std::string>& programs,
                                                const std::filesystem::path& directory,
                                                uint32_t size, uint32_t rounds) {
  std::vector<std::vector<std::vector<double>>> seconds;  // by line, program, round
  std::vector<SpeedtestLine> lines;
  for (uint32_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < programs.size(); ++i) {
      SIBYL_ASSIGN_OR_RETURN(const auto measured, RunOnce(programs[i], directory, size));
      if (lines.empty()) {
        for (const Line& line : measured) lines.push_back({line.name, {}});
        seconds.assign(lines.size(), std::vector<std::vector<double>>(programs.size()));
      }
      if (measured.empty() || measured.size() != lines.size()) {
        return Error{ErrorCode::kIo, programs[i] + " did not get to its end"};
      }
      for (size_t k = 0; k < measured.size(); ++k) seconds[k][i].push_back(measured[k].seconds);
    }
  }
  for (size_t k = 0; k < lines.size(); ++k) {
    for (std::vector<double>& of_program : seconds[k]) {
      std::sort(of_program.begin(), of_program.end());
      lines[k].seconds.push_back(of_program[of_program.size() / 2]);
    }
  }
  return lines;
}

}  // namespace sibyl::bench
