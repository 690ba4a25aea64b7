// Numbers and tables for people to read.

#ifndef SIBYL_TOOLS_TEXT_TABLE_H_
#define SIBYL_TOOLS_TEXT_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sibyl::tools {

std::string Grouped(uint64_t number);                           // 1,137,429
std::string Counted(uint64_t number, const std::string& noun);  // 1 segment, 2 segments
std::string Fixed(double number, int decimals);                 // 0.13
std::string Bytes(uint64_t bytes);                              // 95.2 MB; powers of 1000
std::string Milliseconds(uint64_t ns);                          // 182.4 ms
std::string Ratio(uint64_t part, uint64_t whole);               // 9.1 %; "-" where whole is 0
std::string PerRecord(uint64_t bytes, uint64_t records);        // 0.132; "-" where records is 0

// Columns as wide as their widest cell; the first aligned to the left, the others to the right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}

  // Precondition: as many cells as the header has.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_TEXT_TABLE_H_
