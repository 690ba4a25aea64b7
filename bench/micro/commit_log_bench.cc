// What the RocksDB commit log costs: an append, a sync, a barrier, a manifest, a drop, an opening.
//
// Each benchmark has a log of its own in a fresh directory under $TMPDIR (default /tmp), so name a
// directory on the disk that matters. Syncs make the wall time that of the disk; the CPU column is
// that of the calling thread.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/commit_log.h"

namespace sibyl::storage {
namespace {

constexpr size_t kEntryBytes = 120;

template <typename T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

// A log in a directory that goes with it.
class ScratchLog {
 public:
  ScratchLog() {
    std::string name = (std::filesystem::temp_directory_path() / "sibyl-log-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::exit(1);
    directory_ = name;
    Open();
  }
  ~ScratchLog() {
    Close();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  CommitLog* operator->() { return log_.get(); }

  void Open() { log_ = Must(OpenRocksDbLog(directory_)); }
  void Close() { log_.reset(); }

  void Append() { Must(log_->Append(++sequence_, 1, entry_)); }
  void Append(int64_t count) {
    for (; count > 0; --count) Append();
  }

 private:
  Path directory_;
  std::unique_ptr<CommitLog> log_;
  uint64_t sequence_ = 0;
  const std::string entry_ = std::string(kEntryBytes, 'x');
};

void Append(benchmark::State& state) {
  ScratchLog log;
  for (auto unused : state) log.Append();
}
BENCHMARK(Append)->Iterations(600000);

void SyncAfterTen(benchmark::State& state) {
  ScratchLog log;
  for (auto unused : state) {
    state.PauseTiming();
    log.Append(10);
    state.ResumeTiming();
    Must(log->Sync());
  }
}
BENCHMARK(SyncAfterTen)->Iterations(100)->Unit(benchmark::kMillisecond);

void StartGeneration(benchmark::State& state) {
  ScratchLog log;
  for (auto unused : state) {
    state.PauseTiming();
    log.Append(1000);
    if (state.range(0) != 0) Must(log->PrepareGeneration());
    state.ResumeTiming();
    const uint64_t generation = Must(log->StartGeneration());
    state.PauseTiming();
    Must(log->DropGenerations(generation));
    state.ResumeTiming();
  }
}
BENCHMARK(StartGeneration)
    ->ArgName("prepared")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(50)
    ->Unit(benchmark::kMillisecond);

void CommitManifest(benchmark::State& state) {
  ScratchLog log;
  const std::string manifest(20000, 'm');
  for (auto unused : state) Must(log->CommitManifest(manifest));
}
BENCHMARK(CommitManifest)->Iterations(100)->Unit(benchmark::kMillisecond);

void DropGenerations(benchmark::State& state) {
  ScratchLog log;
  for (auto unused : state) {
    state.PauseTiming();
    log.Append(1000);
    const uint64_t generation = Must(log->StartGeneration());
    state.ResumeTiming();
    Must(log->DropGenerations(generation));
  }
}
BENCHMARK(DropGenerations)->Iterations(50)->Unit(benchmark::kMillisecond);

void Close(benchmark::State& state) {
  ScratchLog log;
  for (auto unused : state) {
    log.Close();
    state.PauseTiming();
    log.Open();
    state.ResumeTiming();
  }
}
BENCHMARK(Close)->Iterations(10)->Unit(benchmark::kMillisecond);

void Open(benchmark::State& state) {
  ScratchLog log;
  log.Append(state.range(0));
  for (auto unused : state) {
    state.PauseTiming();
    log.Close();
    state.ResumeTiming();
    log.Open();
  }
}
BENCHMARK(Open)->ArgName("entries")->Arg(0)->Arg(600000)->Iterations(5)->Unit(
    benchmark::kMillisecond);

void OpenAfterGenerations(benchmark::State& state) {
  ScratchLog log;
  for (int64_t i = 0; i < state.range(0); ++i) {
    log.Append(20);
    const uint64_t generation = Must(log->StartGeneration());
    Must(log->CommitManifest("manifest"));
    Must(log->DropGenerations(generation));
  }
  for (auto unused : state) {
    state.PauseTiming();
    log.Close();
    state.ResumeTiming();
    log.Open();
  }
}
BENCHMARK(OpenAfterGenerations)->Arg(10)->Arg(500)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sibyl::storage

BENCHMARK_MAIN();
