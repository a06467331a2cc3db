#!/usr/bin/python3
"""One table of all subjects' measures, and one figure: maps of D and f, a row for each subject, under the measures in bars."""

import csv
import json
import os
import pathlib

from PIL import Image, ImageDraw, ImageFont

ZOOM, ROW, LEFT = 3, 32 * 3 + 6, 110  # pixels
BARS = 240  # pixels of the longest bar

folder = pathlib.Path(os.environ["TMP_INPUT_DIR"])
output = pathlib.Path(os.environ["TMP_OUTPUT_DIR"])
rows = [json.loads(path.read_text()) for path in sorted(folder.rglob("*_measures.json"), key=lambda path: path.name)]
pictures = {path.name.split("_")[0]: path for path in folder.rglob("*_maps.png")}
with open(output / "table.csv", "w", newline="") as file:
    table = csv.DictWriter(file, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)

font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 13)
width = LEFT + 2 * 32 * ZOOM + 20 + BARS + 70
figure = Image.new("RGB", (width, 30 + ROW * len(rows)), "white")
draw = ImageDraw.Draw(figure)
for x, text in ((LEFT, "D"), (LEFT + 32 * ZOOM, "f"), (LEFT + 64 * ZOOM + 20, "D of tissue (gray) and lesion (red), 10⁻³ mm²/s")):
    draw.text((x, 8), text, "black", font)
for number, row in enumerate(rows):
    top = 30 + number * ROW
    draw.text((10, top + ROW // 2 - 10), row["subject"], "black", font)
    with Image.open(pictures[row["subject"]]) as picture:
        figure.paste(picture.resize((picture.width * ZOOM, picture.height * ZOOM), Image.NEAREST), (LEFT, top))
    for line, (what, color) in enumerate((("tissue_D", "#808080"), ("lesion_D", "#c03030"))):
        value = 1000 * (row[what] or 0)
        x, y = LEFT + 64 * ZOOM + 20, top + 20 + 32 * line
        draw.rectangle((x, y, x + round(BARS * value / 1.5), y + 18), color)
        draw.text((x + round(BARS * value / 1.5) + 6, y + 1), f"{value:.2f}", "black", font)
figure.save(output / "figure.png")
print(f"{len(rows)} subjects")
