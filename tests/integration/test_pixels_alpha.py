# SPDX-License-Identifier: MIT
"""Transparency is kept where the output can, else it becomes the background, and that is said."""
import unittest

from made_pictures import (BLUE, GREEN, RED, YELLOW, flat, gif_frame, gif_of, halves, png_chunk,
                           png_of, quadrants)
from pixels import PixelCase
from support import sciame, write

WHITE = (255, 255, 255)
OPAQUE, HALF, CLEAR = 255, 128, 0
# opaque red, half-transparent red, nothing at all over green, opaque yellow
MIXED = (RED + (OPAQUE,), RED + (HALF,), GREEN + (CLEAR,), YELLOW + (OPAQUE,))


def over(colour, alpha, background):
    return tuple((c * alpha + b * (255 - alpha)) / 255 for c, b in zip(colour, background))


def disc(width, height, inside, outside):
    def pixel(x, y):
        across, down = 2 * x + 1 - width, 2 * y + 1 - height
        return inside if across * across + down * down < width * height // 2 else outside
    return pixel


def mixed(depth=8):
    scale = 257 if depth == 16 else 1
    colours = [tuple(c * scale for c in colour) for colour in MIXED]
    return png_of(quadrants(128, 64, colours), 128, 64, depth)


class Kept(PixelCase):
    def check_mixed(self, pixels, tolerance, what=""):
        self.assertEqual(pixels.bands, 4, what)
        for place, colour in (((8, 4), MIXED[0]), ((24, 4), MIXED[1]), ((24, 12), MIXED[3])):
            self.near(pixels.at(*place), colour, tolerance, what)
        self.assertLessEqual(pixels.at(8, 12)[3], 1, what)

    def test_by_every_format_that_has_it(self):
        for name, ending, tolerance in (("png", "png", 1), ("tiff", "tif", 1), ("webp", "webp", 24),
                                        ("avif", "avif", 24), ("jxl", "jxl", 24)):
            with self.subTest(name):
                pixels = self.pixels(mixed(), "-s", "32", "--format", name, "--strict",
                                     target="out." + ending)
                self.check_mixed(pixels, tolerance, name)

    def test_lossless(self):
        for name in ("webp", "jxl"):
            pixels = self.pixels(mixed(), "-s", "32", "--format", name, "--lossless",
                                 target="out." + name)
            self.check_mixed(pixels, 1, name)

    def test_when_sampled_and_in_linear_light(self):
        self.check_mixed(self.pixels(mixed(), "-s", "32", "--no-smooth"), 0)
        self.check_mixed(self.pixels(mixed(), "-s", "32", "--linear"), 2)

    def test_of_webp_and_tiff(self):
        for ending in (".webp[lossless]", ".tif"):
            suffix = ending.partition("[")[0]
            data = self.encode(mixed(), ending)
            pixels = self.pixels(data, "-s", "32", "--format", "png", name="in" + suffix)
            self.check_mixed(pixels, 2, ending)

    def test_of_a_palette(self):
        palette = [RED, GREEN, BLUE, YELLOW]
        data = png_of(quadrants(64, 64, ((0,), (1,), (2,), (3,))), 64, 64, palette=palette,
                      chunks=png_chunk(b"tRNS", bytes([255, 0])))
        pixels = self.pixels(data, "-s", "16")
        self.assertEqual(pixels.bands, 4)
        self.near(pixels.at(4, 4), RED + (255,), 2)
        self.assertLessEqual(pixels.at(12, 4)[3], 2)
        self.near(pixels.at(12, 12), YELLOW + (255,), 2)

    def test_of_one_colour_that_is_named(self):
        named = png_chunk(b"tRNS", bytes(b for c in GREEN for b in (0, c)))
        data = png_of(quadrants(64, 64), 64, 64, chunks=named)
        pixels = self.pixels(data, "-s", "16")
        self.near(pixels.at(4, 4), RED + (255,), 2)
        self.assertLessEqual(pixels.at(12, 4)[3], 2)

    def test_of_grey(self):
        pixels = self.pixels(png_of(halves(64, (90, 255), (200, 0)), 64, 64), "-s", "16")
        self.assertEqual(pixels.bands, 2)
        self.near(pixels.at(3, 3), (90, 255), 1)
        self.assertLessEqual(pixels.at(12, 3)[1], 1)

    def test_of_a_gif(self):
        frame = gif_frame(0, 0, 64, 64, quadrants(64, 64, ((0,), (1,), (2,), (3,))), clear=1)
        data = gif_of(64, 64, [RED, GREEN, BLUE, YELLOW], [frame])
        for name, target in (("same", "out.gif"), ("png", "out.png")):
            pixels = self.pixels(data, "-s", "16", "--format", name, name="in.gif", target=target)
            self.assertEqual(pixels.bands, 4)
            self.near(pixels.at(4, 4), RED + (255,), 12)
            self.assertEqual(pixels.at(12, 4)[3], 0)
            self.near(pixels.at(12, 12), YELLOW + (255,), 12)


class Flattened(PixelCase):
    def check_mixed(self, pixels, background, tolerance, what=""):
        self.assertEqual(pixels.bands, 3, what)
        wanted = [over(colour[:3], colour[3], background) for colour in MIXED]
        self.check_quadrants(pixels, wanted, tolerance, what)

    def test_onto_white(self):
        pixels = self.pixels(mixed(), "-s", "32", "--format", "jpeg", "--quality", "95",
                             target="out.jpg", notes=("flattened",))
        self.check_mixed(pixels, WHITE, 5)

    def test_onto_the_background(self):
        for word, colour in (("black", (0, 0, 0)), ("3060C0", (0x30, 0x60, 0xC0)),
                             ("#3060C0", (0x30, 0x60, 0xC0)), ("white", WHITE)):
            pixels = self.pixels(mixed(), "-s", "32", "--format", "jpeg", "--quality", "95",
                                 "--background", word, target="out.jpg", notes=("flattened",))
            self.check_mixed(pixels, colour, 6, word)

    def test_when_nothing_is_scaled_and_when_sampled(self):
        for options in (("-s", "400"), ("-s", "32", "--no-smooth"), ("-s", "32", "--linear")):
            pixels = self.pixels(mixed(), *options, "--format", "jpeg", "--quality", "95",
                                 target="out.jpg", notes=("flattened",))
            self.check_mixed(pixels, WHITE, 6, options)

    def test_of_16_bits(self):
        pixels = self.pixels(mixed(16), "-s", "32", "--format", "jpeg", "--quality", "95",
                             "--background", "3060C0", target="out.jpg", notes=("flattened",))
        self.check_mixed(pixels, (0x30, 0x60, 0xC0), 6)

    def test_of_other_formats(self):
        frame = gif_frame(0, 0, 64, 64, quadrants(64, 64, ((0,), (1,), (2,), (3,))), clear=1)
        gif = gif_of(64, 64, [RED, GREEN, BLUE, YELLOW], [frame])
        pixels = self.pixels(gif, "-s", "16", "--format", "jpeg", "--quality", "95",
                             name="in.gif", target="out.jpg", notes=("flattened",))
        self.check_quadrants(pixels, (RED, WHITE, BLUE, YELLOW), 16, "gif")
        webp = self.encode(mixed(), ".webp[lossless]")
        pixels = self.pixels(webp, "-s", "32", "--format", "jpeg", "--quality", "95",
                             name="in.webp", target="out.jpg", notes=("flattened",))
        self.check_mixed(pixels, WHITE, 6, "webp")

    def test_grey_onto_a_colour(self):
        data = png_of(halves(64, (90, 255), (200, 0)), 64, 64)
        pixels = self.pixels(data, "-s", "16", "--format", "jpeg", "--quality", "95",
                             "--background", "C02020", target="out.jpg", notes=("flattened",))
        self.assertEqual(pixels.bands, 3)
        self.near(pixels.at(3, 8), (90, 90, 90), 6)
        self.near(pixels.at(12, 8), (0xC0, 0x20, 0x20), 6)

    def test_grey_onto_white_stays_grey(self):
        data = png_of(halves(64, (90, 255), (200, 0)), 64, 64)
        pixels = self.pixels(data, "-s", "16", "--format", "jpeg", "--quality", "95",
                             target="out.jpg", notes=("flattened",))
        self.assertEqual(pixels.bands, 1)
        self.near(pixels.at(3, 8), (90,), 4)
        self.near(pixels.at(12, 8), (255,), 4)

    def test_strict_refuses(self):
        self.scale(mixed(), "-s", "32", "--format", "jpeg", "--strict", target="out.jpg", status=1)
        self.assertIn("transparency", self.said)

    def test_an_opaque_picture_loses_nothing(self):
        data = png_of(quadrants(64, 64, [colour[:3] + (255,) for colour in MIXED]), 64, 64)
        pixels = self.pixels(data, "-s", "16", "--format", "jpeg", "--quality", "95", "--strict",
                             target="out.jpg")
        self.check_quadrants(pixels, [colour[:3] for colour in MIXED], 8)

    def test_a_background_that_is_no_colour_is_refused(self):
        write(self.path("in.png"), mixed())
        for word in ("pink", "12345", "1234567", "#12345G", ""):
            result = sciame("scale", "--background", word, self.path("in.png"),
                            self.path("out.jpg"))
            self.check(result, 2)
            self.assertIn("--background takes a colour", result[2])


class Fringes(PixelCase):
    """What is transparent has a colour, too, often black: it must not shine through."""

    def test_white_on_nothing_has_no_dark_edge(self):
        data = png_of(disc(128, 128, WHITE + (255,), (0, 0, 0, 0)), 128, 128)
        for options in ((), ("--linear",), ("--fit", "cover"), ("--no-smooth",)):
            pixels = self.pixels(data, "-s", "30", *options)
            some = 0
            for i in range(0, len(pixels.samples), 4):
                if pixels.samples[i + 3] > 16:
                    self.near(pixels.samples[i:i + 3], WHITE, 3, options)
                    some += 1
            self.assertGreater(some, 200)

    def test_white_onto_white_is_white(self):
        data = png_of(disc(128, 128, WHITE + (255,), (0, 0, 0, 0)), 128, 128)
        for options in ((), ("--linear",), ("--no-smooth",)):
            pixels = self.pixels(data, "-s", "30", "--format", "jpeg", *options, target="out.jpg",
                                 notes=("flattened",))
            self.check_flat(pixels, WHITE, 3, options)

    def test_16_bits(self):
        white = (65535,) * 4
        data = png_of(disc(64, 64, white, (0, 0, 0, 0)), 64, 64, depth=16)
        pixels = self.pixels(data, "-s", "30")
        self.assertEqual(pixels.kind, "ushort")
        for i in range(0, len(pixels.samples), 4):
            if pixels.samples[i + 3] > 16 * 257:
                self.near(pixels.samples[i:i + 3], white[:3], 3 * 257)

    def test_grey(self):
        data = png_of(disc(128, 128, (255, 255), (0, 0)), 128, 128)
        pixels = self.pixels(data, "-s", "30")
        self.assertEqual(pixels.bands, 2)
        for i in range(0, len(pixels.samples), 2):
            if pixels.samples[i + 1] > 16:
                self.near(pixels.samples[i:i + 1], (255,), 3)

    def test_a_webp_that_is_shrunk_while_it_is_decoded(self):
        data = self.encode(png_of(disc(256, 256, WHITE + (255,), (0, 0, 0, 0)), 256, 256),
                           ".webp[lossless]")
        pixels = self.pixels(data, "-s", "30", "--format", "jpeg", name="in.webp",
                             target="out.jpg", notes=("flattened",))
        self.check_flat(pixels, WHITE, 4)


class Copies(PixelCase):
    def test_a_small_transparent_png_is_the_same_file(self):
        path = self.scale(mixed(), "-s", "400")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), mixed())

    def test_a_flat_picture_keeps_its_opacity(self):
        pixels = self.pixels(png_of(flat(10, 200, 30, 77), 64, 64), "-s", "16")
        self.check_flat(pixels, (10, 200, 30, 77), 1)


if __name__ == "__main__":
    unittest.main()
