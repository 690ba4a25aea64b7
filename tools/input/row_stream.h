// The rows of all files named on a command line, one after the other.

#ifndef SIBYL_TOOLS_INPUT_ROW_STREAM_H_
#define SIBYL_TOOLS_INPUT_ROW_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "tools/input/byte_source.h"
#include "tools/input/progress.h"
#include "tools/input/row_reader.h"

namespace sibyl::tools {

struct RowStreamOptions {
  InputFormat format = InputFormat::kAuto;
  bool header = false;  // the first row of each file names columns: Next skips it
};

// One thread at a time.
class RowStream {
 public:
  RowStream(std::vector<std::string> paths, const RowStreamOptions& options)
      : paths_(std::move(paths)), options_(options) {}

  // Replaces `fields` with those of the next row of any file; false at the end of the last.
  // Errors: those of OpenInput and RowReader::Next.
  Result<bool> Next(std::vector<std::string>* fields);

  // The header of the file being read: set once Next was called, where options.header.
  const std::vector<std::string>& header() const { return header_; }

  uint64_t rows() const { return rows_; }                   // given out so far
  uint64_t input_bytes() const { return finished_bytes_; }  // of the files read to their end

  // "row 17 of orders.csv": the row given out last, for messages.
  std::string Where() const;

  // Whether the file being read holds integers by its format (SOSD).
  bool has_integer_keys() const { return format_ == InputFormat::kSosd; }

 private:
  Status OpenNext();

  std::vector<std::string> paths_;
  RowStreamOptions options_;
  size_t next_path_ = 0;
  InputFormat format_ = InputFormat::kAuto;  // of the file being read
  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<RowReader> reader_;
  std::vector<std::string> header_;
  uint64_t rows_ = 0;
  uint64_t rows_of_file_ = 0;
  uint64_t finished_bytes_ = 0;
  Progress progress_;
};

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_INPUT_ROW_STREAM_H_
