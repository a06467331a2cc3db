#!/bin/sh
# The join: a line for each subject and cutoff.
set -eu
{
  printf 'subject\tcutoff\ttrials\tlate\tcongruent\tincongruent\teffect\n'
  cut -f 5 "$INPUT_LIST" | while read -r file; do cat "$TMP_INPUT_DIR/$file"; done | sort -k 1,1 -k 2,2n
} >"$TMP_OUTPUT_DIR/table.tsv"
cat "$TMP_OUTPUT_DIR/table.tsv"
