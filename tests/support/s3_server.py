# SPDX-License-Identifier: MIT
"""A small S3 in memory that checks signatures for itself and fails on request.

It is strict where a real one forgives: a path that is not encoded exactly as Amazon's rules say,
or whose components "." and ".." somebody resolved, is refused.

    with S3Server(["photos"]) as server:
        server.put("photos", b"a/b.jpg", data)
        server.fail(Fault("GET", b"a/b.jpg", "500", times=2))
        ... server.url, server.environment(), server.objects("photos"), server.requests ...
"""
import calendar
import dataclasses
import hashlib
import hmac
import html
import http.server
import socket
import struct
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

ACCESS_KEY = "AKIDTESTSCIAME"
SECRET_KEY = "s3cret/KEY+of=tests"
REGION = "eu-test-1"
SKEW_S = 15 * 60
PLAIN = "-_.~"

CODES = {"400": (400, "InvalidRequest"), "403": (403, "AccessDenied"),
         "404": (404, "NoSuchKey"), "429": (429, "TooManyRequests"),
         "500": (500, "InternalError"), "503": (503, "SlowDown"),
         "late": (400, "RequestTimeout"), "region": (301, "PermanentRedirect")}


@dataclasses.dataclass
class Fault:
    """What goes wrong: `kind` is one of CODES, or
    drop  the connection ends without an answer, cut  in the middle of the answer's body,
    slow  the answer's body comes in small pieces, hang  nothing comes until the server ends,
    etag  the stored object gets an ETag that is none, complete  200 with an error in it,
    short a Content-Length of more bytes than come, doctype  a list with a DTD,
    stall  most of the request's body is not read until the server is told to go on.
    """
    method: str
    key: bytes  # None: any; b"" is a listing
    kind: str
    times: int = 1 << 30
    query: str = ""  # a name that the query must have
    seconds: float = 0.02  # between the pieces of a slow body


@dataclasses.dataclass
class Stored:
    data: bytes
    mtime: float
    etag: str
    type: str = "binary/octet-stream"
    encoding: str = None


class Refusal(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Drop(Exception):
    """Ends the connection at once."""


def sign(secret, date, region, text):
    key = ("AWS4" + secret).encode()
    for part in (date[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (seconds % 1 * 1000)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        try:
            self.serve()
        except Refusal as refusal:
            self.answer_error(refusal.status, refusal.code)
        except (Drop, ConnectionError):
            self.close_connection = True
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any

    # What was asked for.

    def read_request(self):
        raw, _, query = self.path.partition("?")
        path = urllib.parse.unquote_to_bytes(raw)
        if urllib.parse.quote(path, safe="/" + PLAIN) != raw:
            raise Refusal(400, "InvalidURI")
        self.raw = raw
        self.bucket, _, key = path[1:].partition(b"/")
        self.bucket, self.key = self.bucket.decode(), key
        if any(part in (b".", b"..") for part in key.split(b"/")):
            raise Refusal(400, "InvalidURI")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        self.pairs = [(urllib.parse.unquote_to_bytes(name), urllib.parse.unquote_to_bytes(value))
                      for name, _, value in pairs]
        self.query = {name.decode(): value for name, value in self.pairs}

    def read_body(self):
        length = int(self.headers.get("Content-Length", "0"))
        if self.fault and self.fault.kind == "stall":
            self.server.owner.stalled.set()
            self.server.owner.unstall.wait()
        self.body = self.rfile.read(length)
        if len(self.body) < length:
            raise Drop

    def check_signature(self):
        server = self.server.owner
        words, _, rest = self.headers.get("Authorization", "").partition(" ")
        if words != "AWS4-HMAC-SHA256":
            raise Refusal(403, "AccessDenied")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        access, day, region, service, end = parts["Credential"].split("/")
        if access != ACCESS_KEY:
            raise Refusal(403, "InvalidAccessKeyId")
        if (service, end) != ("s3", "aws4_request"):
            raise Refusal(400, "AuthorizationHeaderMalformed")
        date = self.headers["x-amz-date"]
        stamp = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
        if date[:8] != day or abs(stamp - server.now()) > SKEW_S:
            raise Refusal(403, "RequestTimeTooSkewed")
        if server.token and self.headers.get("x-amz-security-token") != server.token:
            raise Refusal(403, "InvalidToken")
        names = parts["SignedHeaders"].split(";")
        must = {name.lower() for name in self.headers
                if name.lower().startswith("x-amz-") or name.lower() == "content-type"}
        if not must | {"host"} <= set(names) or names != sorted(names):
            raise Refusal(403, "SignatureDoesNotMatch")
        payload = self.headers["x-amz-content-sha256"]
        if payload != hashlib.sha256(self.body).hexdigest():
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        quoted = sorted((urllib.parse.quote(name, safe=PLAIN), urllib.parse.quote(value, safe=PLAIN))
                        for name, value in self.pairs)
        canonical = "\n".join([
            self.command, self.raw, "&".join("%s=%s" % pair for pair in quoted),
            *("%s:%s" % (name, self.headers[name].strip()) for name in names), "",
            ";".join(names), payload])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        scope = "/".join((day, region, service, end))
        text = "\n".join(("AWS4-HMAC-SHA256", date, scope, digest))
        if not hmac.compare_digest(sign(SECRET_KEY, date, region, text), parts["Signature"]):
            raise Refusal(403, "SignatureDoesNotMatch")

    # What becomes of it.

    def serve(self):
        server = self.server.owner
        self.read_request()
        with server.lock:
            server.requests.append((self.command, self.bucket, self.key, self.query))
            self.fault = server.take_fault(self)
        self.read_body()
        kind = self.fault.kind if self.fault else ""
        if kind == "drop":
            raise Drop
        if kind == "hang":
            server.ending.wait()
            raise Drop
        if kind in CODES:
            raise Refusal(*CODES[kind])
        self.check_signature()
        if self.bucket not in server.buckets:
            raise Refusal(404, "NoSuchBucket")
        if self.bucket in server.closed:
            raise Refusal(403, "AccessDenied")
        getattr(self, "serve_" + self.command)(server.buckets[self.bucket])

    def serve_GET(self, bucket):
        if not self.key:
            self.list(bucket)
            return
        with self.server.owner.lock:
            stored = bucket.get(self.key)
        if stored is None:
            raise Refusal(404, "NoSuchKey")
        modified = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(stored.mtime))
        fields = {"ETag": stored.etag, "Last-Modified": modified, "Content-Type": stored.type}
        if stored.encoding:
            fields["Content-Encoding"] = stored.encoding
        self.answer(200, stored.data, fields)

    serve_HEAD = serve_GET

    def type(self):
        return self.headers.get("Content-Type", "binary/octet-stream")

    def serve_PUT(self, bucket):
        server = self.server.owner
        etag = '"%s"' % hashlib.md5(self.body).hexdigest()
        wrong = self.fault and self.fault.kind == "etag"
        with server.lock:
            if "uploadId" in self.query:
                upload = server.uploads.get(self.query["uploadId"])
                if not upload or upload["key"] != (self.bucket, self.key):
                    raise Refusal(404, "NoSuchUpload")
                upload["parts"][int(self.query["partNumber"])] = (self.body, etag)
            else:
                bucket[self.key] = Stored(self.body, server.now(), etag, self.type())
        self.answer(200, b"", {"ETag": '"wrong"' if wrong else etag})

    def serve_POST(self, bucket):
        server = self.server.owner
        if "uploads" in self.query:
            with server.lock:
                name = b"upload/%d+=" % len(server.requests)
                server.uploads[name] = {"key": (self.bucket, self.key), "parts": {},
                                        "type": self.type()}
            self.answer(200, b"<?xml version='1.0'?>\n<InitiateMultipartUploadResult><UploadId>" +
                        name + b"</UploadId></InitiateMultipartUploadResult>")
            return
        if self.fault and self.fault.kind == "complete":
            self.answer(200, b"<Error><Code>InternalError</Code></Error>")
            return
        with server.lock:
            upload = server.uploads.get(self.query.get("uploadId"))
            if not upload:
                raise Refusal(404, "NoSuchUpload")
            self.complete(bucket, upload)
            del server.uploads[self.query["uploadId"]]
        self.answer(200, b"<CompleteMultipartUploadResult/>")

    def complete(self, bucket, upload):
        parts, data = upload["parts"], b""
        for number, chunk in enumerate(self.body.split(b"<Part>")[1:], 1):
            body, etag = parts[number]
            named = html.unescape(chunk.split(b"<ETag>")[1].split(b"</ETag>")[0].decode())
            if b"<PartNumber>%d<" % number not in chunk or named != etag:
                raise Refusal(400, "InvalidPart")
            if number < len(parts) and len(body) < 5 << 20:
                raise Refusal(400, "EntityTooSmall")
            data += body
        bucket[self.key] = Stored(data, self.server.owner.now(), '"multi-%d"' % len(parts),
                                  upload["type"])

    def serve_DELETE(self, bucket):
        server = self.server.owner
        with server.lock:
            if "uploadId" in self.query:
                if server.uploads.pop(self.query["uploadId"], None) is None:
                    raise Refusal(404, "NoSuchUpload")
            else:
                bucket.pop(self.key, None)
        self.answer(204, b"")

    def list(self, bucket):
        if self.query.get("list-type") != b"2" or self.query.get("encoding-type") != b"url":
            raise Refusal(400, "InvalidArgument")
        server = self.server.owner
        most = min(int(self.query.get("max-keys", b"1000")), server.page_keys)
        start = bytes.fromhex(self.query.get("continuation-token", b"").decode())
        with server.lock:
            keys = sorted(key for key in bucket
                          if key.startswith(self.query.get("prefix", b"")) and key > start)
            chosen = [(key, bucket[key]) for key in keys[:most]]
        more = len(keys) > len(chosen)
        parts = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"]
        if self.fault and self.fault.kind == "doctype":
            parts.append("<!DOCTYPE a [<!ENTITY b 'c'>]>")
        parts.append('<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                     "<Name>x</Name><IsTruncated>%s</IsTruncated>" % ("true" if more else "false"))
        for key, stored in chosen:
            parts.append("<Contents><Key>%s</Key><LastModified>%s</LastModified>"
                         "<ETag>%s</ETag><Size>%d</Size><Owner><ID>1</ID></Owner></Contents>" % (
                             urllib.parse.quote_plus(key, safe="/"), iso(stored.mtime),
                             escape(stored.etag, {'"': "&quot;"}), len(stored.data)))
        if more:
            parts.append("<NextContinuationToken>%s</NextContinuationToken>" % chosen[-1][0].hex())
        parts.append("<EncodingType>url</EncodingType></ListBucketResult>")
        self.answer(200, "".join(parts).encode(), {"Content-Type": "application/xml"})

    # The answer.

    def answer_error(self, status, code):
        body = b"" if self.command == "HEAD" else (
            "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>m</Message></Error>" %
            code).encode()
        fields = {"Content-Type": "application/xml"}
        if code == "PermanentRedirect":
            fields["x-amz-bucket-region"] = "us-far-9"
        self.fault = None
        self.answer(status, body, fields)

    def answer(self, status, body, fields=None):
        kind = self.fault.kind if self.fault else ""
        self.send_response(status)
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind in ("cut", "short"):
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            if kind == "cut":
                raise Drop
            self.close_connection = True
        elif kind == "slow":
            for start in range(0, len(body), 1 + len(body) // 20):
                self.wfile.write(body[start:start + 1 + len(body) // 20])
                self.server.owner.ending.wait(self.fault.seconds)
        else:
            self.wfile.write(body)


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # a client that went away


class S3Server:
    def __init__(self, buckets):
        self.lock = threading.Lock()
        self.buckets = {name: {} for name in buckets}
        self.closed = set()  # buckets that nobody may use
        self.uploads = {}
        self.requests = []
        self.faults = []
        self.page_keys = 1000
        self.offset = 0  # of its clock, in seconds
        self.token = None
        self.ending = threading.Event()
        self.stalled, self.unstall = threading.Event(), threading.Event()
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.unstall.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def now(self):
        return time.time() + self.offset

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "AWS_REGION": REGION}

    def put(self, bucket, key, data, mtime=None):
        with self.lock:
            etag = '"%s"' % hashlib.md5(data).hexdigest()
            self.buckets[bucket][key] = Stored(data, mtime or self.now(), etag)

    def objects(self, bucket):
        """{key: bytes}"""
        with self.lock:
            return {key: stored.data for key, stored in self.buckets[bucket].items()}

    def fail(self, fault):
        with self.lock:
            self.faults.append(fault)

    def take_fault(self, handler):
        for fault in self.faults:
            if (fault.times > 0 and fault.method == handler.command and
                    fault.key in (None, handler.key) and
                    (not fault.query or fault.query in handler.query)):
                fault.times -= 1
                return fault
        return None

    def count(self, method, key=None):
        with self.lock:
            return sum(1 for request in self.requests
                       if request[0] == method and key in (None, request[2]))
