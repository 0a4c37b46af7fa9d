# SPDX-License-Identifier: MIT
"""Frames and pages: an animation stays one where the output can, with its timing and composition;
where it can't, the first frame is taken and that is said."""
import base64
import struct
import subprocess
import unittest

from made_pictures import (BLUE, GREEN, RED, YELLOW, flat, gif_frame, gif_of, halves, pdf_of,
                           png_chunk, png_of, quadrants, samples, tiff_of)
from pixels import PixelCase, Pixels, field

PALETTE = (RED, GREEN, BLUE, YELLOW, (0, 0, 0))
R, G, B, Y = ((i,) for i in range(4))
SIDE = 64
KEEP, CLEAN, RESTORE = 1, 2, 3  # GIF89a's disposal methods


def plain_gif(loop=0, delays=(10, 25, 5)):
    frames = [gif_frame(0, 0, SIDE, SIDE, flat(i), delay) for i, delay in enumerate(delays)]
    return gif_of(SIDE, SIDE, PALETTE, frames, loop)


def composed_gif():
    """Frames that cover a part only, with every way of disposal.

    What is seen: all red; its left half green; the right half blue (the green was restored to
    red); its lower half yellow on a right half that was cleaned to nothing.
    """
    half = SIDE // 2
    return gif_of(SIDE, SIDE, PALETTE, [
        gif_frame(0, 0, SIDE, SIDE, flat(0), 10, KEEP, 4),
        gif_frame(0, 0, half, SIDE, flat(1), 20, RESTORE, 4),
        gif_frame(half, 0, half, SIDE, flat(2), 30, CLEAN, 4),
        gif_frame(0, half, SIDE, half, flat(3), 40, KEEP, 4),
    ], 0)


COMPOSED = [  # top left, top right, bottom left, bottom right; None: nothing
    (RED, RED, RED, RED), (GREEN, RED, GREEN, RED), (RED, BLUE, RED, BLUE),
    (RED, None, YELLOW, YELLOW),
]


def gif_loop(path):
    """The loop count of NETSCAPE2.0, None when there is none: it plays once."""
    with open(path, "rb") as file:
        _, found, rest = file.read().partition(b"NETSCAPE2.0\x03\x01")
    return struct.unpack_from("<H", rest)[0] if found else None


def webp_loop(path):
    with open(path, "rb") as file:
        _, found, rest = file.read().partition(b"ANIM")
    return struct.unpack_from("<H", rest, 8)[0] if found else None

# 64 x 48 pixels in red, green and blue, as libjxl writes them: bare, and in boxes
ANIMATED_JXL = (
    ("/wrLBE0AICYIAgEAZABLGIsVANQfYzD+LxABACBBvwAgAeSj4B0PCAIBAFAASxiLFYBd+v8CEQDcJm9QQPoh"
     "PgIIAgUATABLGIsVgF38/wIRALSUCgDQ7EAC"),
    ("AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAzanhscAAAAAD/CssETQAgJggCAQBkAEsYixUA"
     "1B9jMP4vEAEAIEG/ACAB5KPgHQ8AAAAmanhscAAAAAEIAgEAUABLGIsVgF36/wIRANwmb1BA+iE+AgAAACVq"
     "eGxwgAAAAggCBQBMAEsYixWAXfz/AhEAtJQKANDsQAI="))


class AnimationCase(PixelCase):
    def frames(self, path):
        """[the colours of a frame's quadrants]; and the delays in milliseconds."""
        pixels = Pixels(path, "[n=-1]")
        count = int(field(path + "[n=-1]", "n-pages") or 1)
        height = pixels.height // count
        found = []
        for i in range(count):
            places = [(x * pixels.width // 4, i * height + y * height // 4)
                      for y in (1, 3) for x in (1, 3)]
            found.append([pixels.at(*place) for place in places])
        delays = field(path + "[n=-1]", "delay")
        return found, [int(delay) for delay in delays.split()] if delays else None

    def check_frames(self, path, wanted, tolerance, what=""):
        found, _ = self.frames(path)
        self.assertEqual(len(found), len(wanted), what)
        for i, (frame, colours) in enumerate(zip(found, wanted)):
            for got, colour in zip(frame, colours):
                where = "%s frame %d" % (what, i)
                if colour is None:
                    self.assertEqual(got[3], 0, where)
                    continue
                self.near(got[:3], colour, tolerance, where)
                self.assertEqual(tuple(got[3:]), (255,) * (len(got) - 3), where)


class Kept(AnimationCase):
    OUTPUTS = (("gif", 12), ("webp", 24))

    def test_frames_and_delays(self):
        for name, tolerance in self.OUTPUTS:
            path = self.scale(plain_gif(), "-s", "32", "--format", name, "--strict", name="in.gif",
                              target="out." + name)
            self.check_frames(path, [[RED] * 4, [GREEN] * 4, [BLUE] * 4], tolerance, name)
            self.assertEqual(self.frames(path)[1], [100, 250, 50], name)
            self.assertEqual(field(path, "width"), "32")

    def test_frames_of_a_part_are_composed(self):
        for name, tolerance in self.OUTPUTS:
            for options in ((), ("--fit", "cover"), ("--linear",), ("--no-smooth",)):
                path = self.scale(composed_gif(), "-s", "32", "--format", name, *options,
                                  name="in.gif", target="out." + name)
                self.check_frames(path, COMPOSED, tolerance, (name, options))
                self.assertEqual(self.frames(path)[1], [100, 200, 300, 400], name)

    def test_when_nothing_is_scaled(self):
        path = self.scale(composed_gif(), "-s", "400", "--format", "webp", name="in.gif",
                          target="out.webp")
        self.check_frames(path, COMPOSED, 24)
        path = self.scale(composed_gif(), "-s", "400", name="in.gif", target="out.gif")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), composed_gif())

    def test_the_loop_of_a_gif(self):
        for loop in (0, 1, 3, None):
            path = self.scale(plain_gif(loop), "-s", "32", name="in.gif", target="out.gif")
            self.assertEqual(gif_loop(path), loop)

    def test_the_loop_of_a_webp(self):
        """NETSCAPE2.0 counts what follows the first time, WebP all times."""
        for loop, times in ((0, 0), (1, 2), (3, 4), (None, 1)):
            path = self.scale(plain_gif(loop), "-s", "32", "--format", "webp", name="in.gif",
                              target="out.webp")
            self.assertEqual(webp_loop(path), times, loop)

    def test_of_a_webp(self):
        animated = self.scale(composed_gif(), "-s", "400", "--format", "webp", "--lossless",
                              name="in.gif", target="out.webp")
        with open(animated, "rb") as file:
            data = file.read()
        for name, tolerance in self.OUTPUTS:
            path = self.scale(data, "-s", "32", "--format", name, "--strict", name="in.webp",
                              target="out." + name)
            self.check_frames(path, COMPOSED, tolerance, name)
            self.assertEqual(self.frames(path)[1], [100, 200, 300, 400], name)

    def test_a_lossless_webp_is_exact(self):
        path = self.scale(composed_gif(), "-s", "400", "--format", "webp", "--lossless",
                          name="in.gif", target="out.webp")
        self.check_frames(path, COMPOSED, 0)

    def test_every_frame_is_cropped_alike(self):
        wide = gif_of(SIDE, SIDE // 2, PALETTE, [
            gif_frame(0, 0, SIDE, SIDE // 2, halves(SIDE, pair[0], pair[1]), 10)
            for pair in ((R, G), (B, Y))], 0)
        for crop in ("centre", "attention", "entropy"):
            path = self.scale(wide, "-s", "16", "--fit", "cover", "--crop", crop, name="in.gif",
                              target="out.gif")
            self.check_frames(path, [(RED, GREEN) * 2, (BLUE, YELLOW) * 2], 16, crop)
            self.assertEqual(Pixels(path, "[n=-1]").size, "16x32")

    def test_short_delays_stay_short(self):
        path = self.scale(plain_gif(delays=(2, 3, 4)), "-s", "32", name="in.gif",
                          target="out.gif")
        self.assertEqual(self.frames(path)[1], [20, 30, 40])

    def test_one_frame_is_no_animation(self):
        data = gif_of(SIDE, SIDE, PALETTE, [gif_frame(0, 0, SIDE, SIDE, flat(1))])
        for name, target in (("same", "out.gif"), ("jpeg", "out.jpg"), ("png", "out.png")):
            pixels = self.pixels(data, "-s", "32", "--format", name, "--strict", name="in.gif",
                                 target=target)
            self.near(pixels.at(9, 9)[:3], GREEN, 12)


class FirstFrame(AnimationCase):
    def test_it_is_said_where_the_output_is_still(self):
        for name, ending in (("jpeg", "jpg"), ("png", "png"), ("tiff", "tif"), ("avif", "avif")):
            path = self.scale(plain_gif(), "-s", "32", "--format", name, name="in.gif",
                              target="out." + ending, notes=("frames",))
            self.near(Pixels(path).at(9, 9)[:3], RED, 16, name)
            self.assertEqual(Pixels(path).size, "32x32")

    def test_it_is_not_said_when_it_was_asked_for(self):
        for name, ending in (("jpeg", "jpg"), ("webp", "webp"), ("gif", "gif"), ("png", "png")):
            for size in ("32", "400"):
                path = self.scale(plain_gif(), "-s", size, "--format", name, "--first-frame",
                                  "--strict", name="in.gif", target="out." + ending)
                pixels = Pixels(path, "[n=-1]" if name in ("webp", "gif") else "")
                self.assertEqual(pixels.width, pixels.height, name)
                self.near(pixels.at(9, 9)[:3], RED, 24, name)

    def test_strict_refuses(self):
        self.scale(plain_gif(), "-s", "32", "--format", "jpeg", "--strict", name="in.gif",
                   target="out.jpg", status=1)
        self.assertIn("frames", self.said)

    def test_of_a_webp(self):
        with open(self.scale(plain_gif(), "--format", "webp", name="in.gif", target="out.webp"),
                  "rb") as file:
            data = file.read()
        self.scale(data, "-s", "32", "--format", "jpeg", name="in.webp", target="out.jpg",
                   notes=("frames",))
        path = self.scale(data, "-s", "32", "--first-frame", name="in.webp", target="out.webp")
        self.check_frames(path, [[RED] * 4], 24)

    def test_of_an_animated_png(self):
        control = struct.pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 10, 0, 0)
        chunks = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", control)
        data = png_of(flat(*GREEN), SIDE, SIDE, chunks=chunks)
        for target, name in (("out.png", "png"), ("out.jpg", "jpeg")):
            pixels = self.pixels(data, "-s", "32", "--format", name, target=target,
                                 notes=("frames",))
            self.check_flat(pixels, GREEN, 4)
        self.scale(data, "-s", "32", "--strict", status=1)
        self.scale(data, "-s", "32", "--strict", "--first-frame")

    def test_of_a_film_in_an_avif(self):
        try:
            data = self.encode(png_of(flat(*GREEN), SIDE, SIDE), ".avif")
        except subprocess.CalledProcessError:
            self.skipTest("libvips does not write .avif here")
        data += struct.pack(">I4s8s", 16, b"moov", b"")
        for target, name in (("out.png", "png"), ("out.avif", "avif"), ("out.gif", "gif")):
            pixels = self.pixels(data, "-s", "32", "--format", name, name="in.avif", target=target,
                                 notes=("frames",))
            self.near(pixels.at(9, 9)[:3], GREEN, 16, name)
        self.scale(data, "-s", "32", "--strict", name="in.avif", target="out.avif", status=1)
        self.scale(data, "-s", "32", "--strict", "--first-frame", name="in.avif",
                   target="out.avif")

    def test_of_an_animated_jxl_there_is_none(self):
        for data in map(base64.b64decode, ANIMATED_JXL):
            for options in (("-s", "32"), ("-s", "400", "--first-frame")):
                self.scale(data, *options, name="in.jxl", target="out.jxl", status=1)
                self.assertIn("animated jxl pictures are not read", self.said)
            with open(self.scale(data, "-s", "64", "--metadata", "all", name="in.jxl",
                                 target="out.jxl"), "rb") as file:
                self.assertEqual(file.read(), data)


class Pages(PixelCase):
    def tiff(self, count=3):
        pages = [b"".join(samples(quadrants(SIDE, SIDE, [colour] * 4), SIDE, SIDE))
                 for colour in (GREEN, RED, BLUE)[:count]]
        return tiff_of(pages, SIDE, SIDE)

    def test_the_first_of_a_tiff_is_taken_and_that_is_said_once(self):
        for name, ending in (("jpeg", "jpg"), ("tiff", "tif"), ("webp", "webp"), ("gif", "gif")):
            pixels = self.pixels(self.tiff(), "-s", "32", "--format", name, name="in.tif",
                                 target="out." + ending, notes=("pages",))
            self.assertEqual(pixels.size, "32x32", name)
            self.near(pixels.at(9, 9)[:3], GREEN, 16, name)
            self.assertEqual(self.said.count("first page"), 1)

    def test_strict_refuses(self):
        self.scale(self.tiff(), "-s", "32", "--strict", name="in.tif", target="out.tif", status=1)
        self.assertIn("pages", self.said)

    def test_one_page_is_nothing_to_speak_of(self):
        pixels = self.pixels(self.tiff(1), "-s", "32", "--strict", name="in.tif", target="out.tif")
        self.check_flat(pixels, GREEN, 1)

    def test_the_sizes_in_a_jp2_are_no_pages(self):
        try:
            data = self.encode(png_of(flat(*GREEN), 512, 512), ".jp2[lossless]")
        except subprocess.CalledProcessError:
            self.skipTest("libvips does not write .jp2 here")
        pixels = self.pixels(data, "-s", "32", "--strict", name="in.jp2", target="out.jp2")
        self.check_flat(pixels, GREEN, 16)

    def test_the_first_of_a_pdf(self):
        data = pdf_of(["1 0 0", "0 0 1"])
        pixels = self.pixels(data, "-s", "50", "--format", "png", "--allow", "pdf", name="in.pdf",
                             notes=("pages",))
        self.assertEqual(pixels.size, "50x25")
        self.near(pixels.at(20, 12)[:3], (255, 0, 0), 2)
        self.scale(data, "-s", "50", "--format", "png", "--allow", "pdf", "--strict",
                   name="in.pdf", status=1)
        self.scale(pdf_of(["1 0 0"]), "-s", "50", "--format", "png", "--allow", "pdf", "--strict",
                   name="in.pdf")


if __name__ == "__main__":
    unittest.main()
