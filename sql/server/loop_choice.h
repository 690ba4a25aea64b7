// LoopChoice: whether a session belongs with those that take turns to write, in one event loop.
//
// Where sessions wait for each other to write, one of them runs at a time, whatever the number of
// processors. In different loops the turn then goes from processor to processor, and waking one
// takes longer than a statement; in one loop the next session simply goes on. But what they do
// outside their turns, they could do in parallel in different loops. So a session goes to the
// others if it keeps having to wait, and is longer at its turn, its client's time included, than
// at work outside it; and it goes home when that has changed.

#ifndef SIBYL_SQL_SERVER_LOOP_CHOICE_H_
#define SIBYL_SQL_SERVER_LOOP_CHOICE_H_

#include <algorithm>
#include <cstdint>

namespace sibyl::sql::server {

// What a transaction had of the turn to write.
struct TurnUse {
  bool waited = false;   // it had to
  uint64_t held_ns = 0;  // where it has waited, or all turns are measured
};

// Of one session.
class LoopChoice {
 public:
  // Whether work and turns are to be measured: not for sessions that never have to wait.
  bool measures() const { return score_ > 0; }

  // The session has worked for the client, without the turn.
  void NoteWork(uint64_t ns) { work_ns_ += ns; }

  // A transaction, or a statement outside one, is over.
  void NoteEnd(const TurnUse& turn) {
    const bool belongs = turn.waited && work_ns_ < turn.held_ns;
    score_ = belongs ? std::min(score_ + 1, kMost) : std::max(score_ - 1, 0);
    if (score_ == kMost) gathers_ = true;
    if (score_ == 0) gathers_ = false;
    work_ns_ = 0;
  }

  bool gathers() const { return gathers_; }

  static constexpr int kMost = 32;  // transactions that belong, more than those that do not

 private:
  uint64_t work_ns_ = 0;  // of the transaction under way
  int score_ = 0;
  bool gathers_ = false;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_LOOP_CHOICE_H_
