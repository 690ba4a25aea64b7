// Rounds, medians and the table: see the header.

#include "bench/sql/comparison.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"

namespace sibyl::bench {
namespace {

uint64_t Median(std::vector<Elapsed> rounds, uint64_t Elapsed::*clock) {
  std::sort(rounds.begin(), rounds.end(),
            [clock](const Elapsed& a, const Elapsed& b) { return a.*clock < b.*clock; });
  return rounds[rounds.size() / 2].*clock;
}

Elapsed Divide(const Elapsed& time, uint64_t n) {
  return {time.wall_ns / n, time.thread_cpu_ns / n, time.process_cpu_ns / n};
}

// Until the background work of ours has ended: the other's turn should not pay for it.
void WaitUntilIdle() {
  constexpr uint64_t kStepMs = 25;
  for (int quiet = 0; quiet < 3;) {
    const Stopwatch watch;
    std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
    quiet = watch.Read().process_cpu_ns < kStepMs * 20'000 ? quiet + 1 : 0;
  }
}

double Ratio(uint64_t baseline, uint64_t other) {
  return static_cast<double>(baseline) / static_cast<double>(std::max<uint64_t>(other, 1));
}

}  // namespace

SqlComparison::SqlComparison(SqlComparisonOptions options, std::vector<const SqliteApi*> apis,
                             std::ostream& progress)
    : options_(std::move(options)), apis_(std::move(apis)), progress_(progress) {}

std::string SqlComparison::PathOf(size_t engine) const {
  return (options_.directory / apis_[engine]->name / "data.db").string();
}

uint64_t SqlComparison::OperationsOf(const SqlWorkload& workload) const {
  return std::max<uint64_t>(1, options_.operations * workload.operations / 1000);
}

Status SqlComparison::Prepare() {
  SIBYL_RETURN_IF_ERROR(options_.kept ? OpenKept() : Load());
  return Compact();
}

Status SqlComparison::Run() {
  SIBYL_RETURN_IF_ERROR(Prepare());
  for (size_t i = 0; i < apis_.size(); ++i) {
    SIBYL_ASSIGN_OR_RETURN(const uint64_t bytes,
                           DiskBytes(std::filesystem::path(PathOf(i)).parent_path()));
    disk_bytes_.push_back(bytes);
    progress_ << apis_[i]->name << ": " << (bytes >> 20) << " MiB on disk\n";
  }
  SIBYL_RETURN_IF_ERROR(MeasureAll("compacted", ReadWorkloads()));
  for (const auto& connection : connections_) {
    SIBYL_RETURN_IF_ERROR(
        ChangeRows(*connection, {options_.rows, options_.changed_rows, /*seed=*/4711}));
  }
  SIBYL_RETURN_IF_ERROR(MeasureAll("with a delta", ReadWorkloads()));
  SIBYL_RETURN_IF_ERROR(MeasureAll("writes", WriteWorkloads()));
  SIBYL_RETURN_IF_ERROR(CompareTables());
  connections_.clear();
  return Ok();
}

Status SqlComparison::OpenAll() {
  connections_.clear();
  for (size_t i = 0; i < apis_.size(); ++i) {
    const std::filesystem::path folder = std::filesystem::path(PathOf(i)).parent_path();
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    if (!error) std::filesystem::create_directories(folder, error);
    if (error) {
      return Error{ErrorCode::kIo, "cannot make " + folder.string() + ": " + error.message()};
    }
    SIBYL_ASSIGN_OR_RETURN(auto connection, SqlConnection::Open(apis_[i], PathOf(i)));
    SIBYL_RETURN_IF_ERROR(CreateTables(*connection));
    connections_.push_back(std::move(connection));
  }
  return Ok();
}

Status SqlComparison::OpenKept() {
  for (size_t i = 0; i < apis_.size(); ++i) {
    SIBYL_ASSIGN_OR_RETURN(auto connection, SqlConnection::Open(apis_[i], PathOf(i)));
    connections_.push_back(std::move(connection));
  }
  return Ok();
}

Status SqlComparison::Load() {
  load_times_.assign(LoadSteps().size(), std::vector<std::vector<Elapsed>>(apis_.size()));
  for (uint32_t round = 0; round < options_.load_rounds; ++round) SIBYL_RETURN_IF_ERROR(LoadOnce());
  for (size_t step = 0; step < LoadSteps().size(); ++step) {
    Report("load", LoadSteps()[step].name, load_times_[step]);
  }
  return Ok();
}

Status SqlComparison::LoadOnce() {
  SIBYL_RETURN_IF_ERROR(OpenAll());
  for (size_t step = 0; step < LoadSteps().size(); ++step) {
    for (size_t i = 0; i < apis_.size(); ++i) {
      uint64_t checksum = 0;
      WaitUntilIdle();
      const Stopwatch watch;
      SIBYL_RETURN_IF_ERROR(
          LoadSteps()[step].work(*connections_[i], {options_.rows, 0, 0}, &checksum));
      const bool whole = LoadSteps()[step].name == "CREATE INDEX";
      load_times_[step][i].push_back(Divide(watch.Read(), whole ? 1 : options_.rows));
    }
  }
  return Ok();
}

Status SqlComparison::Compact() {
  WaitUntilIdle();
  for (const auto& connection : connections_) {
    const bool ours = connection->api().name == "sibyl";
    SIBYL_RETURN_IF_ERROR(connection->Execute(ours ? "VACUUM" : "PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  WaitUntilIdle();
  return Ok();
}

Status SqlComparison::MeasureAll(const std::string& phase,
                                 const std::vector<SqlWorkload>& workloads) {
  WaitUntilIdle();
  std::vector<std::vector<std::vector<Elapsed>>> times(
      workloads.size(), std::vector<std::vector<Elapsed>>(apis_.size()));
  for (uint32_t round = 0; round < options_.rounds; ++round) {
    for (size_t w = 0; w < workloads.size(); ++w) {
      SIBYL_RETURN_IF_ERROR(MeasureRound(workloads[w], 1000 * (round + 1), &times[w]));
    }
  }
  for (size_t w = 0; w < workloads.size(); ++w) Report(phase, workloads[w].name, times[w]);
  return Ok();
}

Status SqlComparison::MeasureRound(const SqlWorkload& workload, uint64_t seed,
                                   std::vector<std::vector<Elapsed>>* times) {
  const SqlRound round{options_.rows, OperationsOf(workload), seed + seed / 1000};
  std::vector<uint64_t> checksums(apis_.size(), 0);
  for (size_t i = 0; i < apis_.size(); ++i) {
    const Stopwatch watch;
    SIBYL_RETURN_IF_ERROR(workload.work(*connections_[i], round, &checksums[i]));
    (*times)[i].push_back(Divide(watch.Read(), round.operations));
    if (checksums[i] != checksums[0]) {
      return Error{ErrorCode::kCorruption, workload.name + ": " + apis_[i]->name +
                                               " answers otherwise than " + apis_[0]->name};
    }
  }
  return Ok();
}

Status SqlComparison::CompareTables() {
  uint64_t expected = 0;
  SIBYL_RETURN_IF_ERROR(ChecksumTables(*connections_[0], &expected));
  for (size_t i = 1; i < apis_.size(); ++i) {
    uint64_t checksum = 0;
    SIBYL_RETURN_IF_ERROR(ChecksumTables(*connections_[i], &checksum));
    if (checksum != expected) {
      return Error{ErrorCode::kCorruption, "at the end the tables of " + apis_[i]->name +
                                               " differ from those of " + apis_[0]->name};
    }
  }
  return Ok();
}

void SqlComparison::Report(const std::string& phase, const std::string& name,
                           const std::vector<std::vector<Elapsed>>& times) {
  SqlResult result{phase, name, {}};
  progress_ << phase << " | " << name << ":";
  for (size_t i = 0; i < apis_.size(); ++i) {
    const Elapsed median{Median(times[i], &Elapsed::wall_ns),
                         Median(times[i], &Elapsed::thread_cpu_ns),
                         Median(times[i], &Elapsed::process_cpu_ns)};
    result.medians.push_back(median);
    progress_ << "  " << apis_[i]->name << " " << median.wall_ns << " ns, CPU "
              << median.thread_cpu_ns << " (" << median.process_cpu_ns << ")";
  }
  progress_ << std::endl;
  results_.push_back(std::move(result));
}

void PrintTable(const std::vector<SqlResult>& results, std::ostream& out) {
  std::string phase;
  for (const SqlResult& result : results) {
    if (result.phase != phase) {
      phase = result.phase;
      out << "\n| " << phase
          << ", ns per operation | native wall | sibyl wall | times | native CPU | sibyl CPU | "
             "times | all threads |\n|---|---|---|---|---|---|---|---|\n";
    }
    const Elapsed& native = result.medians[0];
    const Elapsed& ours = result.medians[1];
    char line[256];
    std::snprintf(line, sizeof line, "| %s | %llu | %llu | %.2f | %llu | %llu | %.2f | %.2f |\n",
                  result.name.c_str(), static_cast<unsigned long long>(native.wall_ns),
                  static_cast<unsigned long long>(ours.wall_ns),
                  Ratio(native.wall_ns, ours.wall_ns),
                  static_cast<unsigned long long>(native.thread_cpu_ns),
                  static_cast<unsigned long long>(ours.thread_cpu_ns),
                  Ratio(native.thread_cpu_ns, ours.thread_cpu_ns),
                  Ratio(native.process_cpu_ns, ours.process_cpu_ns));
    out << line;
  }
}

}  // namespace sibyl::bench
