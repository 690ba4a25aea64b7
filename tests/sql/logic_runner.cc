// Runs sqllogictest files: see the header for the format.

#include "tests/sql/logic_runner.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "tests/sql/md5.h"

namespace sibyl::sql::testing {
namespace {

// One record of the file: its header lines, its SQL and the expected values.
struct Record {
  int line = 0;
  std::vector<std::vector<std::string>> headers;  // words
  std::string sql;
  std::vector<std::string> expected;
};

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool IsHeader(const std::string& word) {
  for (const char* known : {"statement", "query", "skipif", "onlyif", "hash-threshold", "halt"}) {
    if (word == known) return true;
  }
  return false;
}

std::vector<Record> ReadRecords(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Record> records(1);
  bool in_results = false;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    number++;
    Record& record = records.back();
    if (line.empty()) {
      if (!record.headers.empty()) records.emplace_back();
      in_results = false;
    } else if (line[0] == '#' && !in_results) {
      continue;
    } else if (in_results) {
      record.expected.push_back(line);
    } else if (line == "----") {
      in_results = true;
    } else if (record.sql.empty() && IsHeader(Words(line)[0])) {
      record.line = number;
      record.headers.push_back(Words(line));
    } else {
      record.sql += line + "\n";
    }
  }
  if (records.back().headers.empty()) records.pop_back();
  return records;
}

std::string FormatValue(sqlite3_stmt* statement, int column, char type) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return "NULL";
  if (type == 'I') return std::to_string(sqlite3_column_int64(statement, column));
  if (type == 'R') {
    char text[400];
    std::snprintf(text, sizeof text, "%.3f", sqlite3_column_double(statement, column));
    return text;
  }
  std::string text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  if (text.empty()) return "(empty)";
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '@';
  }
  return text;
}

// Returns the error, and appends the values row by row.
std::string RunQuery(Connection* db, const std::string& sql, const std::string& types,
                     std::vector<std::vector<std::string>>* rows) {
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(db->handle(), sql.c_str(), -1, &statement, nullptr);
  if (rc == SQLITE_OK && sqlite3_column_count(statement) != static_cast<int>(types.size())) {
    sqlite3_finalize(statement);
    return "the query has " + std::to_string(sqlite3_column_count(statement)) + " columns";
  }
  while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
    rows->emplace_back();
    for (size_t i = 0; i < types.size(); i++) {
      rows->back().push_back(FormatValue(statement, static_cast<int>(i), types[i]));
    }
    rc = SQLITE_OK;
  }
  const std::string error = rc == SQLITE_DONE ? "" : sqlite3_errmsg(db->handle());
  sqlite3_finalize(statement);
  return error;
}

// What stands between records for the whole file.
struct FileState {
  size_t hash_threshold = 0;                   // results of more values are given as a hash; 0: none
  std::map<std::string, std::string> labels;  // the hash that queries with a label have in common
};

std::string HashOf(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += value + '\n';
  return std::to_string(values.size()) + " values hashing to " + Md5(text);
}

std::string CheckQuery(Connection* db, const Record& record, const std::vector<std::string>& header,
                       FileState* state) {
  std::vector<std::vector<std::string>> rows;
  if (const std::string error = RunQuery(db, record.sql, header.at(1), &rows); !error.empty()) {
    return error;
  }
  const std::string sort = header.size() > 2 ? header[2] : "nosort";
  if (sort == "rowsort") std::sort(rows.begin(), rows.end());
  std::vector<std::string> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  if (sort == "valuesort") std::sort(values.begin(), values.end());
  if (header.size() > 3) {
    const std::string hash = HashOf(values);
    const auto [first, is_first] = state->labels.try_emplace(header[3], hash);
    if (!is_first && first->second != hash) {
      return "differs from the queries before it with the label " + header[3];
    }
  }
  if (values == record.expected) return "";
  const bool hashed = state->hash_threshold > 0 && values.size() > state->hash_threshold;
  if (hashed && record.expected == std::vector<std::string>{HashOf(values)}) return "";
  if (hashed) values = {HashOf(values)};
  std::string message = "expected";
  for (const std::string& value : record.expected) message += " [" + value + "]";
  message += " but got";
  for (const std::string& value : values) message += " [" + value + "]";
  return message;
}

std::string RunRecord(Connection* db, const Record& record, FileState* state) {
  const std::vector<std::string>& header = record.headers.back();
  if (header[0] == "query") return CheckQuery(db, record, header, state);
  if (header[0] == "hash-threshold") state->hash_threshold = std::stoul(header.at(1));
  if (header[0] != "statement") return "";
  const std::string outcome = db->Try(record.sql);
  if (header.at(1) == "ok") return outcome == "ok" ? "" : outcome;
  return outcome == "ok" ? "should have failed" : "";
}

bool Applies(const Record& record, const std::string& engine) {
  for (const auto& header : record.headers) {
    if (header[0] == "skipif" && header.at(1) == engine) return false;
    if (header[0] == "onlyif" && header.at(1) != engine) return false;
  }
  return true;
}

}  // namespace

std::string RunLogicFile(Connection* db, const std::string& engine,
                         const std::filesystem::path& file) {
  FileState state;
  for (const Record& record : ReadRecords(file)) {
    if (!Applies(record, engine)) continue;
    if (record.headers.back()[0] == "halt") break;
    const std::string problem = RunRecord(db, record, &state);
    if (!problem.empty()) {
      return file.filename().string() + ":" + std::to_string(record.line) + ": " + problem;
    }
  }
  return "";
}

}  // namespace sibyl::sql::testing
