# SPDX-License-Identifier: MIT
"""sciame scale: what comes out, whatever the number of lanes."""
import os
import resource
import subprocess
import unittest

from support import CORPUS, Case, convert, png, sciame, temporaries, tree, write


def size(path):
    out = subprocess.run(["vipsheader", "-f", "width", path], capture_output=True, check=True)
    width = int(out.stdout)
    out = subprocess.run(["vipsheader", "-f", "height", path], capture_output=True, check=True)
    return width, int(out.stdout)


class Outputs(Case):
    def test_any_number_of_lanes_makes_the_same_bytes(self):
        source = self.make_pictures("in", 24, 700, 500, ("jpg", "png", "webp", "tif", "gif"))
        self.make_pictures("in/small", 6, 90, 70, ("jpg", "png"))
        self.check(sciame("scale", "--serial", source, self.path("serial")), 0,
                   "copied 6 scaled 24 single-threaded")
        expected = tree(self.path("serial"))
        self.assertEqual(sorted(expected), sorted(tree(source)))
        for lanes in ("1", "2", "4"):
            target = self.path("out" + lanes)
            self.check(sciame("scale", "-c", lanes, source, target), 0,
                       "copied 6 scaled 24 using %s processes" % lanes)
            self.assertEqual(tree(target), expected, "%s lanes" % lanes)

    def test_small_pictures_are_copied_byte_for_byte(self):
        source = self.make_pictures("in", 5, 90, 70, ("jpg", "png", "webp", "tif", "gif"))
        self.check(sciame("scale", source, self.path("out")), 0,
                   "copied 5 scaled 0 using %d processes" % len(os.sched_getaffinity(0)))
        # libvips writes EXIF into each WebP, so that the first copy is smaller
        first = tree(self.path("out"))
        self.check(sciame("scale", self.path("out"), self.path("again")), 0)
        self.assertEqual(tree(self.path("again")), first)
        made = tree(source)
        changed = [name for name in made if made[name] != first[name]]
        self.assertEqual(changed, [b"d2/p002.webp"])

    def test_pictures_fit_the_box_and_keep_their_shape(self):
        write(self.path("in/a.png"), png(800, 400))
        write(self.path("in/b.png"), png(300, 900))
        for box, a, b in (("200", (200, 100), (67, 200)), ("300x90", (180, 90), (30, 90))):
            for mode in ("--smooth", "--no-smooth"):
                target = self.path("out" + box + mode)
                self.check(sciame("scale", mode, "-s", box, self.path("in"), target), 0)
                got = [size(os.path.join(target, name)) for name in ("a.png", "b.png")]
                for (width, height), want in zip(got, (a, b)):
                    self.assertLessEqual(width, want[0] + 1)
                    self.assertLessEqual(height, want[1] + 1)
                    if mode == "--smooth":
                        self.assertEqual((width, height), want)
                    self.assertGreater(2 * width, want[0])

    def test_another_format_changes_the_names(self):
        write(self.path("in/a.b.png"), png(600, 400))
        write(self.path("in/noending"), png(60, 40))
        self.check(sciame("scale", "--format", "webp", self.path("in"), self.path("out")), 0)
        self.assertEqual(sorted(tree(self.path("out"))), [b"a.b.webp", b"noending.webp"])
        self.assertEqual(size(self.path("out/noending.webp")), (60, 40))

    def test_quality_changes_the_size(self):
        write(self.path("a.png"), png(900, 700))
        for quality in ("10", "95"):
            self.check(sciame("scale", "--format", "jpeg", "--quality", quality,
                              self.path("a.png"), self.path(quality + ".jpg")), 0)
        self.assertLess(os.path.getsize(self.path("10.jpg")) * 2,
                        os.path.getsize(self.path("95.jpg")))

    def test_orientation_is_applied_once(self):
        write(self.path("a.png"), png(800, 400))
        convert(self.path("a.png"), self.path("in.jpg"))
        with open(self.path("in.jpg"), "rb") as file:
            data = file.read()
        exif = (b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")
        app1 = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        write(self.path("in.jpg"), data[:2] + app1 + data[2:])
        self.check(sciame("scale", "-s", "200", self.path("in.jpg"), self.path("out.jpg")), 0)
        self.assertEqual(size(self.path("out.jpg")), (100, 200))
        self.check(sciame("scale", "-s", "100", self.path("out.jpg"), self.path("out2.jpg")), 0)
        self.assertEqual(size(self.path("out2.jpg")), (50, 100))

    def test_a_single_picture_goes_to_a_file_or_into_a_folder(self):
        write(self.path("a.png"), png(600, 300))
        self.check(sciame("scale", self.path("a.png"), self.path("x/b.png")), 0)
        self.check(sciame("scale", self.path("a.png"), self.path("new/")), 0)
        os.mkdir(self.path("there"))
        self.check(sciame("scale", self.path("a.png"), self.path("there")), 0)
        for name in ("x/b.png", "new/a.png", "there/a.png"):
            self.assertEqual(size(self.path(name)), (400, 200))

    def test_a_second_run_replaces_what_the_first_made(self):
        write(self.path("in/a.png"), png(600, 300))
        self.check(sciame("scale", self.path("in"), self.path("out")), 0)
        self.check(sciame("scale", "-s", "100", self.path("in"), self.path("out")), 0)
        self.assertEqual(size(self.path("out/a.png")), (100, 50))

    def test_synced_outputs_are_the_same(self):
        source = self.make_pictures("in", 4)
        self.check(sciame("scale", source, self.path("a")), 0)
        self.check(sciame("scale", "--fsync", source, self.path("b")), 0)
        self.assertEqual(tree(self.path("a")), tree(self.path("b")))


class Listing(Case):
    def test_target_inside_source_is_left_out(self):
        write(self.path("in/a.png"), png(60, 30))
        for _ in range(2):
            self.check(sciame("scale", "-c", "2", self.path("in"), self.path("in/out")), 0,
                       "copied 1 scaled 0 using 2 processes")
        self.assertEqual(sorted(tree(self.path("in"))), [b"a.png", b"out/a.png"])

    def test_hidden_files_are_left_out(self):
        write(self.path("in/.hidden.png"), png(60, 30))
        write(self.path("in/.git/a.png"), png(60, 30))
        write(self.path("in/a.png"), png(60, 30))
        self.check(sciame("scale", self.path("in"), self.path("out")), 0)
        self.assertEqual(list(tree(self.path("out"))), [b"a.png"])

    def test_names_are_bytes(self):
        names = [b"new\nline.png", b"a.png[shrink=8]", b"\xff\xfe.png", b"-n.png", b" sp ace.png",
                 b"x" * 251 + b".png", "ä/ö.png".encode(), b"a:b.png", b"tab\t\x1b[31m.png"]
        for name in names:
            path = os.path.join(os.fsencode(self.path("in")), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(png(500, 300))
        result = sciame("scale", "-v", self.path("in"), self.path("out"))
        self.check(result, 0)
        self.assertEqual(sorted(tree(self.path("out"))), sorted(names))
        self.assertNotIn("\x1b", result[1] + result[2])
        self.assertIn("scaled a.png[shrink=8]\n", result[1])

    def test_links_are_followed(self):
        write(self.path("elsewhere/b.png"), png(60, 30))
        write(self.path("in/sub/a.png"), png(60, 30))
        os.symlink(self.path("elsewhere"), self.path("in/link"))
        os.symlink("../elsewhere/b.png", self.path("in/c.png"))
        result = sciame("scale", "-c", "2", self.path("in"), self.path("out"))
        self.assertEqual(sorted(tree(self.path("out"))), [b"c.png", b"link/b.png", b"sub/a.png"])
        self.check(result, 0)

    def test_a_folder_that_contains_itself_is_reported(self):
        write(self.path("in/sub/a.png"), png(60, 30))
        os.symlink("..", self.path("in/sub/loop"))
        result = sciame("scale", "-c", "2", self.path("in"), self.path("out"))
        self.check(result, 1, "copied 1 scaled 0 skipped 1 using 2 processes")
        self.assertIn("sub/loop: a link to a folder that contains it", result[2])

    def test_many_small_files_in_many_folders(self):
        data = png(20, 20)
        for i in range(3000):
            write(self.path("in/d%d/e%d/p%d.png" % (i % 17, i % 150, i)), data)
        self.check(sciame("scale", "-c", "3", self.path("in"), self.path("out")), 0,
                   "copied 3000 scaled 0 using 3 processes")
        self.assertEqual(tree(self.path("out")), tree(self.path("in")))

    def test_an_empty_folder_is_a_run_of_nothing(self):
        os.mkdir(self.path("in"))
        self.check(sciame("scale", "-c", "2", self.path("in"), self.path("out")), 0,
                   "copied 0 scaled 0 using 2 processes")


class ShortJobs(Case):
    def test_they_travel_together(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw
        self.check(sciame("noop", "-c", "1", "-n", "100000"), 0)
        switches = resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw - before
        self.assertLess(switches, 50000)  # one for each job and more when they go one by one


class Corpus(Case):
    """Pictures that are not part of the project; skipped where they are not there."""

    def run_over(self, name):
        source = os.path.join(CORPUS, name)
        if not os.path.isdir(source):
            self.skipTest("no corpus")
        result = sciame("scale", "--format", "jpeg", "--on-collision", "suffix", source,
                        self.path("out"))
        self.assertIn(result[0], (0, 1), result)
        self.assertNotIn("lane ended", result[2])
        self.assertNotIn("no result after", result[2])
        self.assertEqual(temporaries(self.path("out")), [])
        for path in tree(self.path("out")).values():
            self.assertTrue(path)

    def test_photos(self):
        self.run_over("photos")

    def test_odd_damaged_and_hostile_pictures(self):
        self.run_over("images")


if __name__ == "__main__":
    unittest.main()
