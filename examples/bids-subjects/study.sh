#!/bin/sh
# Makes a small dataset in BIDS' form: four people, two runs each of a flanker task, in which an arrow is harder to judge between
# arrows that point elsewhere (incongruent). Nothing is by chance: everybody gets the same files.
set -eu
to=${1:-study}
mkdir -p "$to"
printf '{"Name": "Flanker", "BIDSVersion": "1.10.0", "DatasetType": "raw"}\n' >"$to/dataset_description.json"
printf 'Made by study.sh of the example bids-subjects.\n' >"$to/README"
printf 'participant_id\n' >"$to/participants.tsv"
for subject in 1 2 3 4; do
  name=sub-0$subject
  mkdir -p "$to/$name/func"
  printf '%s\n' "$name" >>"$to/participants.tsv"
  for run in 1 2; do
    begin=$to/$name/func/${name}_task-flanker_run-0${run}
    printf '{"TaskName": "flanker", "RepetitionTime": 2.0}\n' >"${begin}_bold.json"
    awk -v OFS='\t' -v subject="$subject" -v run="$run" 'BEGIN {
      print "onset", "duration", "trial_type", "response_time"
      chance = subject * 7919 + run * 104
      for (trial = 0; trial < 40; trial++) {
        chance = (chance * 171 + 11213) % 53125
        type = trial % 2 ? "incongruent" : "congruent"
        # Some answers come late for reasons of their own.
        ms = 400 + 15 * subject + (trial % 2) * (50 + 10 * subject) + chance % 120 + (trial % 10 == 7) * 500
        print sprintf("%.1f", trial * 2.5), "0.2", type, sprintf("%.3f", ms / 1000)
      }
    }' >"${begin}_events.tsv"
  done
done
