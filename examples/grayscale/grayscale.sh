#!/bin/sh
# Turns a picture gray: a BMP without compression, 24 bits per pixel, with nothing but od, awk and printf.
set -eu

gray=$(od -An -v -tu1 "$INPUT_FILE_PATH" | awk '
  { for (i = 1; i <= NF; i++) byte[size++] = $i }
  END {
    if (byte[0] != 66 || byte[1] != 77) { print "this is not a BMP" | "cat >&2"; exit 1 }
    if (byte[28] != 24 || byte[30] != 0) { print "only BMPs of 24 bits without compression" | "cat >&2"; exit 1 }
    start = byte[10] + 256 * byte[11] + 65536 * byte[12]
    width = 3 * (byte[18] + 256 * byte[19])
    row = int((width + 3) / 4) * 4
    for (line = start; line + width <= size; line += row)
      for (i = line; i < line + width; i += 3) {
        light = int(0.114 * byte[i] + 0.587 * byte[i + 1] + 0.299 * byte[i + 2] + 0.5)
        byte[i] = byte[i + 1] = byte[i + 2] = light
      }
    for (i = 0; i < size; i++) printf "\\%03o", byte[i]
  }')

output=$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH")
# Every byte is an escape, so nothing in it means anything to printf.
printf "$gray" >"$output"
echo "$(wc -c <"$output") bytes of gray"
