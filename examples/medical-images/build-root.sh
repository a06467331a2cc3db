#!/bin/sh
# Makes `root`, the image of both functions, without a registry: Debian's Python with numpy and Pillow (the figure), and from PyPI
# nibabel (NIfTI; Debian's has SciPy and a compiler with it). Needs mmdebstrap and Python with venv (apt-get install mmdebstrap python3-venv),
# no rights, about 70 MB of downloads and 250 MB of space.
set -eu
cd "$(dirname "$0")"
[ ! -e root ] || { echo "there is a root already; remove it to make another" >&2; exit 1; }
rm -rf root.new
mkdir root.new
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A folder that belongs to the person who makes it, without devices.
mmdebstrap --quiet --variant=essential --include=python3-numpy,python3-packaging,python3-pil,fonts-dejavu-core \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/root.tar" ${DEBIAN_MIRROR:-}
tar -x --no-same-owner --exclude='./dev/*' -C root.new -f "$work/root.tar"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" download --quiet --no-deps --only-binary=:all: --dest "$work" nibabel==5.1.0
python3 -m zipfile -e "$work"/nibabel-*.whl root.new/usr/lib/python3/dist-packages
rm -rf root.new/var/cache root.new/var/lib/apt root.new/var/log
mv root.new root
echo "root: $(du -sm root | cut -f1) MB"
