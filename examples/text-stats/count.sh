#!/bin/sh
# Counts a stanza: lines and words.
set -eu
awk -v OFS='\t' '{ words += NF } END { print NR, words }' "$INPUT_FILE_PATH" \
  >"$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH" .txt).tsv"
