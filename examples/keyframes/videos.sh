#!/bin/sh
# Makes two small videos, `videos/walk.mp4` and `videos/zoom.mp4`, of one photograph: 68 seconds at 5 pictures a second, a keyframe
# each second. In the first a face comes and goes, in the second it is first too small, then near. Needs `root` and bubblewrap.
set -eu
cd "$(dirname "$0")"
mkdir -p videos
video() {
  ./in-root ffmpeg -nostdin -v error -y -threads 1 -loop 1 -framerate 5 -i face.jpg -t "${SECONDS_EACH:-68}" -filter_complex "$2" \
    -c:v libx264 -threads 1 -preset veryfast -g 5 -keyint_min 5 -sc_threshold 0 -pix_fmt yuv420p -bitexact "videos/$1.mp4"
}
video walk "color=c=0x507090:s=320x240:r=5[back];[0:v]scale=160:144[face];[back][face]overlay=x='mod(t*40,640)-160':y=60:shortest=1"
video zoom "color=c=0x705040:s=320x240:r=5[back];[0:v]scale=w='2*trunc((24+2.5*t)/2)':h=-2:eval=frame[face];[back][face]overlay=x=(W-w)/2:y=(H-h)/2:shortest=1"
