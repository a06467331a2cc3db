#!/usr/bin/python3
"""Faces of one frame, by OpenCV's cascade: a small picture with a box around each, whose name says how many there are."""

import os
import sys

import cv2

WIDTH = 160  # pixels of the picture that is left

cv2.setNumThreads(1)
source = os.environ["INPUT_FILE_PATH"]
frame = cv2.imread(source)
if frame is None:
    sys.exit(f"{os.path.basename(source)} is not a picture")
cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
gray = cv2.equalizeHist(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
faces = sorted(tuple(map(int, face)) for face in cascade.detectMultiScale(gray, 1.1, 5, minSize=(32, 32)))
for x, y, width, height in faces:
    cv2.rectangle(frame, (x, y), (x + width, y + height), (0, 255, 255), 2)
small = cv2.resize(frame, (WIDTH, frame.shape[0] * WIDTH // frame.shape[1]), interpolation=cv2.INTER_AREA)
name = os.path.splitext(os.path.basename(source))[0]
cv2.imwrite(os.path.join(os.environ["TMP_OUTPUT_DIR"], f"{name}.faces-{len(faces)}.png"), small)
print(f"{len(faces)} faces in {name}")
