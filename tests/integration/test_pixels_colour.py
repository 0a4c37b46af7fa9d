# SPDX-License-Identifier: MIT
"""Orientation and colour: what a viewer sees of an output is what it saw of the source."""
import os
import base64
import struct
import subprocess
import unittest

from made_pictures import (BLUE, GREEN, RED, YELLOW, checkerboard, exif_block, flat, grey_profile,
                           jpeg_profile, jpeg_segments, jpeg_with, jpeg_without, png_chunk, png_of,
                           png_profile, quadrants, samples, stored_for, tiff_of)
from pixels import PixelCase, Pixels, field, vips
from support import write

COLOURS = (RED, GREEN, BLUE, YELLOW)
WIDTH, HEIGHT = 160, 96
EXACT_JPEG = ".jpg[Q=100,subsample_mode=off]"


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Orientation(PixelCase):
    """The quadrants are wider than high, and no two are alike: only one of eight ways is right."""

    def stored(self, orientation):
        pixel, width, height = stored_for(orientation, quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT)
        return png_of(pixel, width, height), b"".join(samples(pixel, width, height)), width, height

    def jpeg(self, orientation):
        data = self.encode(self.stored(orientation)[0], EXACT_JPEG)
        return jpeg_with(data, 0xE1, b"Exif\0\0" + exif_block(orientation))

    def check_all(self, make, tolerance, *options, **more):
        upright = None
        for orientation in range(1, 9):
            what = "orientation %d" % orientation
            path = self.scale(make(orientation), *options, **more)
            self.assertIn(field(path, "orientation"), (None, "1"), what)
            pixels = Pixels(path)
            self.assertGreater(pixels.width, pixels.height, what)
            self.check_quadrants(pixels, COLOURS, tolerance, what)
            upright = upright or pixels
            self.check_alike(pixels, upright, tolerance, what)

    def test_all_eight_of_a_jpeg_become_the_same(self):
        self.check_all(self.jpeg, 8, "-s", "40", "--quality", "95", name="in.jpg",
                       target="out.jpg")

    def test_all_eight_of_a_jpeg_become_the_same_png(self):
        self.check_all(self.jpeg, 4, "-s", "40", "--format", "png", name="in.jpg")

    def test_all_eight_when_sampled(self):
        self.check_all(self.jpeg, 255, "-s", "40", "--no-smooth", "--format", "png",
                       name="in.jpg")
        for orientation in (3, 6):
            pixels = self.pixels(self.jpeg(orientation), "-s", "40", "--no-smooth", "--format",
                                 "png", name="in.jpg")
            self.check_quadrants(pixels, COLOURS, 6, "orientation %d" % orientation)

    def test_all_eight_when_nothing_is_scaled(self):
        self.check_all(self.jpeg, 4, "-s", "400", "--format", "png", name="in.jpg")

    def test_all_eight_in_linear_light_and_with_all_metadata(self):
        self.check_all(self.jpeg, 4, "-s", "40", "--format", "png", "--linear", name="in.jpg")
        self.check_all(self.jpeg, 8, "-s", "40", "--quality", "95", "--metadata", "all",
                       name="in.jpg", target="out.jpg")

    def test_all_eight_of_a_tiff(self):
        def tiff(orientation):
            _, rows, width, height = self.stored(orientation)
            return tiff_of([rows], width, height, more=[(274, 3, orientation)])
        self.check_all(tiff, 1, "-s", "40", name="in.tif", target="out.tif")

    def test_all_eight_of_a_png_with_exif(self):
        def png(orientation):
            pixel, width, height = stored_for(
                orientation, quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT)
            return png_of(pixel, width, height,
                          chunks=png_chunk(b"eXIf", exif_block(orientation)))
        self.check_all(png, 2, "-s", "40")

    def test_it_decides_what_fits_the_box(self):
        for orientation in (1, 6):
            pixels = self.pixels(self.jpeg(orientation), "-s", "80x40", "--format", "png",
                                 name="in.jpg")
            self.assertEqual((pixels.width, pixels.height), (67, 40))
            pixels = self.pixels(self.jpeg(orientation), "-s", "40x80", "--fit", "cover",
                                 "--format", "png", name="in.jpg")
            self.assertEqual((pixels.width, pixels.height), (40, 80))
            self.check_quadrants(pixels, COLOURS, 6)

    def test_another_program_finds_no_orientation_left_to_apply(self):
        for metadata in ("copyright", "all"):
            path = self.scale(self.jpeg(6), "-s", "40", "--metadata", metadata, name="in.jpg",
                              target="out.jpg")
            done = subprocess.run(["exiftool", "-n", "-s3", "-Orientation", path],
                                  check=True, capture_output=True)
            self.assertIn(done.stdout.strip(), (b"", b"1"))
            self.check_quadrants(Pixels(path), COLOURS, 12)


class Profiles(PixelCase):
    def wide(self, ending):
        """The quadrants in Display P3, with its profile."""
        write(self.path("srgb.png"), png_of(quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT))
        vips("icc_transform", self.path("srgb.png"), self.path("wide" + ending), "p3",
             "--input-profile", "srgb")
        return read(self.path("wide" + ending.partition("[")[0]))

    def seen(self, path):
        """The pixels as a viewer shows them that heeds the profile in the file, if there is any."""
        if field(path, "icc-profile-data") is None:
            return Pixels(path)
        vips("icc_transform", path, path + ".seen.png", "srgb", "--embedded", "--intent",
             "relative")
        return Pixels(path + ".seen.png")

    def test_a_wide_gamut_is_converted(self):
        for ending in (".png", ".tif", EXACT_JPEG, ".webp[lossless]"):
            suffix = ending.partition("[")[0]
            path = self.scale(self.wide(ending), "-s", "40", "--format", "png",
                              name="in" + suffix)
            self.check_quadrants(Pixels(path), COLOURS, 4, ending)
            self.check_quadrants(self.seen(path), COLOURS, 4, ending)

    def test_one_of_linear_srgb_is_applied(self):
        profile = base64.b64decode(field(self.scale(self.wide(".png"), "-s", "9"),
                                         "icc-profile-data"))
        self.assertIn("sRGB".encode("utf-16-be"), profile)
        at = profile.index(b"para") + 12
        profile = profile[:at] + struct.pack(">5i", 65536, 65536, 0, 65536, 0) + profile[at + 20:]
        data = png_of(flat(64, 64, 64), 64, 64, chunks=png_profile(profile))
        self.check_flat(self.pixels(data, "-s", "16"), (137, 137, 137), 2)
        jpeg = jpeg_profile(self.encode(png_of(flat(64, 64, 64), 64, 64), EXACT_JPEG), profile)
        self.check_flat(self.pixels(jpeg, "-s", "16", name="in.jpg", target="out.jpg"),
                        (137, 137, 137), 3)

    def test_the_own_profile_is_kept_with_its_colours(self):
        for ending in (".png", ".tif", EXACT_JPEG):
            suffix = ending.partition("[")[0]
            wide = self.wide(ending)
            path = self.scale(wide, "-s", "40", "--keep-profile", "--quality", "95",
                              name="in" + suffix, target="out" + suffix)
            stored = Pixels(self.path("wide" + suffix))
            places = [(WIDTH // 4, HEIGHT // 4), (3 * WIDTH // 4, HEIGHT // 4)]
            colours = [stored.at(*place) for place in places]
            self.near(colours[1], (77, 158, 73), 4, "green in P3, by littleCMS")
            self.check_quadrants(Pixels(path), colours, 5, ending)
            self.check_quadrants(self.seen(path), COLOURS, 6, ending)
            self.assertEqual(field(path, "icc-profile-data"),
                             field(self.path("wide" + suffix), "icc-profile-data"))

    def test_the_pixels_look_the_same_when_nothing_is_scaled(self):
        for options in ((), ("--keep-profile",), ("--metadata", "none")):
            path = self.scale(self.wide(".png"), "-s", "400", *options)
            self.check_quadrants(self.seen(path), COLOURS, 3, options)

    def test_a_grey_profile_is_applied(self):
        profile = grey_profile(1.0)
        data = png_of(flat(128), 64, 64, chunks=png_profile(profile))
        self.near(self.seen(self.scale(data, "-s", "16")).at(5, 5)[:1], (188,), 2)
        jpeg = jpeg_profile(self.encode(png_of(flat(128), 64, 64), EXACT_JPEG), profile)
        path = self.scale(jpeg, "-s", "16", name="in.jpg", target="out.jpg")
        self.near(self.seen(path).at(5, 5)[:1], (188,), 3)

    def test_a_wide_gamut_of_16_bits_is_converted(self):
        write(self.path("srgb.png"), png_of(quadrants(64, 32), 64, 32))
        vips("icc_transform", self.path("srgb.png"), self.path("deep.png"), "p3",
             "--input-profile", "srgb", "--depth", "16")
        pixels = self.pixels(read(self.path("deep.png")), "-s", "16")
        self.assertEqual(pixels.kind, "ushort")
        self.check_quadrants(pixels, [[257 * c for c in colour] for colour in COLOURS], 6 * 257)


class BrokenProfiles(PixelCase):
    """Colours as they are, and a word about it."""

    def p3(self):
        write(self.path("srgb.png"), png_of(flat(1, 2, 3), 8, 8))
        vips("icc_transform", self.path("srgb.png"), self.path("p3.tif"), "p3",
             "--input-profile", "srgb")
        return self.profile_of(self.path("p3.tif"))

    @staticmethod
    def profile_of(path):
        return base64.b64decode(field(path, "icc-profile-data"))

    def profiles(self):
        whole = self.p3()
        return {
            "no profile": b"this is no profile " * 20,
            "short header": whole[:60],
            "tags that are cut off": struct.pack(">I", 200) + whole[4:200],
        }

    def test_tags_of_noise_are_noticed(self):
        profile = self.p3()[:132] + bytes(i * 7 % 256 for i in range(604))
        self.check_other_kind(quadrants(WIDTH, HEIGHT), profile, "jpg", COLOURS)

    def check_other_kind(self, pixel, profile, suffix, colours):
        data = png_of(pixel, WIDTH, HEIGHT)
        if suffix == "jpg":
            data = jpeg_profile(self.encode(data, EXACT_JPEG), profile)
        else:
            data = png_of(pixel, WIDTH, HEIGHT, chunks=png_profile(profile))
        pixels = self.pixels(data, "-s", "40", "--format", "png", name="in." + suffix,
                             notes=("broken profile",))
        self.assertEqual(pixels.bands, len(colours[0]))
        self.check_quadrants(pixels, colours, 4)

    def test_one_of_grey_does_not_destroy_colours(self):
        self.check_other_kind(quadrants(WIDTH, HEIGHT), grey_profile(2.2), "jpg", COLOURS)

    def test_one_of_grey_does_not_destroy_the_colours_of_a_png(self):
        self.check_other_kind(quadrants(WIDTH, HEIGHT), grey_profile(2.2), "png", COLOURS)

    def test_one_of_colours_does_not_destroy_grey(self):
        grey = ((30,), (90,), (150,), (210,))
        for suffix in ("jpg", "png"):
            self.check_other_kind(quadrants(WIDTH, HEIGHT, grey), self.p3(), suffix, grey)

    def tiff_with(self, pixel, photometric, profile):
        rows = b"".join(samples(pixel, 64, 64))
        data = bytearray(tiff_of([rows], 64, 64, photometric=photometric, more=[(34675, 7, 0)]))
        at = data.index(struct.pack("<HH", 34675, 7))
        struct.pack_into("<II", data, at + 4, len(profile), len(data))
        return bytes(data) + profile

    def test_one_of_inks_does_not_destroy_colours(self):
        write(self.path("srgb.png"), png_of(flat(1, 2, 3), 8, 8))
        vips("icc_transform", self.path("srgb.png"), self.path("cmyk.tif"), "cmyk",
             "--input-profile", "srgb")
        inks = self.profile_of(self.path("cmyk.tif"))
        pixels = self.pixels(self.tiff_with(quadrants(64, 64), 2, inks), "-s", "16", "--format",
                             "png", name="in.tif", notes=("broken profile",))
        self.assertEqual(pixels.bands, 3)
        self.check_quadrants(pixels, COLOURS, 4)

    def test_one_of_colours_does_not_destroy_inks(self):
        inks = ((0, 0, 0, 0), (0, 0, 0, 255), (0, 255, 255, 0), (255, 0, 0, 0))
        pixels = self.pixels(self.tiff_with(quadrants(64, 64, inks), 5, self.p3()), "-s", "16",
                             "--format", "png", name="in.tif",
                             notes=("broken profile", "assumed profile"))
        self.assertEqual(pixels.bands, 3)
        self.near(pixels.at(4, 4), (255, 255, 255), 3)
        self.assertLess(max(pixels.at(12, 4)), 60)
        self.assertGreater(pixels.at(4, 12)[0], 180)
        self.assertGreater(pixels.at(12, 12)[2], 180)

    def test_a_jpeg_survives(self):
        jpeg = self.encode(png_of(quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT), EXACT_JPEG)
        for what, profile in self.profiles().items():
            with self.subTest(what):
                data = jpeg_profile(jpeg, profile)
                pixels = self.pixels(data, "-s", "40", "--format", "png", name="in.jpg",
                                     notes=("broken profile",))
                self.check_quadrants(pixels, COLOURS, 4, what)
                self.scale(data, "-s", "40", "--strict", name="in.jpg", target="out.jpg",
                           status=1)

    def test_a_png_survives(self):
        for what, profile in self.profiles().items():
            with self.subTest(what):
                data = png_of(quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT, chunks=png_profile(profile))
                pixels = self.pixels(data, "-s", "40", notes=("broken profile",))
                self.check_quadrants(pixels, COLOURS, 3, what)
                self.scale(data, "-s", "40", "--strict", status=1)


class Cmyk(PixelCase):
    SOFT = ((150, 80, 80), (80, 130, 90), (90, 100, 140), (190, 180, 120))  # printers can

    def separated(self, ending):
        write(self.path("srgb.png"), png_of(quadrants(WIDTH, HEIGHT, self.SOFT), WIDTH, HEIGHT))
        vips("icc_transform", self.path("srgb.png"), self.path("cmyk" + ending), "cmyk",
             "--input-profile", "srgb")
        return read(self.path("cmyk" + ending.partition("[")[0]))

    def test_with_a_profile(self):
        for ending in (EXACT_JPEG, ".tif"):
            suffix = ending.partition("[")[0]
            for output in ("png", "jpeg"):
                pixels = self.pixels(self.separated(ending), "-s", "40", "--format", output,
                                     "--strict", name="in" + suffix, target="out." + output)
                self.assertEqual(pixels.bands, 3)
                self.check_quadrants(pixels, self.SOFT, 10, ending)

    def test_without_one_a_common_one_is_assumed(self):
        data = jpeg_without(self.separated(EXACT_JPEG), 0xE2)
        pixels = self.pixels(data, "-s", "40", "--format", "png", name="in.jpg",
                             notes=("assumed profile",))
        self.check_quadrants(pixels, self.SOFT, 20)
        self.scale(data, "-s", "40", "--strict", name="in.jpg", target="out.jpg", status=1)

    def test_a_tiff_without_one(self):
        rows = b"".join(samples(quadrants(64, 64, ((0, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255),
                                                   (255, 0, 0, 0))), 64, 64))
        pixels = self.pixels(tiff_of([rows], 64, 64, photometric=5), "-s", "16", "--format", "png",
                             name="in.tif", notes=("assumed profile",))
        self.assertEqual(pixels.bands, 3)
        self.near(pixels.at(4, 4), (255, 255, 255), 3, "paper")
        red, black, cyan = pixels.at(12, 4), pixels.at(4, 12), pixels.at(12, 12)
        self.assertGreater(red[0], 180)
        self.assertLess(max(red[1:]), 80)
        self.assertLess(max(black), 60)
        self.assertLess(cyan[0] + 80, min(cyan[1:]))

    def test_a_tiff_of_16_bits_without_one(self):
        inks = ((0,) * 4, (0, 65535, 65535, 0), (0, 0, 0, 65535), (65535, 0, 0, 0))
        rows = b"".join(struct.pack("<256H", *struct.unpack(">256H", row))
                        for row in samples(quadrants(64, 64, inks), 64, 64, 16))
        data = tiff_of([rows], 64, 64, photometric=5, depth=16)
        for name, target in (("png", "out.png"), ("tiff", "out.tif")):
            for options in ((), ("--linear",), ("--keep-profile",)):
                pixels = self.pixels(data, "-s", "16", *options, "--format", name, name="in.tif",
                                     target=target, notes=("assumed profile",))
                self.assertEqual((pixels.kind, pixels.bands), ("ushort", 3))
                red, black = pixels.at(12, 4), pixels.at(4, 12)
                self.near(pixels.at(4, 4), (65535,) * 3, 3 * 257, "paper")
                self.assertGreater(red[0], 180 * 257)
                self.assertLess(max(red[1:]), 80 * 257)
                self.assertLess(max(black), 60 * 257)
        self.scale(data, "-s", "16", "--strict", name="in.tif", target="out.tif", status=1)

    def inks(self, cyan, magenta, yellow, black):
        """A JPEG with Adobe's marker: 0 there is all of an ink, libvips turns it round."""
        rows = b"".join(samples(flat(cyan, magenta, yellow, black), 64, 64))
        write(self.path("inks.tif"), tiff_of([rows], 64, 64, photometric=5))
        vips("copy", self.path("inks.tif"), self.path("inks.jpg[Q=100,subsample_mode=off]"))
        return read(self.path("inks.jpg"))

    def grey_of(self, data):
        pixels = self.pixels(data, "-s", "16", "--format", "png", name="in.jpg",
                             notes=("assumed profile",))
        return sum(pixels.at(8, 8)) // 3

    def test_adobes_are_inverted(self):
        paper, ink = self.inks(0, 0, 0, 0), self.inks(255, 255, 255, 255)
        self.assertIn(0xEE, [segment[0] for segment in jpeg_segments(paper)])
        self.assertGreater(self.grey_of(paper), 250)
        self.assertLess(self.grey_of(ink), 40)
        # without Adobe's marker browsers and Pillow take them for inverted all the same
        self.assertGreater(self.grey_of(jpeg_without(paper, 0xEE)), 250)

    def test_adobes_luminance_and_black(self):
        data = self.inks(230, 127, 127, 0)  # stored as 25, 128, 128, 255: YCCK of a light grey
        _, at, _ = [found for found in jpeg_segments(data) if found[0] == 0xEE][0]
        ycck = data[:at + 15] + b"\x02" + data[at + 16:]
        pixels = self.pixels(ycck, "-s", "16", "--format", "png", name="in.jpg",
                             notes=("assumed profile",))
        middle = pixels.at(8, 8)
        self.assertLess(max(middle) - min(middle), 20)
        self.assertGreater(min(middle), 200)

    def test_inks_are_an_output_only_with_their_profile(self):
        for options in (("-s", "400"), ("-s", "40", "--keep-profile")):
            path = self.scale(self.separated(EXACT_JPEG), *options, "--strict", name="in.jpg",
                              target="out.jpg")
            if Pixels(path).bands == 4:
                vips("icc_transform", path, self.path("seen.png"), "srgb", "--embedded",
                     "--intent", "relative")
                path = self.path("seen.png")
            self.check_quadrants(Pixels(path), self.SOFT, 16, options)


class Linear(PixelCase):
    def middle(self, data, *options, **more):
        pixels = self.pixels(data, "-s", "32", "--format", "png", *options, **more)
        return pixels.at(pixels.width // 2, pixels.height // 2)

    def test_a_checkerboard_keeps_its_light(self):
        data = png_of(checkerboard((0, 0, 0), (255, 255, 255)), 128, 128)
        self.near(self.middle(data, "--linear"), (188, 188, 188), 2)
        self.near(self.middle(data), (128, 128, 128), 2)

    def test_a_grey_checkerboard_keeps_its_light(self):
        data = png_of(checkerboard((0,), (255,)), 128, 128)
        self.near(self.middle(data), (128,), 2)
        self.near(self.middle(data, "--linear"), (188,), 2)

    def test_a_checkerboard_of_16_bits(self):
        data = png_of(checkerboard((0, 0, 0), (65535,) * 3), 128, 128, depth=16)
        self.near(self.middle(data, "--linear"), (188 * 257,) * 3, 2 * 257)
        self.near(self.middle(data), (32768,) * 3, 2 * 257)

    def test_a_checkerboard_with_opacity(self):
        data = png_of(checkerboard((0, 0, 0, 255), (255, 255, 255, 255)), 128, 128)
        self.near(self.middle(data, "--linear"), (188, 188, 188, 255), 2)

    def test_a_checkerboard_in_a_jpeg(self):
        data = self.encode(png_of(checkerboard((0,) * 3, (255,) * 3), 128, 128), EXACT_JPEG)
        self.near(self.middle(data, "--linear", name="in.jpg"), (188,) * 3, 3)

    def test_flat_colours_stay_as_they_are(self):
        data = png_of(quadrants(128, 128), 128, 128)
        pixels = self.pixels(data, "-s", "32", "--linear")
        self.check_quadrants(pixels, COLOURS, 2)


if __name__ == "__main__":
    unittest.main()
