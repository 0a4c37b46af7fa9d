# SPDX-License-Identifier: MIT
"""Geometry: what of a picture is where in its output, and how well it is resampled."""
import math
import unittest

from made_pictures import (BLUE, GREEN, RED, YELLOW, flat, halves, mirrored, png_of, quadrants)
from pixels import PixelCase

COLOURS = (RED, GREEN, BLUE, YELLOW)
BANDS = (RED, GREEN, BLUE)
EXACT_JPEG = ".jpg[Q=100,subsample_mode=off]"


def three(width, height):
    """Three bands beside each other."""
    return png_of(lambda x, y: BANDS[3 * x // width], width, height)


def rings(width, height):
    """A test chart: waves that become shorter outwards, other ones in each sample."""
    def pixel(x, y):
        square = (x - 37) ** 2 + (y - 23) ** 2
        return tuple(int(127.5 + 120 * math.cos(square / reach)) for reach in (900, 700, 500))
    return pixel


class Fit(PixelCase):
    def test_inside(self):
        pixels = self.pixels(three(180, 60), "-s", "30x20")
        self.assertEqual(pixels.size, "30x10")
        for i, colour in enumerate(BANDS):
            self.near(pixels.at(5 + 10 * i, 5), colour, 2)

    def test_cover_keeps_the_middle(self):
        pixels = self.pixels(three(180, 60), "-s", "20", "--fit", "cover")
        self.assertEqual(pixels.size, "20x20")
        for x in range(2, 18):
            self.near(pixels.at(x, 10), GREEN, 3)
        high = png_of(lambda x, y: BANDS[y // 60], 60, 180)
        pixels = self.pixels(high, "-s", "20", "--fit", "cover", "--crop", "centre")
        self.assertEqual(pixels.size, "20x20")
        for y in range(2, 18):
            self.near(pixels.at(10, y), GREEN, 3)

    def test_cover_of_a_box_that_is_no_square(self):
        pixels = self.pixels(three(180, 60), "-s", "40x20", "--fit", "cover")
        self.assertEqual(pixels.size, "40x20")
        for place, colour in (((3, 9), RED), ((20, 9), GREEN), ((36, 9), BLUE)):
            self.near(pixels.at(*place), colour, 3)
        pixels = self.pixels(three(180, 60), "-s", "20x40", "--fit", "cover")
        self.assertEqual(pixels.size, "20x40")
        self.check_flat(pixels, GREEN, 3)

    def test_fill_distorts(self):
        for box, width, height in (("21x33", 21, 33), ("30", 30, 30), ("90x6", 90, 6)):
            pixels = self.pixels(three(180, 60), "-s", box, "--fit", "fill")
            self.assertEqual((pixels.width, pixels.height), (width, height))
            for i, colour in enumerate(BANDS):
                self.near(pixels.at(width * (1 + 2 * i) // 6, height // 2), colour, 3)

    def test_width_and_height_look_at_one_side_only(self):
        for data, options, size in (
                (three(180, 60), ("-s", "30x2", "--fit", "width"), "30x10"),
                (three(60, 180), ("-s", "30", "--fit", "width"), "30x90"),
                (three(180, 60), ("-s", "20", "--fit", "height"), "60x20"),
                (three(60, 180), ("-s", "2x30", "--fit", "height"), "10x30")):
            pixels = self.pixels(data, *options)
            self.assertEqual(pixels.size, size)
            for i, colour in enumerate(BANDS):
                self.near(pixels.at(pixels.width * (1 + 2 * i) // 6, 1), colour, 10, options)

    def test_each_of_a_jpeg(self):
        jpeg = self.encode(three(720, 240), EXACT_JPEG)
        for options, size in ((("-s", "60x40"), "60x20"), (("--fit", "fill", "-s", "60"), "60x60"),
                              (("--fit", "width", "-s", "60x2"), "60x20"),
                              (("--fit", "height", "-s", "2x20"), "60x20")):
            pixels = self.pixels(jpeg, *options, "--format", "png", name="in.jpg")
            self.assertEqual(pixels.size, size)
            for i, colour in enumerate(BANDS):
                self.near(pixels.at(10 + 20 * i, 10), colour, 4, options)
        pixels = self.pixels(jpeg, "--fit", "cover", "-s", "40", "--format", "png", name="in.jpg")
        self.assertEqual(pixels.size, "40x40")
        self.near(pixels.at(3, 20), GREEN, 4)
        self.near(pixels.at(36, 20), GREEN, 4)

    def test_nothing_is_enlarged_unless_asked(self):
        data = png_of(quadrants(40, 20), 40, 20)
        for options, size in (((), "40x20"), (("--fit", "width"), "40x20"),
                              (("--fit", "height"), "40x20"), (("--fit", "fill"), "40x20"),
                              (("--fit", "cover"), "40x20")):
            self.assertEqual(self.pixels(data, "-s", "80x60", *options).size, size, options)

    def test_enlarged(self):
        data = png_of(quadrants(40, 20), 40, 20)
        for options, size in (((), "80x40"), (("--fit", "width"), "80x40"),
                              (("--fit", "height"), "120x60"), (("--fit", "fill"), "80x60"),
                              (("--fit", "cover"), "80x60")):
            pixels = self.pixels(data, "-s", "80x60", "--enlarge", *options)
            self.assertEqual(pixels.size, size, options)
            self.check_quadrants(pixels, COLOURS, 12, options)

    def test_enlarging_leaves_what_is_large_enough(self):
        pixels = self.pixels(png_of(quadrants(160, 80), 160, 80), "-s", "40", "--enlarge")
        self.assertEqual(pixels.size, "40x20")
        self.check_quadrants(pixels, COLOURS, 2)

    def test_a_side_never_vanishes(self):
        self.assertEqual(self.pixels(png_of(flat(9, 9, 9), 600, 2), "-s", "20").size, "20x1")
        self.assertEqual(self.pixels(png_of(flat(9, 9, 9), 2, 600), "-s", "20").size, "1x20")


def deepened(pixel, bands):
    """The same in 16 bits; a fourth band is opaque."""
    return lambda x, y: tuple(257 * sample for sample in (*pixel(x, y), 255))[:bands]


class Crop(PixelCase):
    @staticmethod
    def pixel(x, y):
        """Grey, with something bright and detailed at the right end."""
        if 260 <= x < 300 and 10 <= y < 50:
            return (230, 40, 30) if (x // 4 + y // 4) % 2 else (250, 220, 40)
        return (110, 112, 110)

    def scene(self):
        return png_of(self.pixel, 320, 60)

    def test_attention_and_entropy_follow_the_picture(self):
        for crop in ("attention", "entropy"):
            pixels = self.pixels(self.scene(), "-s", "60", "--fit", "cover", "--crop", crop)
            self.assertEqual(pixels.size, "60x60")
            colourful = sum(1 for x in range(60) for y in range(60)
                            if max(pixels.at(x, y)) - min(pixels.at(x, y)) > 60)
            self.assertGreater(colourful, 800, crop)

    def test_they_follow_a_picture_of_16_bits(self):
        for bands, options in ((3, ()), (3, ("--linear",)), (4, ())):
            data = png_of(deepened(self.pixel, bands), 320, 60, depth=16)
            for crop in ("attention", "entropy"):
                pixels = self.pixels(data, "-s", "60", "--fit", "cover", "--crop", crop, *options)
                self.assertEqual((pixels.size, pixels.kind), ("60x60", "ushort"))
                colourful = sum(1 for x in range(60) for y in range(60)
                                if max(pixels.at(x, y)[:3]) - min(pixels.at(x, y)[:3]) > 60 * 257)
                self.assertGreater(colourful, 800, (crop, bands, options))

    def test_the_centre_does_not(self):
        pixels = self.pixels(self.scene(), "-s", "60", "--fit", "cover", "--crop", "centre")
        self.check_flat(pixels, (110, 112, 110), 1)

    def test_attention_of_a_jpeg(self):
        jpeg = self.encode(self.scene(), EXACT_JPEG)
        pixels = self.pixels(jpeg, "-s", "30", "--fit", "cover", "--crop", "attention", "--format",
                             "png", name="in.jpg")
        self.assertEqual(pixels.size, "30x30")
        colourful = sum(1 for x in range(30) for y in range(30)
                        if max(pixels.at(x, y)) - min(pixels.at(x, y)) > 60)
        self.assertGreater(colourful, 200)


class Resampling(PixelCase):
    """No shift, no fringe, no loss of light: for the fast ways as for the general one."""

    SOURCES = (("in.png", None), ("in.jpg", EXACT_JPEG), ("in.webp", ".webp[lossless]"),
               ("in.tif", ".tif"))

    def each(self, data, *options):
        for name, ending in self.SOURCES:
            source = self.encode(data, ending) if ending else data
            yield name, self.pixels(source, *options, "--format", "png", name=name)

    def test_an_edge_stays_where_it_was(self):
        data = png_of(halves(640, (20, 20, 20), (240, 240, 240)), 640, 64)
        for name, pixels in self.each(data, "-s", "80"):
            self.assertEqual(pixels.size, "80x8")
            self.near(pixels.at(37, 4), (20,) * 3, 12, name)
            self.near(pixels.at(42, 4), (240,) * 3, 12, name)
            dark, light = pixels.at(39, 4)[0], pixels.at(40, 4)[0]
            self.assertLess(dark, 60, name)
            self.assertGreater(light, 200, name)
            self.assertLess(abs((dark - 20) - (240 - light)), 14, name)  # as far on either side

    def test_an_edge_in_the_middle_of_a_pixel(self):
        data = png_of(halves(600, (20, 20, 20), (240, 240, 240)), 600, 60)
        for name, pixels in self.each(data, "-s", "75"):  # 75 is odd: half of its 38th pixel
            self.near(pixels.at(37, 3), (130,) * 3, 14, name)

    def test_mirrors_are_mirrored(self):
        width, height = 220, 130
        chart = rings(width, height)
        left = dict(self.each(png_of(chart, width, height), "-s", "55"))
        right = dict(self.each(png_of(mirrored(chart, width), width, height), "-s", "55"))
        for name, pixels in left.items():
            self.assertEqual(pixels.size, right[name].size)
            for y in range(pixels.height):
                for x in range(pixels.width):
                    self.near(pixels.at(x, y), right[name].at(pixels.width - 1 - x, y), 6, name)

    def test_the_mean_stays(self):
        width, height = 240, 160
        chart = rings(width, height)
        whole = [[chart(x, y)[band] for x in range(width) for y in range(height)]
                 for band in range(3)]
        means = [sum(values) / len(values) for values in whole]
        for name, pixels in self.each(png_of(chart, width, height), "-s", "60"):
            for band in range(3):
                values = pixels.samples[band::3]
                self.assertLess(abs(sum(values) / len(values) - means[band]), 1.5, name)

    def test_the_ways_agree(self):
        pictures = dict(self.each(png_of(rings(240, 160), 240, 160), "-s", "60"))
        for name, pixels in pictures.items():
            pairs = zip(pixels.samples, pictures["in.tif"].samples)
            error = sum((a - b) ** 2 for a, b in pairs) / len(pixels.samples)
            # 33 dB; libwebp's own shrinking is not as good, in vips_thumbnail neither
            self.assertLess(error, 60 if name == "in.webp" else 30, name)

    def test_flat_colours_are_flat_to_the_border(self):
        for name, pixels in self.each(png_of(flat(200, 40, 90), 333, 217), "-s", "50"):
            self.check_flat(pixels, (200, 40, 90), 2, name)

    def test_sampling_takes_pixels_of_the_source(self):
        data = png_of(quadrants(640, 640), 640, 640)
        for name, pixels in self.each(data, "-s", "80", "--no-smooth"):
            for i in range(0, len(pixels.samples), 3):
                nearest = min(max(abs(a - b) for a, b in zip(pixels.samples[i:i + 3], colour))
                              for colour in COLOURS)
                self.assertLessEqual(nearest, 8, name)
            self.check_quadrants(pixels, COLOURS, 6, name)


if __name__ == "__main__":
    unittest.main()
