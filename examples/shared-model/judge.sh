#!/bin/sh
# Judges a message by a model of one weight for each word: logistic regression, as far as awk goes.
set -eu

name=$(basename "$INPUT_FILE_PATH" .txt)
tr -cs 'A-Za-z' '\n' <"$INPUT_FILE_PATH" | tr 'A-Z' 'a-z' | awk -v OFS='\t' -v name="$name" '
  # Small awks have no exp.
  function power_of_e(x, i, term, sum_of) {
    if (x < 0) return 1 / power_of_e(-x)
    term = sum_of = 1
    for (i = 1; i < 200; i++) { term *= x / i; sum_of += term }
    return sum_of
  }
  FILENAME != "-" { weight[$1] = $2; next }
  $1 in weight { sum += weight[$1]; known++ }
  END {
    p = 1 / (1 + power_of_e(-sum - weight["(bias)"]))
    print name, (p > 0.5 ? "good" : "bad"), sprintf("%.3f", p), known + 0
  }' "$FILES_DIR/model/weights.tsv" - >"$TMP_OUTPUT_DIR/$name.tsv"
cat "$TMP_OUTPUT_DIR/$name.tsv"
