# SPDX-License-Identifier: MIT
"""What a Python programmer would write with Pillow: pictures_pillow.py PROCESSES SIZE TARGET FILE..."""
import multiprocessing
import os
import sys

from PIL import Image


def scale(path):
    size, target = int(sys.argv[2]), sys.argv[3]
    with Image.open(path) as image:
        image.thumbnail((size, size), Image.LANCZOS, reducing_gap=2.0)
        image.save(os.path.join(target, os.path.basename(path)), quality=75)


if __name__ == "__main__":
    with multiprocessing.Pool(int(sys.argv[1])) as pool:
        for _ in pool.imap_unordered(scale, sys.argv[4:]):
            pass
