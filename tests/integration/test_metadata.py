# SPDX-License-Identifier: MIT
"""sciame scale: what outputs say besides their pixels, as another program (exiftool) reads it."""
import json
import os
import shutil
import subprocess
import unittest

from support import Case, convert, main_or_skip, png, sciame, tree, write

CREATOR = "Käthe Müller"
NOTICE = "© 2020 Käthe & <Co>"
FORMATS = ("jpg", "png", "webp", "tif", "gif", "avif", "jxl")
WOVEN = ("jpg", "png", "webp", "gif", "jxl", "tif")  # copied with other metadata, the same pixels
# none of these may be in an output, nor in any tag that a reader finds
SECRETS = ("SN-12345", "47.5", "47 deg", "SECRET", "Bern")
PLANTED = [
    "-EXIF:GPSLatitude=47.5", "-EXIF:GPSLatitudeRef=N", "-EXIF:GPSLongitude=8.25",
    "-EXIF:GPSLongitudeRef=E", "-EXIF:SerialNumber=SN-12345", "-EXIF:LensSerialNumber=SN-12345",
    "-EXIF:UserComment=SECRET", "-EXIF:ImageDescription=SECRET", "-EXIF:Make=SECRET",
    "-IFD1:Make=SECRET", "-XMP-exif:GPSLatitude=47.5", "-XMP-aux:SerialNumber=SN-12345",
    "-XMP-dc:Description=SECRET", "-XMP-xmpMM:DocumentID=SECRET", "-IPTC:City=Bern",
    "-Comment=SECRET",
]
RIGHTS = {
    "exif": ["-EXIF:Artist=" + CREATOR, "-EXIF:Copyright=" + NOTICE],
    "xmp": ["-XMP-dc:Creator=" + CREATOR, "-XMP-dc:Rights=" + NOTICE,
            "-XMP-photoshop:Credit=Agency", "-XMP-xmpRights:Marked=true",
            "-XMP-xmpRights:WebStatement=https://example.org/?a=1&b=2",
            "-XMP-xmpRights:UsageTerms=ask first"],
    "iptc": ["-IPTC:By-line=" + CREATOR, "-IPTC:CopyrightNotice=" + NOTICE,
             "-IPTC:Credit=Agency"],
}


def plant(paths, *tags):
    # -m: also what is unusual in a format, such as IPTC in a PNG
    subprocess.run(["exiftool", "-q", "-q", "-m", "-n", "-overwrite_original", *tags, *paths],
                   check=True)


def read(paths):
    """{"Group:Tag": text} of each, all that exiftool finds, thumbnails and maker notes too."""
    out = subprocess.run(["exiftool", "-j", "-G1", "-a", "-u", "-struct", *paths],
                         check=True, capture_output=True)
    found = {tags["SourceFile"]: tags for tags in json.loads(out.stdout)}
    # in a file's own words: its header is no metadata, but its comment is
    other = ("System:", "ExifTool:", "SourceFile", "File:")
    return [{tag: value for tag, value in found[path].items()
             if tag == "File:Comment" or not tag.startswith(other)} for path in paths]


def pixels(path):
    """What a decoder makes of it."""
    out = subprocess.run(["vips", "rawsave", path, path + ".raw"], capture_output=True)
    assert out.returncode == 0, out.stderr
    with open(path + ".raw", "rb") as file:
        data = file.read()
    os.unlink(path + ".raw")
    return data


class Metadata(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("exiftool"):
            self.skipTest("no exiftool")

    def make(self, name, width, height, *tags):
        path = self.path("in/" + name)
        write(self.path("seed.png"), png(width, height))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        convert(self.path("seed.png"), path)
        if tags:
            plant([path], *tags)
        return path

    def make_all(self, *tags):
        """One to be scaled and one to be copied in each format."""
        made = []
        for format in FORMATS:
            made.append(self.make("big." + format, 500, 300))
            made.append(self.make("small." + format, 90, 70))
        plant(made, *tags)

    def scale(self, *arguments):
        """(name, path, tags) of each output."""
        self.check(sciame("scale", "-s", "200", *arguments, self.path("in"), self.path("out")), 0)
        names = [os.fsdecode(name) for name in sorted(tree(self.path("out")))]
        paths = [self.path("out/" + name) for name in names]
        return list(zip(names, paths, read(paths)))

    def check_silent(self, name, path, tags):
        shown = json.dumps(tags, ensure_ascii=False)
        for tag in tags:
            self.assertNotRegex(tag, "GPS|Serial|Thumb|Maker|IFD1|IPTC|Comment", name)
        with open(path, "rb") as file:
            data = file.read()
        for secret in SECRETS:
            self.assertNotIn(secret, shown, name)
            if secret.isalpha() or "SN" in secret:
                self.assertNotIn(secret.encode(), data, name)
        return tags

    def check_rights(self, name, tags, more=True):
        self.assertEqual(tags.get("XMP-dc:Creator"), [CREATOR], (name, tags))
        self.assertEqual(tags.get("XMP-dc:Rights"), NOTICE, name)
        if more:
            self.assertEqual(tags.get("XMP-photoshop:Credit"), "Agency", name)
            self.assertEqual(tags.get("XMP-xmpRights:Marked"), True, name)
            self.assertEqual(tags.get("XMP-xmpRights:WebStatement"),
                             "https://example.org/?a=1&b=2", name)
            self.assertEqual(tags.get("XMP-xmpRights:UsageTerms"), "ask first", name)
        if not name.endswith(".gif"):  # it has XMP only
            self.assertEqual(tags.get("IFD0:Artist"), CREATOR, name)
            self.assertEqual(tags.get("IFD0:Copyright"), NOTICE, name)

    def test_only_rights_are_kept_in_every_format(self):
        self.make_all(*PLANTED, *RIGHTS["exif"], *RIGHTS["xmp"])
        before = {name: pixels(self.path("in/small." + name)) for name in WOVEN}
        outputs = self.scale()
        self.assertEqual(len(outputs), 2 * len(FORMATS))
        for name, path, tags in outputs:
            self.check_rights(name, self.check_silent(name, path, tags))
        for name, data in before.items():
            self.assertEqual(pixels(self.path("out/small." + name)), data, name)

    def test_rights_are_taken_from_whichever_block_has_them(self):
        for source, formats in (("exif", ("jpg", "png", "webp", "tif", "avif", "jxl")),
                                ("iptc", ("jpg",)), ("xmp", FORMATS)):
            made = []
            for format in formats:
                made.append(self.make("%s-big.%s" % (source, format), 500, 300))
                made.append(self.make("%s-small.%s" % (source, format), 90, 70))
            plant(made, *PLANTED, *RIGHTS[source])
        for name, path, tags in self.scale():
            self.check_silent(name, path, tags)
            self.check_rights(name, tags, more=name.startswith("xmp"))

    def test_a_png_says_it_in_texts_too(self):
        for name, width in (("big.png", 500), ("small.png", 90)):
            self.make(name, width, 70, "-PNG:Author=" + CREATOR, "-PNG:Copyright=" + NOTICE,
                      "-PNG:Software=SECRET")
        for name, path, tags in self.scale():
            self.check_rights(name, self.check_silent(name, path, tags), more=False)

    def test_none_says_nothing(self):
        self.make_all(*PLANTED, *RIGHTS["exif"], *RIGHTS["xmp"])
        for name, path, tags in self.scale("--metadata", "none"):
            self.check_silent(name, path, tags)
            for tag in tags:
                self.assertNotRegex(tag, "XMP|Artist|Copyright", name)
            with open(path, "rb") as file:
                self.assertNotIn(CREATOR.encode(), file.read(), name)

    def test_other_formats_get_them_too(self):
        plant([self.make("%s/a.%s" % (source, source), 500, 300) for source in FORMATS],
              *PLANTED, *RIGHTS["exif"], *RIGHTS["xmp"])
        for format in ("jpeg", "png", "webp"):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            outputs = self.scale("--format", format)
            self.assertEqual(len(outputs), len(FORMATS))
            for name, path, tags in outputs:
                self.check_rights(name, self.check_silent(name, path, tags))

    def test_all_keeps_what_is_still_true(self):
        tags = [*PLANTED, *RIGHTS["exif"], *RIGHTS["xmp"], "-EXIF:Orientation=6",
                "-XMP-tiff:Orientation=6", "-EXIF:ExifImageWidth=500", "-EXIF:ExifImageHeight=300",
                "-XMP-exif:ExifImageWidth=500", "-XMP-tiff:ImageHeight=300"]
        write(self.path("t.png"), png(80, 48))
        convert(self.path("t.png"), self.path("thumbnail.jpg"))
        for format in ("jpg", "webp", "png"):
            self.make("a." + format, 500, 300, *tags,
                      "-ThumbnailImage<=" + self.path("thumbnail.jpg"))
        self.assertIn("IFD1:ThumbnailImage", read([self.path("in/a.jpg")])[0])
        for name, _, found in self.scale("--metadata", "all"):
            self.assertIn("47 deg", found["GPS:GPSLatitude"], name)
            self.assertIn("SN-12345", found.values(), name)
            self.assertEqual(found["XMP-dc:Description"], "SECRET", name)
            self.assertEqual(found["IFD0:Artist"], CREATOR, name)
            self.assertEqual(found["IFD0:Orientation"], "Horizontal (normal)", name)
            self.assertEqual(found["XMP-tiff:Orientation"], "Horizontal (normal)", name)
            self.assertEqual((found["ExifIFD:ExifImageWidth"], found["ExifIFD:ExifImageHeight"]),
                             (120, 200), name)
            self.assertEqual((found["XMP-exif:ExifImageWidth"], found["XMP-tiff:ImageHeight"]),
                             (120, 200), name)
            self.assertFalse([tag for tag in found if "Thumb" in tag or "IFD1" in tag], name)

    def test_all_copies_byte_for_byte(self):
        for format in FORMATS:
            self.make("small." + format, 90, 70, *PLANTED, *RIGHTS["xmp"])
        self.scale("--metadata", "all")
        self.assertEqual(tree(self.path("out")), tree(self.path("in")))

    def test_what_says_nothing_is_copied_byte_for_byte(self):
        profile = self.path("in/profile.jpg")
        for format in FORMATS:
            self.make("small." + format, 90, 70)
        self.make("profile.jpg", 90, 70)
        subprocess.run(["vips", "icc_transform", profile, self.path("p.jpg[strip=false]"), "p3"],
                       check=True, capture_output=True)
        shutil.move(self.path("p.jpg"), profile)
        plant([profile], "-all=", "--icc_profile:all")
        self.assertIn("ICC-header:ColorSpaceData", read([profile])[0])
        self.make("said.webp", 90, 70, *RIGHTS["exif"], *RIGHTS["xmp"])
        plant([self.path("in/small." + format) for format in ("jpg", "png", "webp")], "-all=")
        self.scale()
        # what is not encoded anew is the same, and once it is clean it stays as it is
        for name in ("profile.jpg", "small.jpg", "small.png", "small.webp", "small.gif"):
            self.assertEqual(tree(self.path("out"))[name.encode()],
                             tree(self.path("in"))[name.encode()], name)
        shutil.rmtree(self.path("in"))
        shutil.move(self.path("out"), self.path("in"))
        self.scale()
        self.assertEqual(tree(self.path("out")), tree(self.path("in")))

    def test_a_picture_that_lies_on_its_side_is_turned_when_the_tag_goes(self):
        for format in ("jpg", "png", "webp"):
            self.make("a." + format, 90, 70, "-EXIF:Orientation=6", "-EXIF:GPSLatitude=47.5")
        for policy in ("none", "copyright"):
            for name, path, tags in self.scale("--metadata", policy):
                self.check_silent(name, path, tags)
                out = subprocess.run(["vipsheader", "-f", "width", path], check=True,
                                     capture_output=True)
                self.assertEqual(int(out.stdout), 70, name)

    def test_a_film_behind_the_picture_goes(self):
        path = self.make("a.jpg", 90, 70)
        with open(path, "ab") as file:
            file.write(b"SECRET film")
        self.scale()
        with open(self.path("out/a.jpg"), "rb") as file:
            self.assertNotIn(b"SECRET", file.read())


if __name__ == "__main__":
    main_or_skip()
