#include "bench/workload/report.h"

#include <algorithm>
#include <cstdio>

namespace sibyl::bench {
namespace {

constexpr int kNameWidth = 12;
constexpr int kColumnWidth = 15;

// Differences smaller than this are within the noise of a run.
constexpr double kTie = 1.05;

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[256];
  const int length = std::snprintf(text, sizeof(text), format, args...);
  return std::string(text, static_cast<size_t>(std::clamp<int>(length, 0, sizeof(text) - 1)));
}

std::string Left(const std::string& text) { return Format("%-*s", kNameWidth, text.c_str()); }
std::string Right(const std::string& text) { return Format("%*s", kColumnWidth, text.c_str()); }

std::string Seconds(uint64_t ns) { return Format("%.1f", static_cast<double>(ns) * 1e-9); }

// ns, or whatever `clock` counts.
double NsPerOperation(const Timing& timing, uint64_t Elapsed::*clock) {
  return timing.operations == 0
             ? 0
             : static_cast<double>(timing.elapsed.*clock) / static_cast<double>(timing.operations);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + "\"";
}

std::string ElapsedJson(const Elapsed& elapsed) {
  return "\"wall_ns\": " + std::to_string(elapsed.wall_ns) +
         ", \"thread_cpu_ns\": " + std::to_string(elapsed.thread_cpu_ns) +
         ", \"process_cpu_ns\": " + std::to_string(elapsed.process_cpu_ns) +
         ", \"read_calls\": " + std::to_string(elapsed.read_calls);
}

// The JSON texts of `items`, one per line, in brackets.
template <typename T, typename F>
std::string ListJson(const std::vector<T>& items, F json) {
  std::string text = "[";
  for (size_t i = 0; i < items.size(); ++i)
    text += (i == 0 ? "\n    " : ",\n    ") + json(items[i]);
  return text + "]";
}

}  // namespace

void Report::Head(const std::string& title, const Facts& facts) {
  out_ << title << "\n";
  for (const auto& [name, value] : facts) out_ << "  " << Left(name) << " " << value << "\n";
  out_ << std::flush;
  facts_.insert(facts_.end(), facts.begin(), facts.end());
}

void Report::Opened(const std::vector<std::string>& descriptions,
                    const std::vector<Column>& columns) {
  descriptions_ = descriptions;
  columns_ = columns;
  out_ << "engines\n";
  for (const std::string& description : descriptions) out_ << "  " << description << "\n";
}

void Report::PhaseBegins(const std::string& title) {
  out_ << "\n== " << title << "\n" << std::flush;
  new_phase_ = true;
}

void Report::Note(const std::string& text) {
  out_ << "  " << text << "\n" << std::flush;
  notes_.push_back(text);
}

void Report::Loaded(size_t engine, const LoadResult& result) {
  size_t column = 0;
  while (columns_[column].engine != engine) ++column;
  loads_.push_back({column, result});
  const Elapsed& load = result.load.elapsed;
  out_ << "  " << Left(columns_[column].name) << " " << Seconds(load.wall_ns) << " s wall, "
       << Seconds(load.thread_cpu_ns) << " s CPU in the foreground, "
       << Seconds(load.process_cpu_ns) << " s with background; settled in "
       << Seconds(result.settle.wall_ns) << " s; " << result.after.shape << "\n"
       << std::flush;
}

void Report::Measured(State state, Workload workload, uint32_t round, size_t column,
                      const Timing& timing) {
  measurements_.push_back({state, workload, round, column, timing});
}

void Report::RoundEnds(State state, Workload workload, uint32_t round) {
  if (new_phase_) {
    out_ << "ns per operation, CPU of the calling thread, round by round\n";
    PrintColumnNames("");
    new_phase_ = false;
  }
  out_ << Left(std::string(WorkloadName(workload)) + " " + std::to_string(round + 1));
  for (size_t column = 0; column < columns_.size(); ++column) {
    std::string cell = "-";
    for (const Measurement& m : measurements_) {
      if (m.state == state && m.workload == workload && m.round == round && m.column == column) {
        cell = Format("%.0f", NsPerOperation(m.timing, &Elapsed::thread_cpu_ns));
      }
    }
    out_ << Right(cell);
  }
  out_ << "\n" << std::flush;
}

std::vector<Report::Row> Report::Rows(State state) const {
  std::vector<Row> rows;
  for (const Measurement& m : measurements_) {
    const bool known = std::any_of(rows.begin(), rows.end(),
                                   [&m](const Row& row) { return row.workload == m.workload; });
    if (m.state == state && !known) rows.push_back({m.state, m.workload});
  }
  return rows;
}

std::optional<double> Report::MedianNs(Row row, size_t column, Clock clock) const {
  std::vector<double> values;
  for (const Measurement& m : measurements_) {
    if (m.state != row.state || m.workload != row.workload || m.column != column) continue;
    values.push_back(NsPerOperation(m.timing, clock));
  }
  if (values.empty()) return std::nullopt;
  return Median(std::move(values));
}

void Report::PrintColumnNames(const std::string& first) {
  out_ << Left(first);
  for (const Column& column : columns_) out_ << Right(column.name);
  out_ << "\n";
}

void Report::PrintTable(const std::string& title, const std::vector<Row>& rows, Clock clock) {
  if (rows.empty()) return;
  out_ << "\n" << title << "\n";
  PrintColumnNames("workload");
  for (const Row& row : rows) {
    out_ << Left(WorkloadName(row.workload));
    const auto baseline = MedianNs(row, 0, clock);
    for (size_t column = 0; column < columns_.size(); ++column) {
      const auto median = MedianNs(row, column, clock);
      std::string cell = median ? Format("%.0f", *median) : "-";
      if (column > 0 && median && baseline && *baseline > 0) {
        cell += Format(" %5.2fx", *median / *baseline);
      }
      out_ << Right(cell);
    }
    out_ << "\n";
  }
}

void Report::PrintLoadTable() {
  if (loads_.empty()) return;
  out_ << "\nLoad\n" << Left("engine");
  for (const char* name :
       {"foreground s", "all CPU s", "wall s", "settle CPU s", "disk MB", "index B/key"}) {
    out_ << Format("%14s", name);
  }
  out_ << "\n";
  for (const auto& [column, result] : loads_) {
    const double records = std::max<double>(1, static_cast<double>(result.load.operations));
    out_ << Left(columns_[column].name)
         << Format("%14s", Seconds(result.load.elapsed.thread_cpu_ns).c_str())
         << Format("%14s", Seconds(result.load.elapsed.process_cpu_ns).c_str())
         << Format("%14s", Seconds(result.load.elapsed.wall_ns).c_str())
         << Format("%14s", Seconds(result.settle.process_cpu_ns).c_str())
         << Format("%14.0f", static_cast<double>(result.after.disk_bytes) * 1e-6)
         << Format("%14.3f", static_cast<double>(result.after.index_bytes) / records) << "\n";
  }
}

// Only where somebody reads files at all: what fits in memory, or is mapped, is read without calls.
void Report::PrintReadCalls(State state) {
  const auto reads = [this](const Row& row, size_t column) {
    return MedianNs(row, column, &Elapsed::read_calls).value_or(0);
  };
  std::vector<Row> rows = Rows(state);
  std::erase_if(rows, [&](const Row& row) {
    double most = 0;
    for (size_t column = 0; column < columns_.size(); ++column) {
      most = std::max(most, reads(row, column));
    }
    return Writes(row.workload) || most < 0.001;
  });
  if (rows.empty()) return;
  out_ << "\nCalls that read files, per operation, " << StateName(state) << ", median of rounds\n";
  PrintColumnNames("workload");
  for (const Row& row : rows) {
    out_ << Left(WorkloadName(row.workload));
    for (size_t column = 0; column < columns_.size(); ++column) {
      out_ << Right(Format("%.3f", reads(row, column)));
    }
    out_ << "\n";
  }
}

// Reads are judged by the processor time of the caller, writes by that of the whole process: what
// an engine postpones to the background is paid too.
void Report::PrintVerdict(State state) {
  std::string wins;
  std::string ties;
  std::string losses;
  for (const Row& row : Rows(state)) {
    const Clock clock = Writes(row.workload) ? &Elapsed::process_cpu_ns : &Elapsed::thread_cpu_ns;
    const auto own = MedianNs(row, 0, clock);
    if (!own || *own <= 0) continue;
    std::optional<double> best;
    size_t best_column = 0;
    for (size_t column = 1; column < columns_.size(); ++column) {
      const auto median = MedianNs(row, column, clock);
      if (!median || (best && *median >= *best)) continue;
      best = median;
      best_column = column;
    }
    if (!best) continue;
    const double ratio = *best / *own;
    const std::string& rival = columns_[best_column].name;
    const std::string text = Format("  %s (%.2fx %s)", WorkloadName(row.workload),
                                    ratio >= 1 ? ratio : 1 / ratio, rival.c_str());
    (ratio > kTie ? wins : ratio * kTie < 1 ? losses : ties) += text;
  }
  if ((wins + ties + losses).empty()) return;
  out_ << "\nVerdict, " << StateName(state) << ": " << Baseline()
       << " against the best rival of each row\n"
       << "  faster:  " << (wins.empty() ? "  nowhere" : wins) << "\n"
       << "  equal:   " << (ties.empty() ? "  nowhere" : ties) << "\n"
       << "  slower:  " << (losses.empty() ? "  nowhere" : losses) << "\n";
}

void Report::Summary() {
  PrintLoadTable();
  for (const State state : {State::kCompacted, State::kDelta}) {
    const std::vector<Row> rows = Rows(state);
    const std::string suffix = std::string(", ") + StateName(state) +
                               ", median of rounds (x: times that of " + Baseline() + ")";
    PrintTable("ns per operation, CPU of the calling thread" + suffix, rows,
               &Elapsed::thread_cpu_ns);
    PrintTable("ns per operation, wall clock" + suffix, rows, &Elapsed::wall_ns);
    std::vector<Row> writing = rows;
    std::erase_if(writing, [](const Row& row) { return !Writes(row.workload); });
    PrintTable("ns per operation, CPU of all threads until the engine is quiet" + suffix, writing,
               &Elapsed::process_cpu_ns);
    PrintReadCalls(state);
    PrintVerdict(state);
  }
  out_ << "\nEvery answer was compared in full; none was wrong.\n" << std::flush;
}

std::string Report::Json() const {
  const auto fact = [](const std::pair<std::string, std::string>& f) {
    return std::string("{") + Quote(f.first) + ": " + Quote(f.second) + "}";
  };
  const auto load = [this](const Load& l) {
    return "{\"engine\": " + Quote(columns_[l.column].name) +
           ", \"records\": " + std::to_string(l.result.load.operations) + ", \"load\": {" +
           ElapsedJson(l.result.load.elapsed) + "}, \"settle\": {" + ElapsedJson(l.result.settle) +
           "}, \"disk_bytes\": " + std::to_string(l.result.after.disk_bytes) +
           ", \"index_bytes\": " + std::to_string(l.result.after.index_bytes) +
           ", \"shape\": " + Quote(l.result.after.shape) + "}";
  };
  const auto measurement = [this](const Measurement& m) {
    return "{\"state\": " + Quote(StateName(m.state)) +
           ", \"workload\": " + Quote(WorkloadName(m.workload)) +
           ", \"round\": " + std::to_string(m.round + 1) +
           ", \"engine\": " + Quote(columns_[m.column].name) +
           ", \"operations\": " + std::to_string(m.timing.operations) + ", " +
           ElapsedJson(m.timing.elapsed) + "}";
  };
  return "{\n  \"facts\": " + ListJson(facts_, fact) +
         ",\n  \"engines\": " + ListJson(descriptions_, Quote) +
         ",\n  \"loads\": " + ListJson(loads_, load) +
         ",\n  \"notes\": " + ListJson(notes_, Quote) +
         ",\n  \"measurements\": " + ListJson(measurements_, measurement) + "\n}\n";
}

}  // namespace sibyl::bench
