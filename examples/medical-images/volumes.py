#!/usr/bin/python3
"""Makes diffusion-weighted volumes of twelve subjects, `volumes/sub-01_dwi.nii.gz` and so on, and `truth.csv` with what is in them:
tissue in the shape of an egg, in which a lesion diffuses slower and has more blood. The noise is seeded."""

import pathlib
import sys

import nibabel
import numpy

SHAPE = (32, 32, 6)  # voxels
SNR = 60  # signal without weighting over the noise's standard deviation

to = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "volumes")
subjects = int(sys.argv[2]) if len(sys.argv) > 2 else 12
to.mkdir(parents=True, exist_ok=True)
b = numpy.array(open("bvals.txt").read().split(), float)
x, y, z = numpy.meshgrid(*(numpy.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
tissue = x**2 / 0.7 + y**2 / 0.5 + z**2 < 1
truth = ["subject,tissue_D,lesion_D,tissue_f,lesion_f"]
for number in range(1, subjects + 1):
    random = numpy.random.RandomState(number)
    # Diffusion in mm²/s, share of blood, and its pseudo-diffusion: of the liver's order.
    d, lesion_d = random.uniform(0.9e-3, 1.2e-3), random.uniform(0.5e-3, 0.7e-3)
    f, lesion_f = random.uniform(0.08, 0.12), random.uniform(0.2, 0.28)
    at = random.uniform(-0.3, 0.3, 2)
    lesion = tissue & ((x - at[0]) ** 2 + (y - at[1]) ** 2 < 0.09)
    pick = lambda one, other: numpy.where(lesion, other, one)[..., None]
    signal = pick(f, lesion_f) * numpy.exp(-b * 0.02) + (1 - pick(f, lesion_f)) * numpy.exp(-b * pick(d, lesion_d))
    signal = 1000 * (signal * tissue[..., None] + random.normal(0, 1 / SNR, signal.shape))
    image = nibabel.Nifti1Image(numpy.abs(signal).astype(numpy.int16), numpy.diag([2, 2, 5, 1]))
    nibabel.save(image, to / f"sub-{number:02}_dwi.nii.gz")
    truth.append(f"sub-{number:02},{d:.6f},{lesion_d:.6f},{f:.4f},{lesion_f:.4f}")
pathlib.Path(to.parent / "truth.csv").write_text("\n".join(truth) + "\n")
