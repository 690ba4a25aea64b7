// Executor: COPY.

#include "base/status_macros.h"
#include "sql/server/copy/copy_target.h"
#include "sql/server/copy/copy_writer.h"
#include "sql/server/executor.h"

namespace sibyl::sql::server {
Task<SqlStatus> Executor::CopyIn(const Translated& command) {
  auto connection = co_await transaction_.Connection();
  if (!connection) co_return std::move(connection).error();
  auto opened = CopyTarget::Open(*connection, command.copy);
  if (!opened) co_return std::move(opened).error();
  const std::unique_ptr<CopyTarget> target = std::move(opened).value();
  if (auto kept = KeepOpenRows(nullptr); !kept) co_return kept;
  transaction_.BeginImplicit();
  if (auto ready = co_await transaction_.BeforeStatement(true); !ready) co_return ready;
  const bool binary = command.copy.format == CopyFormat::kBinary;
  wire::WriteCopyResponse(channel_->out(), 'G', binary, target->columns());
  if (auto received = co_await ReceiveCopy(target.get()); !received) co_return received;
  Metrics::Add(&server_->metrics.copied_rows, target->rows());
  WriteTag("COPY " + std::to_string(target->rows()));
  co_return SqlOk();
}

// Reads messages until the client says that it is done.
Task<SqlStatus> Executor::ReceiveCopy(CopyTarget* target) {
  for (;;) {
    auto is_done = ConsumeCopyMessages(target);
    if (!is_done) co_return std::move(is_done).error();
    if (*is_done) co_return SqlOk();
    bool goes_on = co_await channel_->Send();
    if (goes_on) goes_on = co_await channel_->Receive();
    if (!goes_on) {
      co_return SqlError{"08006", "unexpected end of file on the client's connection during COPY"};
    }
  }
}

// What has been received; true: CopyDone was among it.
SqlResult<bool> Executor::ConsumeCopyMessages(CopyTarget* target) {
  const LongWork copying;
  for (;;) {
    const wire::Frame frame =
        wire::FindMessage(channel_->unread(), server_->options.max_message_bytes);
    if (frame.state == wire::FrameState::kIncomplete) return false;
    if (frame.state == wire::FrameState::kMalformed) {
      return SqlError{"08P01", "invalid message length"};
    }
    if (interrupt_.IsDue()) return interrupt_.ToError();
    channel_->Consume(frame.size_bytes);
    switch (frame.type) {
      case 'd':
        SIBYL_RETURN_IF_ERROR(target->Consume(frame.body));
        break;
      case 'c':
        SIBYL_RETURN_IF_ERROR(target->Finish());
        return true;
      case 'f': {
        SIBYL_ASSIGN_OR_RETURN(const std::string_view why, wire::DecodeText(frame.body));
        return SqlError{"57014", "COPY from stdin failed: " + std::string(why)};
      }
      case 'H':
      case 'S':
        break;  // clients that do not know whether it is a COPY send them
      default:
        return SqlError{"08P01", "unexpected message type during COPY from stdin"};
    }
  }
}

Task<SqlStatus> Executor::CopyOut(Portal* portal, const Translated& command) {
  const auto source = MakePortal(QueryOf(*portal->statement, command));
  if (auto described = co_await Describe(source->statement.get()); !described) {
    co_return described;
  }
  if (auto started = co_await Start(source.get()); !started) co_return started;
  if (auto known = KnowFields(source.get()); !known) co_return known;
  const bool binary = command.copy.format == CopyFormat::kBinary;
  std::string* const out = channel_->out();
  wire::WriteCopyResponse(out, 'H', binary, source->fields.size());
  CopyWriter writer(command.copy, &source->fields);
  std::string data;
  writer.Begin(&data);
  for (bool more = true; more;) {
    auto batch = WriteCopyBatch(source.get(), &writer, &data);
    if (!batch) co_return std::move(batch).error();
    more = *batch;
    if (!more) break;
    if (auto sent = co_await SendOut(); !sent) co_return sent;
  }
  writer.End(&data);
  if (!data.empty()) {
    const wire::MessageScope message(out, 'd');
    out->append(data);
  }
  wire::WriteSignal(out, wire::Signal::kCopyDone);
  source->rows.reset();
  transaction_.AfterStatement();
  WriteTag("COPY " + std::to_string(source->rows_sent));
  co_return SqlOk();
}

// Rows until the buffer is full (true) or there are none. `data` has what belongs before the first.
SqlResult<bool> Executor::WriteCopyBatch(Portal* source, CopyWriter* writer, std::string* data) {
  const LongWork stepping;
  std::string* const out = channel_->out();
  std::vector<SqlValue> values(source->fields.size());
  for (;;) {
    if (!data->empty()) {
      const wire::MessageScope message(out, 'd');
      out->append(*data);
      data->clear();
    }
    if (out->size() >= kSendBytes) return true;
    SIBYL_ASSIGN_OR_RETURN(const bool has_row, source->rows->Next());
    if (!has_row) return false;
    for (size_t i = 0; i < values.size(); ++i) values[i] = source->rows->Value(i);
    SIBYL_RETURN_IF_ERROR(writer->Row(values, data));
    ++source->rows_sent;
  }
}

}  // namespace sibyl::sql::server
