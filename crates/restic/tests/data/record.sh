#!/bin/sh
# Records the repositories beside this file: sh record.sh RESTIC, with restic 0.18.1. As root, for owners and attributes.
set -eu
restic=$(command -v "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RESTIC_PASSWORD=recorded RESTIC_CACHE_DIR="$work/cache"
mkdir -p "$work/tree/below" "$work/tree/empty folder"
cd "$work"
printf 'deep\n' > tree/below/deep
printf 'hello\n' > tree/file
: > tree/empty
printf 'odd' > "tree/$(printf 'new\nline "\\ \377')"
yes 'the same again and again' | head -c 100000 > tree/compressible
# noise that is the same each time
awk 'BEGIN { srand(1); for (i = 0; i < 75000; i++) printf "%s", substr("0123456789abcdefghijklmnopqrstuvwxyz", int(rand() * 36) + 1, 1) }' > tree/noise
ln tree/file tree/below/again
ln -s ../file tree/below/link
ln -s "$(printf 'odd\377')" tree/odd-link
mkfifo tree/pipe
chmod 6750 tree/noise
chmod 1777 "tree/empty folder"
python3 -c 'import os; os.setxattr("tree/file", "user.colour", b"blue")'
chown 1234:5678 tree/below/deep
find tree -exec touch -h -d '2020-09-13T12:26:40.123456789Z' {} +
for version in 1 2; do
    repository="$here/v$version"
    # where it is compressed, longer than a blob may be
    case $version in 1) zeros=65536 ;; *) zeros=9437184 ;; esac
    head -c $zeros /dev/zero > tree/zeros
    touch -d '2020-09-13T12:26:40.123456789Z' tree/zeros tree
    rm -rf "$repository"
    "$restic" init --quiet --repo "$repository" --repository-version "$version"
    "$restic" backup --quiet --repo "$repository" --host recorded --tag first --time '2026-01-02 03:04:05' tree/below
    "$restic" backup --quiet --repo "$repository" --host recorded --time '2026-01-03 03:04:05' tree
    rm -rf "$repository/locks"
done
