#!/usr/bin/python3
"""All pictures with boxes on one sheet, a row of sixteen after the other, each video from a row of its own; and a table."""

import os
import pathlib
import re

import cv2
import numpy

COLUMNS = 16
LABEL = 14  # pixels of the line below each picture

cv2.setNumThreads(1)
folder = pathlib.Path(os.environ["TMP_INPUT_DIR"])
videos = {}
# The names alone say what belongs where: folders above a video's may be those of a run.
for path in sorted(folder.rglob("*.faces-*.png")):
    videos.setdefault(path.parent.name, []).append(path)

rows, table = [], ["video,frame,faces"]
for video, paths in sorted(videos.items()):
    cells = []
    for path in paths:
        frame, faces = re.fullmatch(r"(.*)\.faces-(\d+)\.png", path.name).groups()
        table.append(f"{video},{frame},{faces}")
        cell = cv2.copyMakeBorder(cv2.imread(str(path)), 0, LABEL, 0, 0, cv2.BORDER_CONSTANT)
        color = (0, 255, 255) if faces != "0" else (160, 160, 160)
        at = (3, cell.shape[0] - 3)
        cv2.putText(cell, f"{video} {frame[-4:]}: {faces}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, color)
        cells.append(cell)
    height, width = (max(cell.shape[side] for cell in cells) for side in (0, 1))
    cells = [cv2.copyMakeBorder(c, 0, height - c.shape[0], 0, width - c.shape[1], cv2.BORDER_CONSTANT) for c in cells]
    cells += [numpy.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    rows += [numpy.hstack(cells[start:start + COLUMNS]) for start in range(0, len(cells), COLUMNS)]

width = max(row.shape[1] for row in rows)
sheet = numpy.vstack([cv2.copyMakeBorder(row, 0, 0, 0, width - row.shape[1], cv2.BORDER_CONSTANT) for row in rows])
output = pathlib.Path(os.environ["TMP_OUTPUT_DIR"])
cv2.imwrite(str(output / "montage.png"), sheet)
(output / "faces.csv").write_text("\n".join(table) + "\n")
print(f"{len(table) - 1} frames of {len(videos)} videos")
