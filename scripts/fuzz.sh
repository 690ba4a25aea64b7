#!/usr/bin/env bash
# libFuzzer on one decoder, or on all in turn: scripts/fuzz.sh [TARGET|all [SECONDS]]. Needs clang
# and libclang-rt-14-dev, which scripts/setup.sh --fuzz installs. The corpus stays in build/fuzz;
# an input that breaks something is written to tests/fuzz/found, where the default tests replay it.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

TARGETS=(
  manifest backup_record batch log_records segment segment_sections block models marker translate
  wire copy values
  range_index range_build string_index string_build point_index point_build existence_index
  existence_build
)

fuzz() {
  local target=$1 seconds=$2
  local corpus=$ROOT/build/fuzz/corpus/$target
  mkdir -p "$corpus" "$ROOT/tests/fuzz/found"
  SIBYL_FUZZ_TARGET=$target SIBYL_FUZZ_SEEDS=$corpus "$ROOT/build/fuzz/bin/sibyl_fuzz" \
    -max_total_time="$seconds" -max_len=100000 -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="$ROOT/tests/fuzz/found/$target-" "$corpus"
}

main() {
  local target=${1:-all} seconds=${2:-60}
  command -v clang++ >/dev/null || fail "no clang++: run scripts/setup.sh --fuzz"
  require_room
  cd "$ROOT"
  step "fuzz: configure" configure-fuzz cmake --preset fuzz
  step "fuzz: build" build-fuzz cmake --build --preset fuzz --target sibyl_fuzz
  [[ $target != all ]] && TARGETS=("$target")
  for target in "${TARGETS[@]}"; do
    step "fuzz: $target, $seconds s" "fuzz-$target" fuzz "$target" "$seconds"
  done
}

main "$@"
