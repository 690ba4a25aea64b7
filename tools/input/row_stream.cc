#include "tools/input/row_stream.h"

#include "base/status_macros.h"

namespace sibyl::tools {

Result<bool> RowStream::Next(std::vector<std::string>* fields) {
  for (;;) {
    if (reader_ == nullptr) {
      if (next_path_ == paths_.size()) return false;
      SIBYL_RETURN_IF_ERROR(OpenNext());
    }
    SIBYL_ASSIGN_OR_RETURN(const bool more, reader_->Next(fields));
    if (more) break;
    finished_bytes_ += source_->consumed_bytes();
    reader_.reset();
  }
  ++rows_;
  ++rows_of_file_;
  progress_.Update(rows_, *source_);
  return true;
}

Status RowStream::OpenNext() {
  const std::string& path = paths_[next_path_++];
  SIBYL_ASSIGN_OR_RETURN(source_, OpenInput(path));
  format_ = ChooseFormat(options_.format, path);
  reader_ = NewRowReader(format_, source_.get());
  rows_of_file_ = 0;
  if (options_.header) {
    SIBYL_ASSIGN_OR_RETURN(const bool has_header, reader_->Next(&header_));
    if (!has_header) header_.clear();
  }
  return Ok();
}

std::string RowStream::Where() const {
  return "row " + std::to_string(rows_of_file_) + " of " + source_->name();
}

}  // namespace sibyl::tools
