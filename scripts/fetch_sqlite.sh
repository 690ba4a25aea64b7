#!/usr/bin/env bash
# Gets SQLite's source, as Debian 12 ships it, for cmake/Sqlite.cmake; we commit none of it.
#
#   scripts/fetch_sqlite.sh [DEST]     DEST: default ${XDG_CACHE_HOME:-$HOME/.cache}/sibyl/sqlite
#
# Leaves DEST/sqlite3_3.40.1.orig.tar.xz, checked against the SHA-256 below, and DEST/patches/ with
# Debian's corrections to SQLite's code (security fixes among them; apt has checked their origin).
# Leaves the machine's apt configuration untouched: source entries are derived from it into a
# temporary folder. Does nothing when all is already there and right.
set -euo pipefail

version=3.40.1
archive="sqlite3_$version.orig.tar.xz"
sha256=aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655
dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sibyl/sqlite}

fail() {
  echo "fetch_sqlite.sh: $*" >&2
  exit 1
}

is_right() {
  [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]
}

# Writes to $1/ the machine's Debian package sources, each turned into a source-code entry.
write_source_entries() {
  local parts=$1 file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    # One stanza per paragraph; only Debian's own archives have the package we want.
    awk 'BEGIN { RS = ""; ORS = "\n\n" }
         /(^|\n)Types:[^\n]*deb/ && /(^|\n)URIs:[^\n]*debian/ && !/(^|\n)Enabled: *no/ {
           gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src"); sub(/^\n/, ""); print
         }' "$file" >"$parts/$(basename "$file")"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -nE '/debian/s/^ *deb(-src)? +/deb-src /p' "$file" | sort -u >"$parts/$(basename "$file" .list).list"
  done
  find "$parts" -type f -size 0 -delete
  [ -n "$(ls "$parts")" ] || fail "no Debian archive in /etc/apt/sources.list or sources.list.d/"
}

# Unpacks to $2/ those patches of the Debian archive $1 that touch SQLite's code only (not how Debian
# builds it), and a file "series" with their names in order.
keep_patches() {
  local unpacked=$work/debian name touched
  mkdir -p "$unpacked" "$2"
  tar -xf "$1" -C "$unpacked" debian/patches
  : >"$2/series.part"
  while read -r name _; do
    touched=$(sed -nE 's|^\+\+\+ [^/]+/([^/]+)/.*|\1|p' "$unpacked/debian/patches/$name" | sort -u)
    grep -qE '^\+\+\+ [^/]+/[^/]+([[:space:]]|$)' "$unpacked/debian/patches/$name" && continue
    grep -qvE '^(src|ext|test)$' <<<"$touched" && continue
    cp "$unpacked/debian/patches/$name" "$2/"
    echo "$name" >>"$2/series.part"
  done < <(grep -v '^#' "$unpacked/debian/patches/series")
  mv "$2/series.part" "$2/series"
}

mkdir -p "$dest" || fail "cannot create $dest"
if is_right "$dest/$archive" && [ -f "$dest/patches/series" ]; then
  echo "SQLite $version source: $dest/$archive"
  exit 0
fi
command -v apt-get >/dev/null || fail "apt-get not found: give CMake -DSIBYL_SQLITE_SOURCE=/path/to/$archive"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,download}
write_source_entries "$work/parts"
apt_options=(-qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts"
  -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
apt-get "${apt_options[@]}" update || fail "cannot read the package lists (is there a network?)"
(cd "$work/download" && apt-get "${apt_options[@]}" source --download-only sqlite3) ||
  fail "apt-get cannot download the source package sqlite3 (network, disk, or not Debian?)"
[ -f "$work/download/$archive" ] ||
  fail "this system offers $(cd "$work/download" && ls sqlite3_*.orig.tar.* | head -1), but SibylDB needs $archive (Debian 12)"
is_right "$work/download/$archive" || fail "$archive has the wrong SHA-256: not used"
keep_patches "$work"/download/sqlite3_*.debian.tar.* "$dest/patches" ||
  fail "cannot unpack Debian's patches into $dest/patches"
cp "$work/download/$archive" "$dest/$archive.part" && mv "$dest/$archive.part" "$dest/$archive" ||
  fail "cannot write $dest/$archive"
echo "SQLite $version source: $dest/$archive"
