#!/bin/sh
# A poem becomes its stanzas, which empty lines separate.
set -eu
awk -v RS= -v folder="$TMP_OUTPUT_DIR" '{ file = sprintf("%s/%02d.txt", folder, NR); print > file; close(file) }
  END { print NR, "stanzas" }' "$INPUT_FILE_PATH"
