# SPDX-License-Identifier: MIT
"""What goes in and what comes out; content decides, not the name; what draws has to be allowed."""
import json
import struct
import subprocess
import unittest
import zlib

from made_pictures import (BLUE, GREEN, RED, YELLOW, bmp_of, gif_frame, gif_of, jpeg_segments,
                           pdf_of, png_of, psd_of, quadrants, samples, tga_of, tiff_of, xbm_of,
                           xpm_of)
from pixels import PixelCase, Pixels, field
from support import SCIAME, sciame, write

COLOURS = (RED, GREEN, BLUE, YELLOW)
WIDTH, HEIGHT = 128, 64
EXACT_JPEG = ".jpg[Q=100,subsample_mode=off]"
START_OF_FRAME = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}


def picture():
    return png_of(quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT)


def formats():
    """{name: (read, written)} as `sciame formats` prints them."""
    done = subprocess.run([SCIAME, "formats", "--json"], check=True, capture_output=True)
    return {line["format"]: (line["read"], line["written"]) for line in json.loads(done.stdout)}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def svg(width=100, height=50, colour="#c82828"):
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">'
            '<rect width="100%%" height="100%%" fill="%s"/></svg>' %
            (width, height, colour)).encode()


class Inputs(PixelCase):
    def check_input(self, data, name, tolerance, *options, colours=COLOURS):
        for size in ("32", "400"):
            pixels = self.pixels(data, "-s", size, "--format", "png", "--strict", *options,
                                 name=name)
            self.assertEqual(pixels.width, 2 * pixels.height)
            for i, colour in enumerate(colours):
                place = (pixels.width * (1 + 2 * (i % 2)) // 4,
                         pixels.height * (1 + 2 * (i // 2)) // 4)
                self.near(pixels.at(*place)[:len(colour)], colour, tolerance, (name, size))

    def test_made_byte_by_byte(self):
        pixel = quadrants(WIDTH, HEIGHT)
        indices = quadrants(WIDTH, HEIGHT, ((0,), (1,), (2,), (3,)))
        rows = b"".join(samples(pixel, WIDTH, HEIGHT))
        for name, data, tolerance in (
                ("in.png", picture(), 1), ("in.bmp", bmp_of(pixel, WIDTH, HEIGHT), 1),
                ("in.tga", tga_of(pixel, WIDTH, HEIGHT), 1),
                ("in.psd", psd_of(pixel, WIDTH, HEIGHT), 1),
                ("in.xpm", xpm_of(pixel, WIDTH, HEIGHT), 1),
                ("in.tif", tiff_of([rows], WIDTH, HEIGHT), 1),
                ("in.ppm", b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + rows, 1),
                ("in.gif", gif_of(WIDTH, HEIGHT, COLOURS,
                                  [gif_frame(0, 0, WIDTH, HEIGHT, indices)]), 1)):
            with self.subTest(name):
                self.check_input(data, name, tolerance)

    def test_of_one_bit_or_one_sample(self):
        ink = quadrants(WIDTH, HEIGHT, ((1,), (0,), (0,), (1,)))
        black_white = ((0,), (255,), (255,), (0,))
        bits = b"".join(int("".join(str(ink(x, y)[0]) for x in range(WIDTH)), 2)
                        .to_bytes(WIDTH // 8, "big") for y in range(HEIGHT))
        self.check_input(b"P4 %d %d\n" % (WIDTH, HEIGHT) + bits, "in.pbm", 1, colours=black_white)
        self.check_input(xbm_of(ink, WIDTH, HEIGHT), "in.xbm", 1, colours=black_white)
        grey = quadrants(WIDTH, HEIGHT, ((10,), (90,), (160,), (250,)))
        rows = b"".join(samples(grey, WIDTH, HEIGHT))
        self.check_input(b"P5 %d %d 255\n" % (WIDTH, HEIGHT) + rows, "in.pgm", 1,
                         colours=((10,), (90,), (160,), (250,)))

    def test_written_by_libvips(self):
        for ending, tolerance in ((EXACT_JPEG, 3), (".webp[lossless]", 1), (".avif[Q=90]", 8),
                                  (".jxl[lossless]", 1), (".jp2[lossless]", 1), (".tif", 1),
                                  (".tif[compression=lzw,tile]", 1), (".png[interlace]", 1),
                                  (".tif[compression=jpeg,Q=95]", 8), (".heic[Q=90]", 8)):
            with self.subTest(ending):
                try:
                    data = self.encode(picture(), ending)
                except subprocess.CalledProcessError:
                    self.skipTest("libvips does not write %s here" % ending)
                self.check_input(data, "in" + ending.partition("[")[0], tolerance)

    def test_what_is_no_picture_is_refused(self):
        for data in (b"hello, world\n" * 20, b"\0" * 400, b"\x89PNG\r\n\x1a\n", b"GIF89a"):
            self.scale(data, status=1)


class Outputs(PixelCase):
    def test_every_format_that_is_said_to_be_written(self):
        table = formats()
        for name, ending, tolerance in (("jpeg", "jpg", 4), ("png", "png", 1), ("tiff", "tif", 1),
                                        ("webp", "webp", 10), ("avif", "avif", 10),
                                        ("gif", "gif", 12), ("jxl", "jxl", 10)):
            with self.subTest(name):
                if not table[name][1]:
                    self.skipTest("not here")
                quality = () if name in ("png", "tiff", "gif") else ("--quality", "90")
                for size, width in (("32", 32), ("400", WIDTH)):
                    path = self.scale(picture(), "-s", size, "--format", name, "--strict",
                                      *quality, target="out." + ending)
                    self.assertIn({"avif": "heif"}.get(name, name), field(path, "vips-loader"))
                    pixels = Pixels(path)
                    self.assertEqual((pixels.width, pixels.height), (width, width // 2))
                    for i, colour in enumerate(COLOURS):
                        place = (width * (1 + 2 * (i % 2)) // 4, width * (1 + 2 * (i // 2)) // 8)
                        self.near(pixels.at(*place)[:3], colour, tolerance, name)

    def test_the_same_format_as_the_source(self):
        for ending, name in ((".webp[lossless]", "webp"), (".tif", "tiff"), (".avif", "heif"),
                             (".jxl[lossless]", "jxl"), (".jp2[lossless]", "jp2k")):
            with self.subTest(ending):
                suffix = ending.partition("[")[0]
                path = self.scale(self.encode(picture(), ending), "-s", "32", "--quality", "90",
                                  name="in" + suffix, target="out" + suffix)
                self.assertIn(name, field(path, "vips-loader"))
                pixels = Pixels(path)
                self.assertEqual(pixels.size, "32x16")
                if pixels.kind == "uchar":
                    self.check_quadrants(pixels, COLOURS, 24)

    def test_an_avif_whose_brand_does_not_say_so_stays_one(self):
        try:
            data = self.encode(picture(), ".avif")
        except subprocess.CalledProcessError:
            self.skipTest("libvips does not write .avif here")
        data = data[:8] + b"mif1" + data[12:]
        path = self.scale(data, "-s", "32", name="in.avif", target="out.avif")
        self.assertEqual(field(path, "heif-compression"), "av1")

    def test_one_that_is_not_written_asks_for_a_format(self):
        data = bmp_of(quadrants(WIDTH, HEIGHT), WIDTH, HEIGHT)
        self.scale(data, "-s", "32", name="in.bmp", target="out.bmp", status=1)
        self.assertIn("give --format", self.said)

    def test_lossless_is_exact(self):
        chart = png_of(lambda x, y: (x * 37 % 256, y * 91 % 256, (x * y) % 256), 90, 70)
        source = self.pixels(chart, "-s", "400", "--format", "tiff", target="out.tif")
        for name in ("webp", "jxl"):
            pixels = self.pixels(chart, "-s", "400", "--format", name, "--lossless", "--strict",
                                 target="out." + name)
            self.check_alike(pixels, source, 0, name)
            lossy = self.pixels(chart, "-s", "400", "--format", name, target="out." + name)
            self.assertNotEqual(lossy.samples, source.samples)

    def test_a_lossless_avif_is_as_exact_as_its_colours_are(self):
        chart = png_of(lambda x, y: (x * 37 % 256, y * 91 % 256, (x * y) % 256), 90, 70)
        source = self.pixels(chart, "-s", "400", "--format", "tiff", target="out.tif")
        pixels = self.pixels(chart, "-s", "400", "--format", "avif", "--lossless",
                             target="out.avif")
        self.check_alike(pixels, source, 1)  # YCbCr of 8 bits rounds

    def test_several_sizes_of_one_source(self):
        write(self.path("in/a.png"), picture())
        result = sciame("scale", "-s", "64", "-s", "32", "--output", "{dir}/{stem}-{size}{ext}",
                        self.path("in"), self.path("out"))
        self.check(result, 0)
        for size in (64, 32):
            pixels = Pixels(self.path("out/a-%d.png" % size))
            self.assertEqual(pixels.size, "%dx%d" % (size, size // 2))
            self.check_quadrants(pixels, COLOURS, 2)


class Jpeg(PixelCase):
    def frame(self, *options, **more):
        """The start of frame: its kind, and the sampling of its first component."""
        data = read(self.scale(self.encode(picture(), EXACT_JPEG), *options, name="in.jpg",
                               target="out.jpg", **more))
        found = [segment for segment in jpeg_segments(data) if segment[0] in START_OF_FRAME]
        self.assertEqual(len(found), 1)
        marker, at, _ = found[0]
        return START_OF_FRAME[marker], data[at + 11]

    def test_progressive(self):
        self.assertEqual(self.frame("-s", "32", "--progressive")[0], "progressive")
        self.assertEqual(self.frame("-s", "32")[0], "baseline")
        self.assertEqual(self.frame("-s", "32", "--linear", "--progressive")[0], "progressive")

    def test_chroma_is_halved_where_quality_is_not_high(self):
        for options in ((), ("--linear",)):
            self.assertEqual(self.frame("-s", "32", *options)[1], 0x22)
            self.assertEqual(self.frame("-s", "32", "--quality", "95", *options)[1], 0x11)

    def test_a_progressive_one_goes_in(self):
        data = self.encode(picture(), ".jpg[Q=100,subsample_mode=off,interlace]")
        self.assertIn(0xC2, [segment[0] for segment in jpeg_segments(data)])
        pixels = self.pixels(data, "-s", "32", "--format", "png", "--strict", name="in.jpg")
        self.check_quadrants(pixels, COLOURS, 3)

    def test_rgb_without_chroma_goes_in(self):
        """Adobe's marker with transform 0: the components are red, green and blue."""
        data = self.encode(picture(), ".jpg[Q=100,subsample_mode=off]")
        as_rgb = data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" + data[2:]
        pixels = self.pixels(as_rgb, "-s", "32", "--format", "png", name="in.jpg")
        luma = round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])
        self.near(pixels.at(8, 4)[:1], (luma,), 3)  # what was luminance is shown as red

    def test_progressive_png(self):
        plain = read(self.scale(picture(), "-s", "32"))
        woven = read(self.scale(picture(), "-s", "32", "--progressive"))
        self.assertEqual((plain[28], woven[28]), (0, 1))


class Names(PixelCase):
    def test_content_decides_and_a_suffix_that_lies_is_reported(self):
        jpeg = self.encode(picture(), EXACT_JPEG)
        for data, name, loader, target in ((picture(), "in.jpg", "png", "out.jpg"),
                                           (jpeg, "in.png", "jpeg", "out.png"),
                                           (jpeg, "in.GIF", "jpeg", "out.GIF")):
            for size in ("32", "400"):
                path = self.scale(data, "-s", size, name=name, target=target, notes=("suffix",))
                self.assertIn(loader, field(path, "vips-loader"))
                self.check_quadrants(Pixels(path), COLOURS, 16)
            pixels = self.pixels(data, "-s", "32", "--format", "webp", name=name,
                                 target="out.webp", notes=("suffix",))
            self.assertEqual(pixels.size, "32x16")

    def test_a_suffix_that_does_not_lie(self):
        jpeg = self.encode(picture(), EXACT_JPEG)
        for name in ("in.jpg", "in.JPG", "in.jpeg", "in", "in.png.jpg", "in.dat"):
            self.scale(jpeg, "-s", "32", name=name, target="out.jpg")

    def test_strict_does_not_mind_a_suffix(self):
        self.scale(picture(), "-s", "32", "--strict", name="in.jpg", target="out.png",
                   notes=("suffix",))


class Drawings(PixelCase):
    def test_svg_only_when_it_is_allowed(self):
        self.scale(svg(), "-s", "40", "--format", "png", name="in.svg", status=1)
        self.scale(svg(), "-s", "40", "--format", "png", "--allow", "pdf", name="in.svg", status=1)
        pixels = self.pixels(svg(), "-s", "40", "--format", "png", "--allow", "svg", name="in.svg")
        self.assertEqual(pixels.size, "40x20")
        self.check_flat(pixels, (200, 40, 40, 255)[:pixels.bands], 2)

    def test_svg_behind_what_it_may_begin_with(self):
        for start in (b'<?xml version="1.0"?>\n', b"<!-- a drawing -->\n", b"\xef\xbb\xbf",
                      b"\n  ", b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "">\n'):
            data = start + svg()
            self.scale(data, "-s", "40", "--format", "png", name="in.svg", status=1)
            self.scale(data, "-s", "40", "--format", "png", name="in.png", status=1)

    def test_svg_with_a_declaration_is_drawn(self):
        data = b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- a drawing -->\n' + svg()
        pixels = self.pixels(data, "-s", "40", "--format", "png", "--allow", "svg", name="in.svg")
        self.near(pixels.at(9, 9)[:3], RED, 2)

    def test_svg_is_drawn_sharp(self):
        """At the size of the output, not drawn small and enlarged."""
        data = (b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">'
                b'<rect width="10" height="10" fill="#fff"/><rect width="5" height="10"/></svg>')
        pixels = self.pixels(data, "-s", "200", "--enlarge", "--format", "png", "--allow", "svg",
                             name="in.svg")
        self.assertEqual(pixels.size, "200x200")
        self.near(pixels.at(97, 100)[:3], (0, 0, 0), 2)
        self.near(pixels.at(102, 100)[:3], (255, 255, 255), 2)

    def test_svg_without_a_ground_is_transparent(self):
        data = (b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
                b'<rect width="32" height="64" fill="#c82828"/></svg>')
        pixels = self.pixels(data, "-s", "32", "--format", "png", "--allow", "svg", name="in.svg")
        self.near(pixels.at(4, 4), RED + (255,), 2)
        self.assertEqual(pixels.at(28, 4)[3], 0)
        pixels = self.pixels(data, "-s", "32", "--format", "jpeg", "--quality", "95", "--allow",
                             "svg", name="in.svg", target="out.jpg", notes=("flattened",))
        self.near(pixels.at(28, 4), (255, 255, 255), 5)

    def test_svg_reads_no_other_file(self):
        other = self.path("other.png")
        with open(other, "wb") as file:
            file.write(picture())
        data = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
                ' width="64" height="64"><rect width="64" height="64" fill="#fff"/>'
                '<image width="64" height="64" xlink:href="file://%s"/></svg>' % other).encode()
        pixels = self.pixels(data, "-s", "32", "--format", "png", "--allow", "svg", name="in.svg")
        for place in ((8, 8), (24, 8), (8, 24), (24, 24)):
            self.near(pixels.at(*place)[:3], (255, 255, 255), 2)

    def test_pdf_only_when_it_is_allowed(self):
        data = pdf_of(["1 0 0"])
        self.scale(data, "-s", "40", "--format", "png", name="in.pdf", status=1)
        self.scale(data, "-s", "40", "--format", "png", "--allow", "svg", name="in.pdf", status=1)
        pixels = self.pixels(data, "-s", "40", "--format", "png", "--allow", "pdf", name="in.pdf")
        self.assertEqual(pixels.size, "40x20")
        self.near(pixels.at(20, 10)[:3], (255, 0, 0), 2)

    def test_both_may_be_allowed(self):
        for data, name in ((svg(), "in.svg"), (pdf_of(["1 0 0"]), "in.pdf")):
            self.scale(data, "-s", "40", "--format", "png", "--allow", "svg", "--allow", "pdf",
                       name=name)


class Salvage(PixelCase):
    def jpeg(self, *options):
        ending = ".jpg[Q=90%s]" % "".join("," + option for option in options)
        chart = png_of(lambda x, y: (x * 7 % 256, 200 if y < 256 else 40, y % 256), 512, 512)
        return self.encode(chart, ending)

    def test_a_jpeg_that_ends_too_early(self):
        whole = self.jpeg()
        full = self.pixels(whole, "-s", "64", "--format", "png", "--strict", name="in.jpg")
        for share in (0.3, 0.5, 0.95):
            data = whole[:int(len(whole) * share)]
            for options in ((), ("--linear",), ("--no-smooth",)):
                pixels = self.pixels(data, "-s", "64", "--format", "png", *options, name="in.jpg",
                                     notes=("salvaged",))
                self.assertEqual(pixels.size, "64x64")
                if not options:
                    for y in range(0, int(64 * share) - 6, 5):
                        for x in range(3, 64, 10):
                            self.near(pixels.at(x, y), full.at(x, y), 24, (share, x, y))
            self.scale(data, "-s", "64", "--strict", name="in.jpg", target="out.jpg", status=1)
            self.assertIn("damaged", self.said)

    def test_a_progressive_jpeg_that_ends_too_early(self):
        whole = self.jpeg("interlace")
        data = whole[:len(whole) * 6 // 10]
        self.scale(data, "-s", "64", name="in.jpg", target="out.jpg", notes=("salvaged",))
        self.scale(data, "-s", "64", "--strict", name="in.jpg", target="out.jpg", status=1)

    def test_a_jpeg_without_its_last_marker(self):
        """Nothing that can be seen is missing."""
        whole = self.jpeg()
        pixels = [self.pixels(data, "-s", "64", "--format", "png", name="in.jpg")
                  for data in (whole, whole[:-2])]
        self.check_alike(*pixels, 0)

    def test_one_that_is_small_enough(self):
        whole = self.jpeg()
        data = whole[:len(whole) // 2]
        self.scale(data, "-s", "600", "--strict", name="in.jpg", target="out.jpg", status=1)
        self.scale(data, "-s", "600", name="in.jpg", target="out.jpg", notes=("salvaged",))

    def test_one_that_is_small_enough_in_another_format(self):
        whole = self.jpeg()
        self.scale(whole[:len(whole) // 2], "-s", "600", "--format", "png", name="in.jpg",
                   notes=("salvaged",))

    def test_a_png_that_ends_too_early(self):
        noise = png_of(lambda x, y: ((x * 7919 + y * 104729) % 251, x % 256, y // 2), 512, 512)
        full = self.pixels(noise, "-s", "64")
        for share in (0.5, 0.9):
            data = noise[:int(len(noise) * share)]
            pixels = self.pixels(data, "-s", "64", notes=("salvaged",))
            self.assertEqual(pixels.size, "64x64")
            for y in range(0, int(64 * share) - 12, 5):
                self.near(pixels.at(30, y)[:3], full.at(30, y), 8, (share, y))
            self.scale(data, "-s", "64", "--strict", status=1)
            self.assertIn("damaged", self.said)

    def test_a_png_whose_pixels_are_damaged(self):
        whole = bytearray(png_of(lambda x, y: ((x * 7919 + y * 104729) % 251,), 512, 512))
        whole[len(whole) // 2] ^= 0xFF
        self.scale(bytes(whole), "-s", "64", notes=("salvaged",))
        self.scale(bytes(whole), "-s", "64", "--strict", status=1)

    def test_a_gif_that_ends_too_early(self):
        indices = quadrants(256, 256, ((0,), (1,), (2,), (3,)))
        whole = gif_of(256, 256, COLOURS, [gif_frame(0, 0, 256, 256, indices)])
        data = whole[:len(whole) * 3 // 4]
        pixels = self.pixels(data, "-s", "64", "--format", "png", name="in.gif",
                             notes=("salvaged",))
        self.near(pixels.at(8, 8)[:3], RED, 4)
        self.scale(data, "-s", "64", "--format", "png", "--strict", name="in.gif", status=1)

    def test_a_png_with_one_row_too_few(self):
        rows = b"".join(b"\0" + bytes([90]) * 64 for _ in range(40))
        whole = png_of(lambda x, y: (90,), 64, 64)
        start = whole.index(b"IDAT") - 4
        body = b"IDAT" + zlib.compress(rows)
        data = (whole[:start] + struct.pack(">I", len(body) - 4) + body +
                struct.pack(">I", zlib.crc32(body)) + whole[-12:])
        pixels = self.pixels(data, "-s", "16", notes=("salvaged",))
        self.near(pixels.at(8, 4)[:1], (90,), 2)

    def test_whole_pictures_are_not_called_damaged(self):
        for ending in (".jpg", ".png", ".webp", ".tif", ".gif", ".jpg[interlace]"):
            self.scale(self.encode(picture(), ending), "-s", "32", "--format", "png", "--strict",
                       name="in" + ending.partition("[")[0])


if __name__ == "__main__":
    unittest.main()
