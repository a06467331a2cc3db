#!/bin/sh
# The logistic map, x' = RATE x (1 - x), over YEARS years from the share x that the input says; leaves the years and how many different
# values its last 32 have: 1 where the population settles, 2 and 4 where it swings, many where it is chaos.
set -eu

name=$(basename "$INPUT_FILE_PATH" .txt)
# Every set of values has a name of its own.
output=$TMP_OUTPUT_DIR/$name-rate-$RATE-years-$YEARS.tsv
awk -v rate="$RATE" -v years="$YEARS" '
  NR == 1 {
    x = $1
    if (x <= 0 || x >= 1) { print "the share must be between 0 and 1, not " $1 | "cat >&2"; exit 1 }
    for (year = 1; year <= years; year++) {
      x = rate * x * (1 - x)
      printf "%d\t%.4f\n", year, x
      if (year > years - 32) different += !seen[sprintf("%.4f", x)]++
    }
    printf "values\t%d\n", different
  }' "$INPUT_FILE_PATH" >"$output"
tail -n 1 "$output"
