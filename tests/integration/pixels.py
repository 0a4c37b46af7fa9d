# SPDX-License-Identifier: MIT
"""What the tests of pixels share: sciame over one picture, and its output decoded by libvips."""
import os
import struct
import subprocess

from support import Case, sciame, write

NOTES = {  # as master/kinds/scale_notes.c words them
    "salvaged": "damaged: made from what could be read",
    "flattened": "its transparency became background",
    "frames": "only its first frame was taken",
    "pages": "only its first page was taken",
    "broken profile": "its colour profile can't be used, its colours were taken for sRGB",
    "assumed profile": "it is CMYK without a profile, a common one was assumed",
    "suffix": "its content is not what its name says",
}
LOADERS = {"tiff": "tiffload", "avif": "heifload"}
FORMATS = {"uchar": ("B", 1), "ushort": ("H", 2)}


def vips(*arguments):
    subprocess.run(["vips", *arguments], check=True, capture_output=True)


def field(path, name):
    """One field of the header as text; None where there is none."""
    done = subprocess.run(["vipsheader", "-f", name, path], capture_output=True)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def header(path):
    """{"size": "40x30", "kind": "uchar", "bands": 3, "loader": "pngload"}."""
    done = subprocess.run(["vipsheader", path], check=True, capture_output=True)
    # the name may hold anything, what follows the last colon does not
    words = done.stdout.decode().rpartition(": ")[2].replace(",", "").split()
    bands = 4 if words[1] == "rad" else int(words[2])
    return {"size": words[0], "kind": words[1], "bands": bands, "loader": words[-1]}


class Pixels:
    """A decoded picture; frames stand below each other. at(x, y) is a tuple of samples."""

    def __init__(self, path, options=""):
        raw = path + ".raw"
        vips("rawsave", path + options, raw)
        known = header(path + options)
        self.size, self.kind, self.bands = known["size"], known["kind"], known["bands"]
        self.width, self.height = (int(number) for number in self.size.split("x"))
        letter, width = FORMATS[self.kind]
        with open(raw, "rb") as file:
            data = file.read()
        os.unlink(raw)
        self.samples = struct.unpack("%d%s" % (len(data) // width, letter), data)

    def at(self, x, y):
        first = (y * self.width + x) * self.bands
        return self.samples[first:first + self.bands]


def furthest(one, other):
    return max(abs(a - b) for a, b in zip(one, other))


class PixelCase(Case):
    """Scales single pictures; each run has a source and a target of its own."""

    runs = 0

    def scale(self, data, *options, name="in.png", target="out.png", status=0, notes=()):
        """Runs over one picture and checks what was said; the path of the output."""
        self.runs += 1
        source = self.path("%d/%s" % (self.runs, name))
        output = self.path("%d/%s" % (self.runs, target))
        write(source, data)
        result = sciame("scale", "-c", "1", "--no-ledger", *options, source, output)
        self.check(result, status)
        self.said = result[2]
        for note, text in NOTES.items():
            expected = note in notes
            self.assertEqual(text in result[2], expected, "%s: %s" % (note, result[2]))
        self.assertEqual("sciame: %s: " % name in result[2], bool(notes) or status != 0, result[2])
        if status:
            self.assertFalse(os.path.exists(output), "an output of what failed")
        else:
            self.check_heeded(output, options)
        return output

    def check_heeded(self, output, options):
        """Of every output: its format is the one asked for, and so is its size."""
        known = header(output)
        if "--format" in options:
            name = options[options.index("--format") + 1]
            if name != "same":
                self.assertEqual(known["loader"], LOADERS.get(name, name + "load"))
        if "-s" in options and "--fit" not in options:
            box = options[options.index("-s") + 1].split("x")
            width, height = (int(side) for side in known["size"].split("x"))
            self.assertLessEqual(width, int(box[0]))
            self.assertLessEqual(height, int(box[-1]))

    def pixels(self, data, *options, **more):
        return Pixels(self.scale(data, *options, **more))

    def encode(self, data, ending):
        """The same picture as libvips writes it; `ending` may have options: ".jpg[Q=90]"."""
        write(self.path("encode.png"), data)
        output = self.path("encoded" + ending.partition("[")[0])
        vips("copy", self.path("encode.png"), self.path("encoded" + ending))
        with open(output, "rb") as file:
            return file.read()

    def near(self, got, want, tolerance, what=""):
        self.assertEqual(len(got), len(want), "%s: %s, not %s" % (what, got, want))
        self.assertLessEqual(furthest(got, want), tolerance,
                             "%s: %s, not %s" % (what, got, want))

    def check_quadrants(self, pixels, colours, tolerance, what=""):
        """The middle of each quadrant, in the order of made_pictures.quadrants."""
        for i, colour in enumerate(colours):
            x = pixels.width * (1 + 2 * (i % 2)) // 4
            y = pixels.height * (1 + 2 * (i // 2)) // 4
            self.near(pixels.at(x, y), colour, tolerance, "%s quadrant %d" % (what, i))

    def check_flat(self, pixels, colour, tolerance, what=""):
        """Every pixel."""
        for i in range(0, len(pixels.samples), pixels.bands):
            self.near(pixels.samples[i:i + pixels.bands], colour, tolerance, what)

    def check_alike(self, one, other, tolerance, what=""):
        self.assertEqual((one.size, one.bands), (other.size, other.bands), what)
        self.assertLessEqual(furthest(one.samples, other.samples), tolerance, what)
