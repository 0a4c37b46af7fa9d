# SPDX-License-Identifier: MIT
"""Samples of 16, 8, 4, 2 and 1 bits, palettes and grey: as many as the source has, all correct."""
import os
import struct
import subprocess
import unittest

from made_pictures import (BLUE, GREEN, RED, YELLOW, checkerboard, flat, halves, packed, png_chunk,
                           png_of, quadrants, samples, tiff_of)
from pixels import PixelCase, Pixels, vips
from support import write

COLOURS = (RED, GREEN, BLUE, YELLOW)
# neighbours that are the same in 8 bits
DEEP = ((0x8000, 0x1234, 0xFEDC), (0x8040, 0x1270, 0xFEA0), (0, 0x7FFF, 65535), (400, 40000, 9))
EIGHT = tuple(tuple(sample * 255 // 65535 for sample in colour) for colour in DEEP)


def header_of(path):
    """Depth and colour type of a PNG."""
    with open(path, "rb") as file:
        return struct.unpack(">BB", file.read(26)[24:])


class Deep(PixelCase):
    def deep_png(self, colours=DEEP, size=128):
        return png_of(quadrants(size, size, colours), size, size, depth=16)

    def deep_tiff(self, size=128):
        rows = b"".join(struct.pack("<%dH" % (3 * size), *struct.unpack(">%dH" % (3 * size), row))
                        for row in samples(quadrants(size, size, DEEP), size, size, 16))
        return tiff_of([rows], size, size, depth=16)

    def check_deep(self, pixels, tolerance=40, what=""):
        self.assertEqual((pixels.kind, pixels.bands), ("ushort", 3), what)
        self.check_quadrants(pixels, DEEP, tolerance, what)

    def test_16_bits_stay_in_png(self):
        self.check_deep(self.pixels(self.deep_png(), "-s", "32"))

    def test_16_bits_stay_in_tiff(self):
        self.check_deep(self.pixels(self.deep_tiff(), "-s", "32", name="in.tif", target="out.tif"))

    def test_16_bits_stay_between_png_and_tiff(self):
        for size in ("32", "400"):
            self.check_deep(self.pixels(self.deep_png(), "-s", size, "--format", "tiff",
                                        target="out.tif"), what=size)
            self.check_deep(self.pixels(self.deep_tiff(), "-s", size, "--format", "png",
                                        name="in.tif"), what=size)

    def test_16_bits_stay_with_each_fit(self):
        for options in (("--fit", "cover"), ("--fit", "fill"), ("--fit", "width"),
                        ("--fit", "height"), ("--no-smooth",), ("--keep-profile",)):
            pixels = self.pixels(self.deep_png(), "-s", "32", *options)
            self.assertEqual(pixels.size, "32x32")
            self.check_deep(pixels, 40, options)

    def test_16_bits_stay_in_linear_light(self):
        self.check_deep(self.pixels(self.deep_png(), "-s", "32", "--linear"), 40)

    def test_16_bits_stay_when_enlarged(self):
        data = self.deep_png(size=16)
        pixels = self.pixels(data, "-s", "64", "--enlarge")
        self.assertEqual(pixels.size, "64x64")
        self.check_deep(pixels, 200)

    def check_depth_8(self, size):
        for name, target in (("png", "out.png"), ("tiff", "out.tif")):
            pixels = self.pixels(self.deep_png(), "-s", size, "--depth", "8", "--format", name,
                                 target=target)
            self.assertEqual((pixels.kind, pixels.bands), ("uchar", 3), size)
            self.check_quadrants(pixels, EIGHT, 1, size)

    def test_depth_8_reduces(self):
        self.check_depth_8("32")

    def test_depth_8_reduces_what_is_small_enough(self):
        self.check_depth_8("400")

    def test_depth_8_changes_nothing_else(self):
        data = png_of(quadrants(128, 128), 128, 128)
        with open(self.scale(data, "-s", "32", "--depth", "8"), "rb") as one:
            with open(self.scale(data, "-s", "32"), "rb") as other:
                self.assertEqual(one.read(), other.read())

    def test_formats_of_8_bits_get_the_right_ones(self):
        for name, ending, tolerance in (("jpeg", "jpg", 4), ("webp", "webp", 8), ("gif", "gif", 8)):
            with self.subTest(name):
                pixels = self.pixels(self.deep_png(), "-s", "32", "--format", name,
                                     *(("--quality", "95") if name != "gif" else ()),
                                     target="out." + ending)
                self.assertEqual(pixels.kind, "uchar")
                for i, place in enumerate(((8, 8), (24, 8), (8, 24), (24, 24))):
                    self.near(pixels.at(*place)[:3], EIGHT[i], tolerance + 2, name)

    def test_avif_and_jxl_get_the_right_ones(self):
        for name in ("avif", "jxl"):
            with self.subTest(name):
                path = self.scale(self.deep_png(), "-s", "32", "--format", name, "--quality", "95",
                                  target="out." + name)
                pixels = Pixels(path)
                full = 255 if pixels.kind == "uchar" else 65535
                wanted = [[sample * full // 65535 for sample in colour] for colour in DEEP]
                self.check_quadrants(pixels, wanted, full * 8 // 255, name)

    def test_grey_of_16_bits_stays(self):
        data = png_of(halves(64, (0x1234,), (0xABCD,)), 64, 64, depth=16)
        for options in ((), ("--linear",)):
            path = self.scale(data, "-s", "16", *options)
            self.assertEqual(header_of(path), (16, 0))
            self.near(Pixels(path).at(2, 8), (0x1234,), 40, options)
            self.near(Pixels(path).at(13, 8), (0xABCD,), 40, options)
        pixels = self.pixels(data, "-s", "16", "--format", "jpeg", target="out.jpg")
        self.assertEqual(pixels.bands, 1)
        self.near(pixels.at(2, 8), (0x12,), 4)

    def test_opacity_of_16_bits_stays(self):
        colours = tuple(colour + (alpha,) for colour, alpha in
                        zip(DEEP, (65535, 0x8000, 0x4321, 65535)))
        pixels = self.pixels(self.deep_png(colours), "-s", "32")
        self.assertEqual((pixels.kind, pixels.bands), ("ushort", 4))
        self.check_quadrants(pixels, colours, 60)

    def test_deep_floats_are_not_garbage(self):
        rows = b"".join(struct.pack("<%df" % (3 * 64), *[0.5] * 192) for _ in range(64))
        data = tiff_of([rows], 64, 64, depth=32, more=[(339, 3, 3)])
        pixels = self.pixels(data, "-s", "16", "--format", "png", name="in.tif")
        self.assertEqual(pixels.kind, "uchar")


class Light(PixelCase):
    """Floats, of which 1 is white: what is brighter stays so where the format has it."""

    def pfm(self, value, bands=3):
        return (b"PF\n64 64\n-1.0\n" if bands == 3 else b"Pf\n64 64\n-1.0\n") + struct.pack(
            "<%df" % (64 * 64 * bands), *[value] * (64 * 64 * bands))

    def hdr(self, value):
        write(self.path("light.pfm"), self.pfm(value))
        vips("copy", self.path("light.pfm"), self.path("light.v"), "--interpretation", "scrgb")
        vips("radsave", self.path("light.v"), self.path("light.hdr"))
        with open(self.path("light.hdr"), "rb") as file:
            return file.read()

    def check_light(self, path, value):
        vips("copy", path, self.path("seen.v"))
        done = subprocess.run(["vips", "getpoint", self.path("seen.v"), "7", "7"], check=True,
                              capture_output=True)
        for sample in done.stdout.split():
            self.assertAlmostEqual(float(sample), value, delta=value / 50)

    def test_it_stays_in_the_same_format(self):
        for options in (("-s", "16"), ("-s", "16x8", "--fit", "cover"), ("-s", "16", "--no-smooth"),
                        ("-s", "16", "--linear")):
            for value in (0.25, 5):
                path = self.scale(self.hdr(value), *options, name="in.hdr", target="out.hdr")
                self.check_light(path, value)
                path = self.scale(self.pfm(value), *options, name="in.pfm", target="out.pfm")
                self.check_light(path, value)

    def test_in_others_it_is_as_bright_as_it_looks(self):
        for data, name in ((self.pfm(0.5), "in.pfm"), (self.pfm(0.5, 1), "in.pfm"),
                           (self.hdr(0.5), "in.hdr")):
            pixels = self.pixels(data, "-s", "16", "--format", "png", name=name)
            self.check_flat(pixels, (188,) * 3, 3, name)


class Palettes(PixelCase):
    def test_a_palette_stays_small_and_correct(self):
        def block(x, y):  # blocks of 8 pixels in no order that a compressor could use
            return ((x // 8 * 7919 + y // 8 * 104729) % 1009 % 4,)

        data = png_of(block, 256, 256, palette=COLOURS)
        path = self.scale(data, "-s", "64")
        self.assertEqual(header_of(path)[1], 3)
        wide = self.scale(png_of(lambda x, y: COLOURS[block(x, y)[0]], 256, 256), "-s", "64")
        self.assertEqual(header_of(wide)[1], 2)
        self.assertLess(os.path.getsize(path), os.path.getsize(wide))
        one, other = Pixels(path), Pixels(wide)
        mean = sum(abs(a - b) for a, b in zip(one.samples, other.samples)) / len(one.samples)
        self.assertLess(mean, 4)

    def test_its_colours_are_exact(self):
        data = png_of(quadrants(256, 256, ((0,), (1,), (2,), (3,))), 256, 256, palette=COLOURS)
        self.check_quadrants(self.pixels(data, "-s", "64"), COLOURS, 1)

    def test_palettes_of_few_bits(self):
        for depth, count in ((1, 2), (2, 4), (4, 4)):
            indices = [(i % count,) for i in range(4)]
            data = png_of(quadrants(128, 128, indices), 128, 128, depth, palette=COLOURS[:count])
            for options in ((), ("--no-smooth",)):
                pixels = self.pixels(data, "-s", "32", *options)
                self.check_quadrants(pixels, [COLOURS[i % count] for i in range(4)], 2, depth)

    def test_edges_get_the_colours_in_between(self):
        data = png_of(checkerboard((0,), (1,)), 128, 128, 1, palette=((0, 0, 0), (255, 255, 255)))
        pixels = self.pixels(data, "-s", "32")
        self.near(pixels.at(16, 16)[:1], (128,), 3)

    def test_in_other_formats_it_is_colour(self):
        data = png_of(quadrants(128, 128, ((0,), (1,), (2,), (3,))), 128, 128, palette=COLOURS)
        for name, ending in (("jpeg", "jpg"), ("webp", "webp"), ("tiff", "tif")):
            pixels = self.pixels(data, "-s", "32", "--format", name, *(
                () if name == "tiff" else ("--quality", "95")), target="out." + ending)
            self.check_quadrants(pixels, COLOURS, 8, name)

    def test_of_a_tiff(self):
        rows = b"".join(samples(quadrants(64, 64, ((0,), (1,), (2,), (3,))), 64, 64))
        data = bytearray(tiff_of([rows], 64, 64, photometric=3, more=[(320, 3, 0)]))
        table = b"".join(struct.pack("<256H", *[colour[band] * 257 for colour in COLOURS],
                                     *[0] * 252) for band in range(3))
        at = data.index(struct.pack("<HH", 320, 3))
        struct.pack_into("<II", data, at + 4, 768, len(data))
        pixels = self.pixels(bytes(data) + table, "-s", "16", "--format", "png", name="in.tif")
        self.check_quadrants(pixels, COLOURS, 2)


class Grey(PixelCase):
    def test_it_stays_one_band(self):
        data = png_of(halves(128, (40,), (220,)), 128, 128)
        jpeg = self.encode(data, ".jpg[Q=100]")
        for source, name in ((data, "in.png"), (jpeg, "in.jpg")):
            for format_name, ending in (("png", "png"), ("jpeg", "jpg"), ("tiff", "tif")):
                pixels = self.pixels(source, "-s", "32", "--format", format_name, name=name,
                                     target="out." + ending)
                self.assertEqual((pixels.bands, pixels.kind), (1, "uchar"), (name, format_name))
                self.near(pixels.at(8, 16), (40,), 4, name)
                self.near(pixels.at(24, 16), (220,), 4, name)

    def test_in_formats_of_colours_it_is_grey(self):
        data = png_of(halves(128, (40,), (220,)), 128, 128)
        for name in ("webp", "avif", "gif"):
            pixels = self.pixels(data, "-s", "32", "--format", name, target="out." + name)
            for place, value in (((8, 16), 40), ((24, 16), 220)):
                for sample in pixels.at(*place)[:3 if pixels.bands > 2 else 1]:
                    self.near((sample,), (value,), 8, name)

    def test_of_1_2_and_4_bits(self):
        for depth in (1, 2, 4):
            most = (1 << depth) - 1
            data = png_of(halves(128, (0,), (most,)), 128, 128, depth)
            for options in ((), ("--no-smooth",), ("--linear",)):
                pixels = self.pixels(data, "-s", "32", *options)
                self.assertEqual((pixels.bands, pixels.kind), (1, "uchar"), depth)
                self.near(pixels.at(8, 16), (0,), 2, depth)
                self.near(pixels.at(24, 16), (255,), 2, depth)

    def test_a_checkerboard_of_1_bit_becomes_grey(self):
        pixels = self.pixels(png_of(checkerboard((0,), (1,)), 128, 128, 1), "-s", "32")
        self.near(pixels.at(16, 16), (128,), 3)

    def test_a_flat_4_bit_grey(self):
        pixels = self.pixels(png_of(flat(5), 128, 128, 4), "-s", "32")
        self.check_flat(pixels, (85,), 1)

    def test_a_tiff_of_1_bit_knows_what_white_is(self):
        rows = b"".join(packed(halves(128, (0,), (1,)), 128, 128, 1))
        for photometric, left, right in ((1, 0, 255), (0, 255, 0)):
            data = tiff_of([rows], 128, 128, photometric=photometric, depth=1)
            for size in ("32", "400"):
                pixels = self.pixels(data, "-s", size, "--format", "png", name="in.tif")
                self.near(pixels.at(pixels.width // 4, 8)[:1], (left,), 3, photometric)
                self.near(pixels.at(3 * pixels.width // 4, 8)[:1], (right,), 3, photometric)
            path = self.scale(data, "-s", "32", name="in.tif", target="out.tif")
            self.near(Pixels(path).at(8, 8)[:1], (left,), 3, photometric)

    def test_one_level_that_is_named_transparent(self):
        data = png_of(halves(128, (40,), (220,)), 128, 128,
                      chunks=png_chunk(b"tRNS", b"\0\xdc"))
        pixels = self.pixels(data, "-s", "32")
        self.assertEqual(pixels.at(8, 16)[-1], 255)
        self.assertEqual(pixels.at(24, 16)[-1], 0)

    def test_interlaced_is_the_same(self):
        data = png_of(quadrants(128, 128), 128, 128)
        plain = self.pixels(data, "-s", "32")
        woven = self.pixels(self.encode(data, ".png[interlace]"), "-s", "32")
        self.check_quadrants(woven, COLOURS, 1)
        self.check_alike(plain, woven, 8)  # two resamplers, that differ at the edges


if __name__ == "__main__":
    unittest.main()
