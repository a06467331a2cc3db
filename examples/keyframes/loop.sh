#!/bin/sh
# The same work without throng: a plain loop over the same scripts in the same root. `loop.sh FOLDER [JOBS]` leaves the montage in
# FOLDER/montage; with JOBS, `xargs -P` runs so many at a time.
set -eu
cd "$(dirname "$0")"
to=$1 jobs=${2:-1}
mkdir -p "$to/montage"
one='mkdir -p "$4"; ./in-root env INPUT_FILE_PATH="$3" TMP_OUTPUT_DIR="$4" "$2" >&2'
find videos -name '*.mp4' | sort | while read -r video; do
  name=$(basename "$video" .mp4)
  printf '%s\0' ./split.sh "$video" "$to/frames/$name"
done | xargs -0 -n 3 -P "$jobs" sh -euc "$one" sh one
find "$to/frames" -name '*.jpg' | sort | while read -r frame; do
  printf '%s\0' ./detect.py "$frame" "$to/marked/$(basename "$(dirname "$frame")")"
done | xargs -0 -n 3 -P "$jobs" sh -euc "$one" sh one
./in-root env TMP_INPUT_DIR="$to/marked" TMP_OUTPUT_DIR="$to/montage" ./montage.py
