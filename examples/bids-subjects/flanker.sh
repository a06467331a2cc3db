#!/bin/sh
# One subject: how much longer it takes over incongruent trials, in ms, over all of its runs. Answers later than $CUTOFF ms are left out.
set -eu
subject=$(basename "$INPUT_DIR")
cat "$INPUT_DIR"/func/*_events.tsv | awk -v OFS='\t' -v subject="$subject" -v cutoff="$CUTOFF" '
  $1 == "onset" { next }
  $4 * 1000 > cutoff { late++; next }
  { trials[$3]++; sum[$3] += $4 * 1000 }
  END {
    congruent = sum["congruent"] / trials["congruent"]
    incongruent = sum["incongruent"] / trials["incongruent"]
    printf "%s\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\n", subject, cutoff, trials["congruent"] + trials["incongruent"], late + 0,
      congruent, incongruent, incongruent - congruent
  }' >"$TMP_OUTPUT_DIR/flanker-$CUTOFF.tsv"
cat "$TMP_OUTPUT_DIR/flanker-$CUTOFF.tsv"
