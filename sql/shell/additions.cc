#include "sql/shell/additions.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace {

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

constexpr char kModels[] =
    "SELECT s.type, s.name, m.kind, m.level, m.segment, m.records, m.blocks, m.pieces, m.nodes,"
    " m.depth, m.model_bytes, iif(m.records > 0, 8.0 * m.model_bytes / m.records, 0)"
    " FROM sqlite_schema s LEFT JOIN sibyl_models m USING(rootpage)"
    " WHERE s.rootpage > 0 AND s.tbl_name = ifnull(?1, s.tbl_name) COLLATE NOCASE"
    " ORDER BY s.tbl_name, s.type = 'index', s.name, m.level, m.segment";

int Complain(sqlite3* db) {
  std::fprintf(stderr, "Error: %s\n", sqlite3_errmsg(db));
  return 1;
}

const char* Text(sqlite3_stmt* row, int column) {
  const auto* text = sqlite3_column_text(row, column);
  return text != nullptr ? reinterpret_cast<const char*>(text) : "";
}

void PrintModel(sqlite3_stmt* row, FILE* out) {
  if (sqlite3_column_type(row, 2) == SQLITE_NULL) {
    std::fprintf(out,
                 "%-5s %-24s  nothing learned yet: its rows are in memory, or there are none\n",
                 Text(row, 0), Text(row, 1));
    return;
  }
  std::fprintf(out,
               "%-5s %-24s  %-7s  level %s, segment %s: %s records in %s blocks; %s pieces in"
               " %s nodes, depth %s; %s bytes, %.2f bits per record\n",
               Text(row, 0), Text(row, 1), Text(row, 2), Text(row, 3), Text(row, 4), Text(row, 5),
               Text(row, 6), Text(row, 7), Text(row, 8), Text(row, 9), Text(row, 10),
               sqlite3_column_double(row, 11));
}

double NowSeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

constexpr double kDrawEverySeconds = 0.1;
constexpr long long kRowsBetweenClocks = 1024;

}  // namespace

extern "C" {

int sibyl_show_learned(sqlite3* db, const char* table, FILE* out) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(db, kModels, -1, &prepared, nullptr) != SQLITE_OK) return Complain(db);
  const Statement models(prepared, sqlite3_finalize);
  if (table != nullptr) sqlite3_bind_text(prepared, 1, table, -1, SQLITE_STATIC);
  int lines = 0;
  int rc = sqlite3_step(prepared);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(prepared), ++lines) PrintModel(prepared, out);
  if (rc != SQLITE_DONE) return Complain(db);
  if (lines > 0 || table == nullptr) return 0;
  std::fprintf(stderr, "Error: no such table: %s\n", table);
  return 1;
}

SibylProgress sibyl_progress_begin(FILE* input) {
  SibylProgress progress{};
  struct stat info;
  progress.input = input;
  progress.enabled = isatty(STDERR_FILENO) == 1;
  if (fstat(fileno(input), &info) == 0 && S_ISREG(info.st_mode)) {
    progress.size_bytes = static_cast<double>(info.st_size);
  }
  progress.next_draw_s = NowSeconds();
  return progress;
}

void sibyl_progress_row(SibylProgress* progress, long long rows) {
  if (!progress->enabled || rows == 0 || rows % kRowsBetweenClocks != 0) return;
  const double now = NowSeconds();
  if (now < progress->next_draw_s) return;
  progress->next_draw_s = now + kDrawEverySeconds;
  std::string bar;
  if (progress->size_bytes > 0) {
    constexpr size_t kCells = 30;
    double done = static_cast<double>(ftello(progress->input)) / progress->size_bytes;
    if (done > 1) done = 1;
    bar.assign(kCells, '.');
    bar.replace(0, static_cast<size_t>(done * kCells), static_cast<size_t>(done * kCells), '#');
    bar = "[" + bar + "] " + std::to_string(static_cast<int>(done * 100)) + " %  ";
  }
  std::fprintf(stderr, "\r%s%lld rows\033[K", bar.c_str(), rows);
  progress->drawn = 1;
}

void sibyl_progress_end(SibylProgress* progress) {
  if (progress->drawn) std::fputs("\r\033[K", stderr);
  progress->drawn = 0;
}

}  // extern "C"
