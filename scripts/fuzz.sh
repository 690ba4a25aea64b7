#!/usr/bin/env bash
# libFuzzer on one decoder, or on all, two at a time: scripts/fuzz.sh [TARGET|all [SECONDS]]. Needs
# clang and libclang-rt-14-dev, which scripts/setup.sh --fuzz installs. The corpus stays in
# build/fuzz; an input that breaks something is written to tests/fuzz/found, where the default tests
# replay it. tests/fuzz/CMakeLists.txt names the targets.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

main() {
  local target=${1:-all} seconds=${2:-60}
  command -v clang++ >/dev/null || fail "no clang++: run scripts/setup.sh --fuzz"
  require_room
  cd "$ROOT"
  step "fuzz: configure" configure-fuzz cmake --preset fuzz
  step "fuzz: build" build-fuzz cmake --build --preset fuzz --target sibyl_fuzz
  local -a chosen=(-L long)
  [[ $target != all ]] && chosen=(-R "^fuzz_$target\$")
  SIBYL_FUZZ_SECONDS=$seconds ctest --preset fuzz "${chosen[@]}" --no-tests=error \
    --parallel "$(nproc)"
}

main "$@"
