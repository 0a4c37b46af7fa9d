# SPDX-License-Identifier: MIT
"""The same against OpenStack Swift with s3api, which checks signatures as it understands them.

Where Debian's python3-swift and memcached are not installed these tests are skipped, and say so.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from foreign_s3 import ForeignS3  # noqa: E402
from support import Case, main_or_skip  # noqa: E402
from swift_server import SwiftServer, missing  # noqa: E402


class Swift(ForeignS3, Case):
    def setUp(self):
        super().setUp()
        without = missing()
        if without:
            self.skipTest("no Swift: " + without)
        server = SwiftServer(self.path("swift"), ["photos", "small"])
        self.addCleanup(server.close)
        server.open()
        self.endpoint, self.keys = server.url, server.environment()

    def test_a_wrong_key_is_said(self):
        result = self.scale(2, "s3://photos", self.path("out"), AWS_SECRET_ACCESS_KEY="wrong")
        self.assertIn("the signature is wrong", result[2])


if __name__ == "__main__":
    main_or_skip()
