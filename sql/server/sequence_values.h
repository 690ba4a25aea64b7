// What a session knows of sequences, the numbers behind serial and identity columns: which value
// each gave it last.

#ifndef SIBYL_SQL_SERVER_SEQUENCE_VALUES_H_
#define SIBYL_SQL_SERVER_SEQUENCE_VALUES_H_

#include <cstdint>
#include <map>
#include <optional>

namespace sibyl::sql::server {

// One thread at a time. Sequences go by their oids.
class SequenceValues {
 public:
  void Note(uint32_t sequence_oid, int64_t value) { last_ = by_sequence_[sequence_oid] = value; }
  void Clear() { *this = SequenceValues(); }

  // lastval() and currval(): nullopt if none gave the session a value yet.
  std::optional<int64_t> last() const { return last_; }
  std::optional<int64_t> LastOf(uint32_t sequence_oid) const {
    const auto found = by_sequence_.find(sequence_oid);
    return found == by_sequence_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::map<uint32_t, int64_t> by_sequence_;
  std::optional<int64_t> last_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SEQUENCE_VALUES_H_
