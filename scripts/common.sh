# shellcheck shell=bash
# Sourced by the scripts beside it: how a step is shown, timed and logged, and how one fails.
# One line per step on the screen; everything a step prints goes to build/log/<step>.log.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/build/log
NEEDED_DISK_MB=6000  # both builds with their debug information, and room for the linker
CONFIGURE="cmake --preset"
BUILD="cmake --build --preset"

# fail MESSAGE: one clear line, and the end.
fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Tells what is wrong before a build of many minutes discovers it.
require_room() {
  mkdir -p "$LOGS" 2>/dev/null || fail "cannot write to $ROOT: clone it to a folder of yours"
  local built_mb free_mb
  built_mb=$(du -sm "$ROOT/build" | cut -f1)
  free_mb=$(df -Pm "$ROOT/build" | awk 'NR == 2 {print $4}')
  (( built_mb + free_mb >= NEEDED_DISK_MB )) ||
    fail "no disk: $ROOT/build has $free_mb MB free, the build needs $(( NEEDED_DISK_MB - built_mb )) MB"
}

# The part of a running step's log that says how far it is: ninja's "[12/345]", CTest's "12/345".
progress_of() {
  tail -c 400 "$1" 2>/dev/null | grep -oE '\[?[0-9]+/[0-9]+\]?' | tail -n 1 || true
}

# While process $1 runs, on a terminal: label, seconds, progress, all on one line.
show_progress() {
  local pid=$1 label=$2 log=$3 start=$4
  [[ -t 1 ]] || return 0
  while kill -0 "$pid" 2>/dev/null; do
    printf '\r  %-52s %4d s %12s ' "$label" $(( SECONDS - start )) "$(progress_of "$log")"
    sleep 0.5
  done
  printf '\r\033[K'
}

# step LABEL LOG COMMAND...: runs the command with its output in $LOGS/LOG.log. Shows one line;
# on failure also the end of the log, and ends the script.
step() {
  local label=$1 log=$LOGS/$2.log start=$SECONDS
  shift 2
  set -m  # a process group of its own, so that Ctrl-C can end all of it
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  set +m
  # shellcheck disable=SC2064
  trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
  show_progress "$pid" "$label" "$log" "$start"
  if wait "$pid"; then
    trap - INT TERM
    printf '  %-52s %4d s\n' "$label" $(( SECONDS - start ))
    return 0
  fi
  printf '  %-52s %4d s  FAILED\n' "$label" $(( SECONDS - start ))
  echo "---- the last lines of $log ----" >&2
  tail -n 40 "$log" >&2
  if grep -qi 'no space left on device' "$log"; then fail "no disk: $label ran out of space"; fi
  fail "failed: $label (everything it said: $log)"
}

# Configures and builds preset $1; further words are targets (none: all of it).
build_preset() {
  local preset=$1
  shift
  cd "$ROOT"
  $CONFIGURE "$preset"
  $BUILD "$preset" --parallel "$(nproc)" ${1:+--target "$@"}
}
