#!/bin/sh
# The same work without throng: a plain loop over the same scripts in the same root. `loop.sh FOLDER [JOBS]` leaves table and figure in
# FOLDER/table; with JOBS, `xargs -P` runs so many at a time.
set -eu
cd "$(dirname "$0")"
to=$1 jobs=${2:-1}
mkdir -p "$to/maps" "$to/table"
find volumes -name '*.nii.gz' | sort | tr '\n' '\0' | xargs -0 -n 1 -P "$jobs" sh -euc \
  './in-root env FILES_DIR=. INPUT_FILE_PATH="$1" TMP_OUTPUT_DIR="$0/maps" ./fit.py >&2' "$to"
./in-root env TMP_INPUT_DIR="$to/maps" TMP_OUTPUT_DIR="$to/table" ./table.py
