#!/bin/sh
# Counts a stanza: lines and words.
set -eu
awk -v OFS='\t' 'NF { lines++; words += NF } END { print lines + 0, words + 0 }' "$INPUT_FILE_PATH" \
  >"$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH" .txt).tsv"
