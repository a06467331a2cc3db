#!/usr/bin/python3
"""Fits the IVIM model to every voxel of a diffusion-weighted volume, by Levenberg and Marquardt's way:

    S(b) = S0 (f exp(-b Dp) + (1 - f) exp(-b D))

Leaves the maps of D, f and Dp as one volume, a picture of its middle slice, and a line of measures."""

import json
import os
import pathlib
import sys

import nibabel
import numpy
from PIL import Image

LOW, HIGH = numpy.array([0.0, 0.0, 3e-3]), numpy.array([3e-3, 0.6, 0.1])  # D, f, Dp; D and Dp in mm²/s
ROUNDS = 60
SEEN = numpy.array([1.5e-3, 0.4])  # what is white in the picture, of D and f


def model(b, p):
    """The signal over S0, and its derivatives: voxels, b-values, parameters."""
    d, f, dp = (p[:, i, None] for i in range(3))
    slow, fast = numpy.exp(-b * d), numpy.exp(-b * dp)
    return f * fast + (1 - f) * slow, numpy.stack([-b * (1 - f) * slow, fast - slow, -b * f * fast], axis=2)


def fit(b, s):
    """D, f and Dp of each row, and the root of its mean squared error."""
    # To begin with: a line through the logarithms of what blood has no part in any more.
    high = b >= 200
    slope, start = numpy.polyfit(b[high], numpy.log(numpy.maximum(s[:, high], 1e-3)).T, 1)
    p = numpy.clip(numpy.stack([-slope, 1 - numpy.exp(start), numpy.full(len(s), 0.02)], axis=1), LOW, HIGH)
    scale, damping = numpy.array([1e-3, 0.1, 1e-2]), numpy.full(len(s), 1e-2)
    value, derivative = model(b, p)
    error = ((value - s) ** 2).sum(axis=1)
    for _ in range(ROUNDS):
        j = derivative * scale
        normal = numpy.einsum("vbi,vbj->vij", j, j)
        diagonal = numpy.einsum("vii->vi", normal)
        normal = normal + damping[:, None, None] * numpy.eye(3) * (diagonal[:, None, :] + 1e-9)
        step = numpy.linalg.solve(normal, numpy.einsum("vbi,vb->vi", j, s - value)[..., None])[..., 0] * scale
        tried = numpy.clip(p + step, LOW, HIGH)
        tried_value, tried_derivative = model(b, tried)
        tried_error = ((tried_value - s) ** 2).sum(axis=1)
        better = tried_error < error
        p[better], value[better], derivative[better] = tried[better], tried_value[better], tried_derivative[better]
        error[better] = tried_error[better]
        damping = numpy.clip(numpy.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    return p, numpy.sqrt(error / len(b))


source = pathlib.Path(os.environ["INPUT_FILE_PATH"])
b = numpy.array((pathlib.Path(os.environ["FILES_DIR"]) / "bvals.txt").read_text().split(), float)
image = nibabel.load(source)
volume = numpy.asarray(image.dataobj, float)
if volume.ndim != 4 or volume.shape[3] != len(b):
    sys.exit(f"{source.name} has the shape {volume.shape}; the last of four must be {len(b)}, the number of b-values")
mask = volume[..., 0] > 0.3 * volume[..., 0].max()
if not mask.any():
    sys.exit(f"{source.name} has no voxel with a signal")
p, error = fit(b, volume[mask] / volume[mask][:, :1])

subject = source.name.split("_")[0]
output = pathlib.Path(os.environ["TMP_OUTPUT_DIR"])
maps = numpy.zeros(mask.shape + (3,), numpy.float32)
maps[mask] = p
nibabel.save(nibabel.Nifti1Image(maps, image.affine), output / f"{subject}_ivim.nii.gz")
middle = maps[:, :, mask.shape[2] // 2, :2] / SEEN
picture = numpy.concatenate([middle[..., 0], middle[..., 1]]).T
Image.fromarray((255 * numpy.clip(picture, 0, 1)).astype(numpy.uint8)).save(output / f"{subject}_maps.png")
# Half of the way between the two kinds of tissue, in these data.
lesion = p[:, 1] > 0.16
measures = {"subject": subject, "voxels": int(mask.sum()), "lesion_voxels": int(lesion.sum())}
for name, where in (("tissue", ~lesion), ("lesion", lesion)):
    measures[f"{name}_D"], measures[f"{name}_f"], _ = (
        [round(float(v), 7) for v in numpy.median(p[where], axis=0)] if where.any() else (None, None, None))
measures["error"] = round(float(numpy.median(error)), 6)
(output / f"{subject}_measures.json").write_text(json.dumps(measures) + "\n")
print(f"{measures['voxels']} voxels, {len(b)} b-values")
