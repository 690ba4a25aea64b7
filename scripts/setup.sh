#!/usr/bin/env bash
# Installs what SibylDB needs: Debian 12 packages, and SQLite's source. The only script that
# installs anything. Run it as root or as a user with sudo; a second run changes nothing.
# With --fuzz it installs what scripts/fuzz.sh needs, too; with --postgresql a PostgreSQL 15, which
# bench/server compares the server with; with --clients that and the other large programs that tests
# of the server and of the drop-in library run where they are installed. Debian's package of PostgreSQL
# starts a server of its own.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Why each library is there: docs/decisions/0002-dependencies.md.
PACKAGES=(
  build-essential cmake ninja-build pkg-config ccache git        # the build
  librocksdb-dev libhwy-dev libxxhash-dev liblz4-dev libzstd-dev  # the product: storage, index
  libeigen3-dev libcli11-dev nlohmann-json3-dev libjemalloc-dev  # the product: training, tool
  tcl tcl-dev dpkg-dev xz-utils libreadline-dev zlib1g-dev               # SQLite from Debian's source
  libpg-query-dev libprotobuf-c-dev libre2-dev                   # the server: PostgreSQL's parser
  libasio-dev libssl-dev libidn-dev libpq-dev                    # the server: network, TLS, its shell
  catch2 zstd python3 sqlite3                                    # tests
  postgresql-client-15 python3-psycopg2 python3-psycopg openssl  # tests: clients of the server
  libbenchmark-dev libabsl-dev liblmdb-dev libsqlite3-dev        # benchmarks and their rivals
  gnuplot-nox                                                    # plots of benchmarks
)

FUZZ_PACKAGES=(clang libclang-rt-14-dev)
POSTGRESQL_PACKAGES=(postgresql-15)
CLIENT_PACKAGES=(postgresql-15 python3-sqlalchemy libpostgresql-jdbc-java default-jdk-headless
                 python3-django php-cli php-sqlite3 libdbd-sqlite3-perl)

require_debian_12() {
  local id="" version="" name="an unknown system"
  if [[ -r /etc/os-release ]]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    name=$(. /etc/os-release && echo "${PRETTY_NAME:-$ID}")
  fi
  [[ $id == debian && $version == 12 ]] ||
    fail "wrong distribution: this needs Debian 12 (bookworm), and this machine runs $name"
}

# Sets `missing` to the packages that dpkg does not know as installed.
find_missing() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p')
  missing=()
  for package in "${PACKAGES[@]}"; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
  done
}

# Sets `as_root` to the words that make a command run as root. May ask for a password.
become_root() {
  as_root=()
  if (( EUID != 0 )); then
    command -v sudo >/dev/null ||
      fail "not root, and no sudo: run as root: apt-get install ${missing[*]}"
    sudo -v || fail "sudo was refused: run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
}

apt() {
  "${as_root[@]}" apt-get -y -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 "$@"
}

# The one line for the most likely reasons that apt-get failed.
explain_apt_failure() {
  local log=$1
  if grep -qiE 'no space left|enough free space' "$log"; then
    fail "no disk: apt-get ran out of space (everything it said: $log)"
  elif grep -qiE 'failed to fetch|could not resolve|temporary failure|unable to connect|cannot initiate|unable to locate' "$log"; then
    fail "no network: apt-get could not reach the Debian mirror (everything it said: $log)"
  elif grep -qi 'could not get lock' "$log"; then
    fail "another apt-get holds the lock: wait for it and run this again"
  fi
  tail -n 20 "$log" >&2
  fail "apt-get failed (everything it said: $log)"
}

# A source that cannot be reached makes `update` complain but not fail: only if the packages
# cannot be had either is it an error.
install_missing() {
  local log=$LOGS/apt.log
  { apt update || true; apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1
}

main() {
  local option
  for option in "$@"; do
    case $option in
      --fuzz) PACKAGES+=("${FUZZ_PACKAGES[@]}") ;;
      --postgresql) PACKAGES+=("${POSTGRESQL_PACKAGES[@]}") ;;
      --clients) PACKAGES+=("${CLIENT_PACKAGES[@]}") ;;
      *) fail "unknown option $option: there are --fuzz, --postgresql and --clients" ;;
    esac
  done
  require_debian_12
  require_room
  find_missing
  if (( ${#missing[@]} > 0 )); then
    become_root
    local start=$SECONDS
    echo "  installing ${#missing[@]} packages: ${missing[*]}"
    install_missing || explain_apt_failure "$LOGS/apt.log"
    printf '  %-52s %4d s\n' "packages installed" $(( SECONDS - start ))
  fi
  step "SQLite's source" sqlite-source "$ROOT/scripts/fetch_sqlite.sh"
}

main "$@"
