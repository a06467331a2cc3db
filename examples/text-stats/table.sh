#!/bin/sh
# The join: a line for each poem with its stanzas, lines and words. $TMP_INPUT_DIR has what all tasks before it left, a folder for each poem.
set -eu
cut -f 5 "$INPUT_LIST" | awk -v OFS='\t' -v folder="$TMP_INPUT_DIR" '
  {
    parts = split($0, part, "/")
    poem = part[parts - 1]
    getline counts < (folder "/" $0)
    split(counts, count, "\t")
    stanzas[poem]++; lines[poem] += count[1]; words[poem] += count[2]
  }
  END { for (poem in stanzas) print poem, stanzas[poem], lines[poem], words[poem] }' | sort >"$TMP_OUTPUT_DIR/table.tsv"
cat "$TMP_OUTPUT_DIR/table.tsv"
