# SPDX-License-Identifier: MIT
"""The test server for feeds itself: that each of its manners is what the tests take it for."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
import zlib

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
import feed_server  # noqa: E402
from feed_server import DeadHost, FeedServer  # noqa: E402

PATIENCE = 60  # seconds; only a broken server needs them


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def get(url, **headers):
    """Status, header fields, body."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with OPENER.open(request, timeout=PATIENCE) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def raw(server, path):
    """A socket on which path has been asked for."""
    sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    sock.sendall(b"GET %s HTTP/1.1\r\nHost: raw\r\n\r\n" % path.encode())
    return sock


def read_at_least(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


class FeedServerTest(unittest.TestCase):
    def setUp(self):
        self.server = FeedServer(hosts=3).start()
        self.addCleanup(self.server.stop)

    def get(self, path, **parameters):
        return get(self.server.url(path, **parameters))

    def background(self, count, path, **parameters):
        """The threads of `count` clients that ask for the same."""
        def ask():
            try:
                self.get(path, **parameters)
            except (OSError, http.client.HTTPException):
                pass  # the server was stopped
        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def test_every_kind_has_the_items_asked_for(self):
        for path, tag in (("/rss", "item"), ("/rdf", "{http://purl.org/rss/1.0/}item"),
                          ("/atom", "{http://www.w3.org/2005/Atom}entry")):
            _, fields, body = self.get(path, items=7, title="A & <b>")
            found = list(ElementTree.fromstring(body).iter(tag))
            self.assertEqual(len(found), 7)
            self.assertIn("application/", fields["Content-Type"])
            self.assertIn(b"A &amp; &lt;b&gt;", body)
        feed = json.loads(self.get("/json", items=7, first=86400, step=60)[2])
        self.assertEqual([item["date_published"] for item in feed["items"]][:2],
                         ["1970-01-02T00:00:00Z", "1970-01-01T23:59:00Z"])
        self.assertEqual(len(feed["items"]), 7)
        self.assertIn(b"Fri, 02 Jan 1970 00:00:00 GMT", self.get("/rss", first=86400)[2])

    def test_each_host_has_an_address(self):
        for host in range(3):
            self.assertEqual(get(self.server.url("/rss", host=host))[0], 200)
        hosts = {request.host for request in self.server.requests()}
        self.assertEqual(hosts, {"127.0.0.%d:%d" % (i, self.server.port) for i in (1, 2, 3)})

    def test_most_at_once_counts_each_host(self):
        threads = self.background(4, "/rss", hold="a")
        self.server.wait_count(4)
        self.assertEqual(self.server.most_at_once(), 4)
        get(self.server.url("/atom", host=1))
        self.server.release("a")
        for thread in threads:
            thread.join()
        self.server.wait_idle()
        get(self.server.url("/rss"))
        self.assertEqual(self.server.most_at_once(), 5)
        self.assertEqual(self.server.most_at_once("127.0.0.1:%d" % self.server.port), 4)
        self.assertEqual(self.server.most_at_once("127.0.0.2:%d" % self.server.port), 1)

    def test_one_client_in_turns_is_never_two_at_once(self):
        for _ in range(50):
            self.get("/rss", length="-30")
        self.assertEqual(self.server.most_at_once(), 1)

    def test_connections_are_kept_and_counted(self):
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        for path in ("/rss", "/huge?items=10", "/rss?gzip=1", "/status?code=410"):
            client.request("GET", path)
            client.getresponse().read()
        client.close()
        self.assertEqual((self.server.connection_count(), self.server.count()), (1, 4))

    def test_what_waits_ends_with_the_server(self):
        threads = self.background(2, "/rss", delay=1000)
        threads += self.background(1, "/rss", hold="never")
        threads += self.background(1, "/silence") + self.background(1, "/drip")
        self.server.wait_count(5)
        self.server.stop()
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
        port = self.server.port
        self.server.start()
        self.assertEqual(self.server.port, port)
        self.assertEqual(self.get("/rss")[0], 200)

    def test_drip_sends_byte_after_byte(self):
        with raw(self.server, "/rss?drip=0.0002&type=x") as sock:
            head = read_at_least(sock, 1)
            while b"\r\n\r\n" not in head:
                head += read_at_least(sock, 1)
            body = head.partition(b"\r\n\r\n")[2]
            pieces = 0
            while b"</rss>" not in body:
                body += read_at_least(sock, 1)
                pieces += 1
        self.assertGreater(pieces, 20)

    def test_drop_closes_in_the_middle(self):
        whole = self.get("/rss")[2]
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.get("/rss", drop=100)
        self.assertEqual(caught.exception.partial, whole[:100])

    def test_close_refuses_the_first_requests(self):
        for _ in range(2):
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionError)):
                self.get("/rss", close=2)
        self.assertEqual(self.get("/rss", close=2)[0], 200)

    def test_error_is_for_the_first_requests(self):
        statuses = [self.get("/rss", error=503, first=2, retry=7)[0] for _ in range(3)]
        self.assertEqual(statuses, [503, 503, 200])

    def test_redirects(self):
        status, fields, _ = self.get("/redirect", to="ftp://x/", status=301)
        self.assertEqual((status, fields["Location"]), (301, "ftp://x/"))
        self.assertEqual(self.get("/redirect")[1]["Location"], "/rss")
        self.assertEqual(self.get("/circle")[1]["Location"], "/circle?k=1")
        url, hops = "/hops?n=3&status=308&to=/atom", 0
        while url.startswith("/hops"):
            status, fields, _ = self.get(url)
            self.assertEqual(status, 308)
            url, hops = fields["Location"], hops + 1
        self.assertEqual((hops, url), (3, "/atom"))

    def test_length_lies(self):
        whole = self.get("/rss")[2]
        with self.assertRaises(http.client.IncompleteRead):
            self.get("/rss", length="+10")
        self.assertEqual(self.get("/rss", length="-10")[2], whole[:-10])

    def test_charset_lies(self):
        _, fields, body = self.get("/rss", declare="us-ascii", encode="windows-1252",
                                   charset="utf-16", title="Caf\u00e9")
        self.assertEqual(fields["Content-Type"], "application/rss+xml; charset=utf-16")
        self.assertIn(b'encoding="us-ascii"', body)
        self.assertIn(b"<title>Caf\xe9</title>", body)
        self.assertIsNone(self.get("/rss", type="none")[1]["Content-Type"])

    def test_gzip(self):
        whole = self.get("/rss")[2]
        _, fields, body = self.get("/rss", gzip=1)
        self.assertEqual(fields["Content-Encoding"], "gzip")
        self.assertEqual(zlib.decompress(body, 31), whole)
        self.assertEqual(self.get("/rss", gzip="lie")[2], whole)

    def test_bomb_is_small_on_the_wire(self):
        body = self.get("/bomb", bytes=10 << 20)[2]
        self.assertLess(len(body), 20000)
        self.assertGreater(len(zlib.decompress(body, 31)), 10 << 20)

    def test_long_title_has_its_size(self):
        body = self.get("/long-title", bytes=1 << 20)[2]
        title = ElementTree.fromstring(body).findtext("channel/item/title")
        self.assertEqual(len(title), 1 << 20)

    def test_huge_starts_at_once_and_is_well_formed(self):
        with raw(self.server, "/huge") as sock:
            self.assertIn(b"<item>", read_at_least(sock, 200000))
        body = self.get("/huge", items=2500, kind="atom")[2]
        self.assertEqual(body.count(b"<entry>"), 2500)
        ElementTree.fromstring(body)
        self.assertEqual(len(json.loads(self.get("/huge", items=1001, kind="json")[2])["items"]),
                         1001)

    def test_endless_ones_go_on(self):
        for path, size in (("/endless", 3 << 20), ("/endless-headers", 1 << 20)):
            with raw(self.server, path) as sock:
                self.assertGreaterEqual(len(read_at_least(sock, size)), size)
        with raw(self.server, "/garbage") as sock:
            self.assertNotIn(b"HTTP/", read_at_least(sock, 1000))

    def test_validators(self):
        path = "/rss?etag=a&modified=86400"
        fields = self.get(path)[1]
        self.assertEqual(fields["ETag"], '"a"')
        self.assertEqual(fields["Last-Modified"], "Fri, 02 Jan 1970 00:00:00 GMT")
        self.assertEqual(self.server.conditional("/rss"), (0, 0, 0))
        right = {"If-None-Match": '"a"', "If-Modified-Since": "Fri, 02 Jan 1970 00:00:00 GMT"}
        self.assertEqual(get(self.server.url(path), **right)[0], 304)
        self.assertEqual(self.server.conditional("/rss"), (1, 1, 1))
        right["If-None-Match"] = '"b"'
        self.assertEqual(get(self.server.url(path), **right)[0], 200)
        self.assertEqual(self.server.conditional("/rss"), (2, 1, 1))
        self.assertEqual(get(self.server.url(path), **{"If-None-Match": '"a"'})[0], 304)
        self.assertEqual(self.server.conditional("/rss"), (3, 1, 2))

    def test_statuses_and_retry_after(self):
        self.assertEqual(self.get("/status", code=410)[0], 410)
        status, fields, _ = self.get("/status", code=429, retry=120)
        self.assertEqual((status, fields["Retry-After"]), (429, "120"))
        self.assertRegex(self.get("/rss", status=503, retry_date=60)[1]["Retry-After"], " GMT$")
        self.assertEqual(self.get("/nothing")[0], 404)

    def test_what_a_test_puts_may_change(self):
        self.server.put("/x", b"one")
        self.server.alias("/y", "/x?etag=1")
        self.assertEqual((self.get("/x")[2], self.get("/y")[1]["ETag"]), (b"one", '"1"'))
        self.server.alias("/y", "/rss?status=500")
        self.assertEqual(self.get("/y")[0], 500)

    def test_requests_are_recorded(self):
        get(self.server.url("/rss", a=1), **{"User-Agent": "tester"})
        request = self.server.requests("/rss")[0]
        self.assertEqual((request.method, request.query, request.headers["user-agent"]),
                         ("GET", {"a": "1"}, "tester"))
        report = json.loads(self.get("/_report")[2])
        self.assertEqual([entry["target"] for entry in report["requests"]],
                         ["/rss?a=1", "/_report"])

    def test_dead_host_never_takes_a_connection(self):
        dead = DeadHost()
        self.addCleanup(dead.close)
        with socket.socket() as client:
            client.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                client.connect(dead.address)

    def test_program(self):
        for end in (lambda program: program.stdin.close(),
                    lambda program: program.send_signal(signal.SIGTERM)):
            program = subprocess.Popen([sys.executable, feed_server.__file__, "--hosts", "2"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            url = program.stdout.readline().decode().strip()
            self.assertEqual(get(url + "/rss")[0], 200)
            end(program)
            report = json.loads(program.stdout.read())
            program.stdout.close()
            program.stdin.close()
            self.assertEqual(program.wait(PATIENCE), 0)
            self.assertEqual(report["connections"], 1)


if __name__ == "__main__":
    unittest.main()
