# SPDX-License-Identifier: MIT
"""What any S3 has to do with sciame; the tests of each server that others wrote have these cases."""
import os

from support import png, sciame, tree, write

# No characters that XML can't hold: some servers put keys into XML as they are.
ODD_NAMES = ["plain.jpg", "=.jpg", ":.jpg", "*.jpg", "+.jpg", "(x).jpg", "x@2x.jpg", "a b.jpg",
             "gr\u00fc\u00dfe \u6771\u4eac \U0001f41d.jpg", "100%.jpg", "%41.jpg", "%2F.jpg",
             "?x=1&y#z.jpg", "'\"<>&;,$!^`{|}[]\\.jpg", "~-_.jpg"]


class ForeignS3:
    """Beside a Case that sets `endpoint`, and `keys` with the environment that they are in; there
    are the buckets photos and small."""

    def scale(self, status, *arguments, **more):
        result = sciame("scale", "--s3-endpoint", self.endpoint, *arguments,
                        env={**self.keys, **more})
        self.check(result, status)
        return result

    def test_there_and_back_again(self):
        for number, name in enumerate(ODD_NAMES):
            write(self.path(os.path.join("in", "d", name)), png(120, 80, number))
        self.scale(0, "--size", "500", self.path("in"), "s3://photos/a/b")
        self.scale(0, "--size", "60", "s3://photos/a", "s3://small")
        self.scale(0, "--size", "60", "s3://small/b", self.path("out"))
        self.scale(0, "--size", "60", self.path("in"), self.path("local"))
        self.assertEqual(tree(self.path("out")), tree(self.path("local")))
        self.assertEqual(len(tree(self.path("out"))), len(ODD_NAMES))

    def test_more_keys_than_a_page_holds(self):
        picture = png(8, 8)
        for number in range(1100):
            write(self.path("in/%04d.png" % number), picture)
        self.scale(0, self.path("in"), "s3://photos")
        self.scale(0, "s3://photos", self.path("out"))
        self.assertEqual(tree(self.path("out")), tree(self.path("in")))

    def test_large_outputs_go_in_parts(self):
        # a picture that is small enough is copied, with all of it even what follows its end
        data = png(8, 8) + os.urandom(17 << 20)
        write(self.path("in/large.png"), data)
        self.scale(0, "--metadata", "all", self.path("in"), "s3://photos")
        self.scale(0, "--metadata", "all", "s3://photos/large.png", self.path("back.png"))
        with open(self.path("back.png"), "rb") as file:
            self.assertEqual(file.read(), data)

    def test_a_bucket_that_is_not_there_is_said(self):
        write(self.path("in/a.png"), png(8, 8))
        result = self.scale(2, "s3://nowhere", self.path("out"))
        self.assertIn("there is no bucket nowhere", result[2])
        result = self.scale(74, "--disk-wait", "1s", self.path("in"), "s3://nowhere")
        self.assertIn("there is no bucket nowhere", result[2])
