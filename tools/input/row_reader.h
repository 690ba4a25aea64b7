// Rows out of bytes: SOSD, lines, CSV and TSV behind one interface.

#ifndef SIBYL_TOOLS_INPUT_ROW_READER_H_
#define SIBYL_TOOLS_INPUT_ROW_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "tools/input/byte_source.h"

namespace sibyl::tools {

enum class InputFormat {
  kAuto,   // by the file's name; see ChooseFormat
  kSosd,   // little-endian u64s: a count, then that many keys (Kipf et al., SOSD, 2019)
  kLines,  // each line is one field
  kTsv,    // fields separated by tabs, records by newlines, no quoting
  kCsv,    // RFC 4180: commas; fields with commas, quotes or newlines in double quotes
};

// kAuto resolved by the name of the file, a final ".zst" ignored: *.csv, *.tsv; *.sosd and SOSD's
// own *_uint64; everything else, standard input included, is lines.
InputFormat ChooseFormat(InputFormat asked, const std::string& path);

// One thread at a time.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // Replaces `fields` with those of the next row; false at the end. An SOSD row is one field, the
  // key in decimal.
  // Errors: those of the source; kCorruption naming file and row where the bytes break the format.
  virtual Result<bool> Next(std::vector<std::string>* fields) = 0;
};

// `format` must not be kAuto. `source` must outlive the reader.
std::unique_ptr<RowReader> NewRowReader(InputFormat format, ByteSource* source);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_INPUT_ROW_READER_H_
