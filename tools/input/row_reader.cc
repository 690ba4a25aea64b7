#include "tools/input/row_reader.h"

#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::tools {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

// Hands out the bytes of a source one by one, or up to a delimiter.
class BufferedBytes {
 public:
  explicit BufferedBytes(ByteSource* source) : source_(source), buffer_(kBufferBytes) {}

  const std::string& name() const { return source_->name(); }

  // The next byte, or nullopt at the end.
  Result<std::optional<char>> Next() {
    SIBYL_ASSIGN_OR_RETURN(const bool more, Fill());
    if (!more) return std::optional<char>();
    return std::optional<char>(buffer_[begin_++]);
  }

  // Appends to `out` up to the next `delimiter`, which is consumed. False if there is none: then
  // all that was left is appended.
  Result<bool> AppendUntil(char delimiter, std::string* out) {
    for (;;) {
      SIBYL_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) return false;
      const char* begin = buffer_.data() + begin_;
      const void* found = std::memchr(begin, delimiter, end_ - begin_);
      const char* stop = found ? static_cast<const char*>(found) : buffer_.data() + end_;
      out->append(begin, stop);
      begin_ += static_cast<size_t>(stop - begin) + (found ? 1 : 0);
      if (found) return true;
    }
  }

  // Reads exactly `count` bytes into `out`. Returns how many there were.
  Result<size_t> Read(char* out, size_t count) {
    size_t done = 0;
    while (done < count) {
      SIBYL_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) break;
      const size_t part = std::min(count - done, end_ - begin_);
      std::memcpy(out + done, buffer_.data() + begin_, part);
      begin_ += part;
      done += part;
    }
    return done;
  }

 private:
  // Ensures that at least one byte is buffered; false at the end.
  Result<bool> Fill() {
    if (begin_ < end_) return true;
    SIBYL_ASSIGN_OR_RETURN(end_, source_->Read(buffer_));
    begin_ = 0;
    return end_ > 0;
  }

  ByteSource* source_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

class SosdReader : public RowReader {
 public:
  explicit SosdReader(ByteSource* source) : bytes_(source) {}

  Result<bool> Next(std::vector<std::string>* fields) override {
    if (!count_.has_value()) {
      SIBYL_ASSIGN_OR_RETURN(count_, ReadNumber("has no count of keys"));
    }
    if (rank_ == *count_) {
      SIBYL_RETURN_IF_ERROR(ExpectEnd());
      return false;
    }
    SIBYL_ASSIGN_OR_RETURN(const uint64_t key, ReadNumber("is truncated"));
    ++rank_;
    fields->assign(1, std::to_string(key));
    return true;
  }

 private:
  Result<uint64_t> ReadNumber(const char* complaint) {
    char number[sizeof(uint64_t)];
    SIBYL_ASSIGN_OR_RETURN(const size_t read, bytes_.Read(number, sizeof(number)));
    if (read < sizeof(number)) return Broken(complaint);
    return base::Load64(number);
  }

  Status ExpectEnd() {
    SIBYL_ASSIGN_OR_RETURN(const std::optional<char> more, bytes_.Next());
    if (more.has_value()) return Broken("goes on after its last key");
    return Ok();
  }

  Error Broken(const std::string& why) const {
    const std::string promised = count_ ? ", its header says " + std::to_string(*count_) : "";
    return {ErrorCode::kCorruption, bytes_.name() + " is no SOSD file: it " + why + " (" +
                                        std::to_string(rank_) + " keys read" + promised + ")"};
  }

  BufferedBytes bytes_;
  std::optional<uint64_t> count_;
  uint64_t rank_ = 0;
};

// Lines, and the fields of TSV. A carriage return before the newline belongs to the line's end.
class LineReader : public RowReader {
 public:
  LineReader(ByteSource* source, bool split_at_tabs)
      : bytes_(source), split_at_tabs_(split_at_tabs) {}

  Result<bool> Next(std::vector<std::string>* fields) override {
    line_.clear();
    SIBYL_ASSIGN_OR_RETURN(const bool ended, bytes_.AppendUntil('\n', &line_));
    if (!ended && line_.empty()) return false;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    fields->clear();
    std::string_view rest = line_;
    for (size_t tab = rest.find('\t'); split_at_tabs_ && tab != std::string_view::npos;
         tab = rest.find('\t')) {
      fields->emplace_back(rest.substr(0, tab));
      rest.remove_prefix(tab + 1);
    }
    fields->emplace_back(rest);
    return true;
  }

 private:
  BufferedBytes bytes_;
  bool split_at_tabs_;
  std::string line_;
};

class CsvReader : public RowReader {
 public:
  explicit CsvReader(ByteSource* source) : bytes_(source) {}

  Result<bool> Next(std::vector<std::string>* fields) override {
    fields->clear();
    ++row_;
    SIBYL_ASSIGN_OR_RETURN(std::optional<char> byte, bytes_.Next());
    if (!byte.has_value()) return false;
    for (;;) {
      SIBYL_ASSIGN_OR_RETURN(byte, ReadField(byte, &fields->emplace_back()));
      if (byte != ',') return true;
      SIBYL_ASSIGN_OR_RETURN(byte, bytes_.Next());
    }
  }

 private:
  // Reads the field that begins with `byte`. Returns what ended it: a comma, a newline or the end.
  Result<std::optional<char>> ReadField(std::optional<char> byte, std::string* field) {
    if (byte == '"') {
      SIBYL_ASSIGN_OR_RETURN(byte, ReadQuoted(field));
    }
    while (byte.has_value() && byte != ',' && byte != '\n') {
      if (byte == '\r') {
        SIBYL_ASSIGN_OR_RETURN(byte, bytes_.Next());
        if (!byte.has_value() || byte == '\n') return byte;
        *field += '\r';
        continue;
      }
      *field += *byte;
      SIBYL_ASSIGN_OR_RETURN(byte, bytes_.Next());
    }
    return byte;
  }

  // Reads on after an opening quote. Returns the byte after the closing one.
  Result<std::optional<char>> ReadQuoted(std::string* field) {
    for (;;) {
      SIBYL_ASSIGN_OR_RETURN(const bool closed, bytes_.AppendUntil('"', field));
      if (!closed) return Unclosed();
      SIBYL_ASSIGN_OR_RETURN(const std::optional<char> next, bytes_.Next());
      if (next != '"') return next;
      *field += '"';
    }
  }

  Error Unclosed() const {
    return {ErrorCode::kCorruption, bytes_.name() + " is no CSV: row " + std::to_string(row_) +
                                        " opens a quote that nothing closes"};
  }

  BufferedBytes bytes_;
  uint64_t row_ = 0;
};

std::string_view WithoutSuffix(std::string_view name, std::string_view suffix) {
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return name;
}

}  // namespace

InputFormat ChooseFormat(InputFormat asked, const std::string& path) {
  if (asked != InputFormat::kAuto) return asked;
  const std::string_view name = WithoutSuffix(path, ".zst");
  if (name.ends_with(".csv")) return InputFormat::kCsv;
  if (name.ends_with(".tsv")) return InputFormat::kTsv;
  if (name.ends_with(".sosd") || name.ends_with("_uint64")) return InputFormat::kSosd;
  return InputFormat::kLines;
}

std::unique_ptr<RowReader> NewRowReader(InputFormat format, ByteSource* source) {
  switch (format) {
    case InputFormat::kSosd:
      return std::make_unique<SosdReader>(source);
    case InputFormat::kCsv:
      return std::make_unique<CsvReader>(source);
    case InputFormat::kTsv:
      return std::make_unique<LineReader>(source, /*split_at_tabs=*/true);
    case InputFormat::kLines:
    case InputFormat::kAuto:
      break;
  }
  return std::make_unique<LineReader>(source, /*split_at_tabs=*/false);
}

}  // namespace sibyl::tools
