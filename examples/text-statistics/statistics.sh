#!/bin/sh
# Counts a text: its lines, words and bytes, and its five most frequent words.
set -eu

name=$(basename "$INPUT_FILE_PATH" .txt)
words=$(tr -cs "A-Za-z'" '\n' <"$INPUT_FILE_PATH" | tr 'A-Z' 'a-z' | awk 'NF')
if [ -z "$words" ]; then
  echo "$name has no words" >&2
  exit 3
fi
{
  awk -v OFS='\t' 'END { print "lines", NR }' "$INPUT_FILE_PATH"
  echo "$words" | awk -v OFS='\t' 'END { print "words", NR }'
  wc -c <"$INPUT_FILE_PATH" | awk -v OFS='\t' '{ print "bytes", $1 }'
  echo "$words" | sort | awk '
    $0 != last && count { print count, last; count = 0 }
    { last = $0; count++ }
    END { print count, last }' | sort -k1,1nr -k2 | head -n 5 | awk -v OFS='\t' '{ print "word", $2, $1 }'
} >"$TMP_OUTPUT_DIR/$name.tsv"
echo "$name: $(echo "$words" | wc -l) words"
