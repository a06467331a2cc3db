#!/bin/sh
# Makes `root`, the image of all three functions, without a registry: Debian's Python with numpy, and from PyPI ffmpeg (one static
# program) and OpenCV with its cascades. Versions of Debian's release and of PyPI are fixed, so results are the same everywhere.
# Needs mmdebstrap and Python with venv (apt-get install mmdebstrap python3-venv), no rights, about 90 MB of downloads and 400 MB of space.
set -eu
cd "$(dirname "$0")"
[ ! -e root ] || { echo "there is a root already; remove it to make another" >&2; exit 1; }
rm -rf root.new
mkdir root.new
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A folder that belongs to the person who makes it, without devices.
mmdebstrap --quiet --variant=essential --include=python3-numpy,libstdc++6 \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/root.tar" ${DEBIAN_MIRROR:-}
tar -x --no-same-owner --exclude='./dev/*' -C root.new -f "$work/root.tar"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" download --quiet --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi abi3 \
  --platform manylinux2014_x86_64 --dest "$work" opencv-python-headless==4.8.1.78
"$work/venv/bin/pip" download --quiet --no-deps --only-binary=:all: --python-version 3.11 \
  --platform manylinux2014_x86_64 --dest "$work" imageio-ffmpeg==0.6.0
for wheel in "$work"/*.whl; do
  python3 -m zipfile -e "$wheel" root.new/usr/lib/python3/dist-packages
done
packages=root.new/usr/lib/python3/dist-packages
mv "$packages"/imageio_ffmpeg/binaries/ffmpeg-linux-* root.new/usr/bin/ffmpeg
chmod 755 root.new/usr/bin/ffmpeg
rm -rf root.new/var/cache root.new/var/lib/apt root.new/var/log
mv root.new root
echo "root: $(du -sm root | cut -f1) MB"
