# SPDX-License-Identifier: MIT
"""How far outputs are from the picture that they should be, beside vips_thumbnail's.

quality.py --bin FOLDER [--photos FOLDER] [--size N]...

The reference is the whole picture, reduced by Lanczos3 in floating point (`vips resize`). PSNR of
sciame's output, of vipsthumbnail's, and the difference, both encoded at quality 100. Photographs
(made ones unless a folder is given) and charts: a zone plate, slanted edges, saturated stripes.
"""
import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from support import convert, png, write  # noqa: E402


def vips(*words):
    return subprocess.run(["vips"] + list(words), check=True, capture_output=True,
                          text=True).stdout


def header(field, path):
    return float(subprocess.run(["vipsheader", "-f", field, path], check=True,
                                capture_output=True, text=True).stdout)


def psnr(path, reference, work):
    """Also moved by half a pixel it would be some dB less: shifts show."""
    part = os.path.join(work, "part")
    vips("cast", path, part + "0.v", "float")
    vips("subtract", part + "0.v", reference, part + "1.v")
    vips("multiply", part + "1.v", part + "1.v", part + "2.v")
    mean = float(vips("avg", part + "2.v"))
    return 99.0 if mean == 0 else 10 * math.log10(255 * 255 / mean)


def reduce(source, like, reference, work):
    part = os.path.join(work, "whole")
    vips("autorot", source, part + "0.v")
    vips("cast", part + "0.v", part + "1.v", "float")
    across = header("width", like) / header("width", part + "1.v")
    down = header("height", like) / header("height", part + "1.v")
    vips("resize", part + "1.v", reference, repr(across), "--vscale", repr(down),
         "--kernel", "lanczos3", "--gap", "0")  # the default gap halves by averaging


def charts(folder):
    """As JPEG without halved colours, and as PNG."""
    sizes = {"zone": ["zone", "2400", "1800", "--uchar"],
             "eye": ["eye", "2400", "1800", "--uchar", "--factor", "0.8"]}
    for name, words in sizes.items():
        path = os.path.join(folder, name)
        vips(words[0], path + ".png", *words[1:])
        vips("jpegsave", path + ".png", path + ".jpg", "--Q", "98")
    path = os.path.join(folder, "stripes")
    width, height = 2400, 1800
    with open(path + ".ppm", "wb") as file:
        file.write(b"P6 %d %d 255\n" % (width, height))
        for y in range(height):
            row = bytearray()
            for x in range(width):
                stripe = (x * 7 + y * 2) // 97 % 4
                row += bytes(((230, 20, 30), (20, 30, 220), (240, 240, 240), (10, 160, 40))[stripe])
            file.write(row)
    vips("jpegsave", path + ".ppm", path + ".jpg", "--Q", "98", "--subsample-mode", "off")
    vips("pngsave", path + ".ppm", path + ".png")
    os.unlink(path + ".ppm")


def measure(sciame, source, size, work):
    suffix = os.path.splitext(source)[1]
    ours, theirs, reference = (os.path.join(work, name) for name in
                               ("ours" + suffix, "theirs" + suffix, "reference.v"))
    save = "[Q=100]" if suffix == ".jpg" else ""
    subprocess.run([sciame, "scale", "-q", "--no-ledger", "--quality", "100", "-s", str(size),
                    source, ours], check=True)
    subprocess.run(["vipsthumbnail", "-s", str(size), "-o", theirs + save, source], check=True)
    reduce(source, ours, reference, work)
    return psnr(ours, reference, work), psnr(theirs, reference, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--size", type=int, action="append")
    arguments = parser.parse_args()
    work = tempfile.mkdtemp(prefix="sciame-quality-", dir="/dev/shm")
    worst = 0.0
    try:
        made = os.path.join(work, "made")
        os.makedirs(made)
        charts(made)
        if not arguments.photos:
            write(made + "/photo.png", png(4000, 3000, 1))
            convert(made + "/photo.png", made + "/photo.jpg")
        folders = [made] + ([arguments.photos] if arguments.photos else [])
        sources = [os.path.join(folder, name) for folder in folders
                   for name in sorted(os.listdir(folder)) if name.endswith((".jpg", ".png"))]
        print("%-44s %5s %9s %9s %7s" % ("", "size", "sciame", "vips", "more"))
        for source in sources:
            for size in arguments.size or [150, 400, 1200]:
                ours, theirs = measure(os.path.join(arguments.bin, "sciame"), source, size, work)
                worst = min(worst, ours - theirs)
                print("%-44s %5d %6.2f dB %6.2f dB %+7.2f" % (
                    os.path.basename(source), size, ours, theirs, ours - theirs))
                sys.stdout.flush()
        print("worst: %+.2f dB of vips_thumbnail's" % worst)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
