#!/bin/sh
# A video becomes its keyframes: the frames that are pictures of their own, which need no other to be decoded.
set -eu
ffmpeg -nostdin -v error -threads 1 -skip_frame nokey -i "$INPUT_FILE_PATH" -fps_mode passthrough -q:v 4 -bitexact \
  "$TMP_OUTPUT_DIR/frame-%04d.jpg"
echo "$(ls "$TMP_OUTPUT_DIR" | wc -l) keyframes"
