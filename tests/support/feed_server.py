#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An HTTP server for tests of a feed reader: every good and bad manner, chosen by the URL.

    with FeedServer(hosts=3) as server:
        run(server.url("/rss", items=20, etag="a"), server.url("/drip", host=2))
        server.count("/rss"), server.conditional("/rss"), server.most_at_once()

As a program: feed_server.py [--port N] [--hosts N] prints its first URL, serves until its standard
input ends or a signal comes, then prints its report as JSON. GET /_report gives the same meanwhile.

It listens on 127.0.0.1, 127.0.0.2, ... with the same port: as many hosts. Nothing sleeps: what
waits, waits for an event that stop() or release() sets.

Paths and parameters are listed in feed_answer.py.
"""
import argparse
import collections
import json
import os
import selectors
import signal
import socket
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from feed_answer import Answer, number, seconds  # noqa: E402

HOSTS_MAX = 250
HEAD_MAX = 65536
PATIENCE = 60.0  # seconds
BLOCK = 65536

Request = collections.namedtuple("Request", "method target path query headers host client number")
Conditional = collections.namedtuple("Conditional", "asked right not_modified")


class Hangup(Exception):
    """The connection is to be closed now."""


class Record:
    """What happened. Every question may be asked from any thread at any time."""

    def __init__(self):
        self.changed = threading.Condition()
        self.requests, self.connections = [], 0
        self.now, self.most = collections.Counter(), collections.Counter()
        self.conditional, self.counts = {}, collections.Counter()

    def connected(self):
        with self.changed:
            self.connections += 1

    def enter(self, make):
        """make(counts) is the request; counts are those of each path until now."""
        with self.changed:
            request = make(self.counts)
            self.counts[request.path] += 1
            self.requests.append(request)
            for host in (request.host, None):
                self.now[host] += 1
                self.most[host] = max(self.most[host], self.now[host])
            self.changed.notify_all()
        return request

    def leave(self, request):
        with self.changed:
            for host in (request.host, None):
                self.now[host] -= 1
            self.changed.notify_all()

    def condition(self, path, right, not_modified):
        with self.changed:
            old = self.conditional.get(path, Conditional(0, 0, 0))
            self.conditional[path] = Conditional(
                old.asked + 1, old.right + right, old.not_modified + not_modified)


class Connection:
    """One client: reads request after request, answers each."""

    def __init__(self, server, sock, client):
        self.server, self.sock, self.client = server, sock, client
        self.rest = b""

    def read_head(self):
        """The next request's lines, or None at the end."""
        while b"\r\n\r\n" not in self.rest:
            data = self.sock.recv(BLOCK)
            if not data or len(self.rest) > HEAD_MAX:
                return None
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        return head.decode("latin-1").split("\r\n")

    def read_request(self):
        lines = self.read_head()
        if not lines:
            return None
        method, target, _ = lines[0].split(" ", 2)
        fields = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        parts = urllib.parse.urlsplit(target)  # of a proxy's client, it has a host
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        host = headers.get("host", "").lower()
        return self.server.record.enter(lambda counts: Request(
            method, target, parts.path, query, headers, host, self.client, counts[parts.path]))

    def wait(self, duration):
        if duration > 0 and self.server.stopping.wait(duration):
            raise Hangup

    def send(self, data, pause):
        if not pause:
            self.sock.sendall(data)
            return
        for i in range(len(data)):
            self.sock.sendall(data[i:i + 1])
            self.wait(pause)

    def send_all(self, head, pieces, pauses, left, tail):
        """left() is called before the last `tail` bytes go, so before the client may be done."""
        last, pause = head, pauses[0]
        for piece in pieces:
            self.send(last, pause)
            last, pause = piece, pauses[1]
            if self.server.stopping.is_set():
                raise Hangup
        self.send(last[:-tail], pause)
        left()
        self.send(last[-tail:], pause)

    def odd(self, route, query):
        """The paths that are no responses at all; they end with the connection."""
        if route == "/silence":
            self.server.stopping.wait()
        elif route == "/garbage":
            self.sock.sendall(b"\0\x01\xff no HTTP at all\r\n\r\n")
        elif route == "/endless-headers":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\n")
            field = b"X-Field: " + b"x" * 1000 + b"\r\n"
            while not self.server.stopping.is_set():
                self.send(field * 16, seconds(query, "drip_head"))
        else:
            return
        raise Hangup

    def answer(self, request, left):
        route, query = self.server.resolve(request.path, request.query)
        if "hold" in query:
            self.server.wait_release(query["hold"])
        self.wait(seconds(query, "delay"))
        if request.number < number(query, "close", 0):
            raise Hangup
        self.odd(route, query)
        answer = Answer(self.server, request, route, query)
        head, pieces = answer.make()
        if request.method == "HEAD":
            pieces = iter(())
        drip = seconds(query, "drip") or (1.0 if route == "/drip" else 0)
        self.send_all(head, pieces, (seconds(query, "drip_head"), drip), left,
                      answer.tail)
        return answer.keep and request.headers.get("connection", "").lower() != "close"

    def serve_one(self):
        """Whether there may be another request."""
        request = self.read_request()
        if not request:
            return False
        open_ = [request]

        def left():
            if open_:
                self.server.record.leave(open_.pop())
        try:
            return self.answer(request, left)
        finally:
            left()

    def serve(self):
        try:
            while self.serve_one():
                pass
        except (Hangup, OSError, ValueError):
            pass  # ValueError: not HTTP
        finally:
            self.server.forget(self)


class FeedServer:
    """Serves from start() to stop(), or as a context manager; may be started again, on its port."""

    def __init__(self, port=0, hosts=1):
        if not 1 <= hosts <= HOSTS_MAX:
            raise ValueError("1 to %d hosts" % HOSTS_MAX)
        self.port, self.hosts = port, ["127.0.0.%d" % (i + 1) for i in range(hosts)]
        self.record, self.stopping = Record(), threading.Event()
        self.lock = threading.Condition()
        self.bodies, self.aliases, self.released = {}, {}, set()
        self.listeners, self.connections, self.threads = [], set(), set()
        self.woken, self.waker = None, None

    def listen(self):
        for host in self.hosts:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listeners.append(listener)
            listener.bind((host, self.port))
            listener.listen(1024)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]

    def start(self):
        self.stopping.clear()
        # a port that is free on the first address may be taken on another
        wanted = self.port
        for chance in range(20, -1, -1):
            try:
                self.listen()
                break
            except OSError:
                for listener in self.listeners:
                    listener.close()
                self.listeners, self.port = [], wanted
                if wanted or not chance:
                    raise
        self.woken, self.waker = socket.socketpair()
        self.run(self.accept)
        return self

    def run(self, function):
        thread = threading.Thread(target=function, daemon=True)
        with self.lock:
            self.threads.add(thread)
        thread.start()

    def accept(self):
        with selectors.DefaultSelector() as selector:
            for listener in self.listeners + [self.woken]:
                selector.register(listener, selectors.EVENT_READ)
            while not self.stopping.is_set():
                for key, _ in selector.select():
                    if key.fileobj is not self.woken:
                        self.accept_one(key.fileobj)

    def accept_one(self, listener):
        try:
            sock, client = listener.accept()
        except OSError:
            return  # it went away before
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, sock, client)
        with self.lock:
            self.connections.add(connection)
        self.record.connected()
        self.run(connection.serve)

    def forget(self, connection):
        with self.lock:
            self.connections.discard(connection)
            if not self.stopping.is_set():
                self.threads.discard(threading.current_thread())
        connection.sock.close()

    def stop(self):
        """Ends every response where it is; returns when no thread is left."""
        if not self.listeners:
            return
        self.stopping.set()
        with self.lock:
            self.lock.notify_all()
        self.waker.send(b"x")
        while True:
            with self.lock:
                for connection in self.connections:
                    try:
                        connection.sock.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass  # closed by the other side
                if not self.threads:
                    break
                thread = self.threads.pop()
            thread.join()
        for sock in self.listeners + [self.woken, self.waker]:
            sock.close()
        self.listeners = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def url(self, path, host=0, **parameters):
        """The URL of a path; host counts from 0, or is a name."""
        name = self.hosts[host] if isinstance(host, int) else host
        query = urllib.parse.urlencode(parameters)
        join = "&" if "?" in path else "?"
        return "http://%s:%d%s%s" % (name, self.port, path, join + query if query else "")

    def put(self, path, body, content_type="application/xml"):
        """From now on `path` has this body, which may be changed at any time."""
        with self.lock:
            self.bodies[path] = (body, content_type)

    def alias(self, path, target):
        """From now on `path` does what `target`, a path with parameters, does."""
        parts = urllib.parse.urlsplit(target)
        with self.lock:
            self.aliases[path] = (parts.path, dict(urllib.parse.parse_qsl(parts.query)))

    def stored(self, path):
        with self.lock:
            return self.bodies.get(path)

    def resolve(self, path, query):
        with self.lock:
            route, more = self.aliases.get(path, (path, {}))
        return route, dict(more, **query)

    def release(self, name):
        """Lets the requests with hold=name go on, now and later."""
        with self.lock:
            self.released.add(name)
            self.lock.notify_all()

    def wait_release(self, name):
        with self.lock:
            self.lock.wait_for(lambda: self.stopping.is_set() or name in self.released)
        if self.stopping.is_set():
            raise Hangup

    def requests(self, path=None):
        """Those that came, oldest first: of one path (without its query), or all."""
        with self.record.changed:
            return [request for request in self.record.requests if path in (None, request.path)]

    def count(self, path=None):
        return len(self.requests(path))

    def wait_count(self, count, path=None, patience=PATIENCE):
        """Returns when so many requests have come; fails after `patience` seconds."""
        with self.record.changed:
            if not self.record.changed.wait_for(lambda: self.count(path) >= count, patience):
                raise AssertionError("waited in vain for %d requests of %s" % (count, path))

    def wait_idle(self, patience=PATIENCE):
        """Returns when no request is being answered."""
        with self.record.changed:
            if not self.record.changed.wait_for(lambda: not self.record.now[None], patience):
                raise AssertionError("waited in vain for the end of all responses")

    def most_at_once(self, host=None):
        """The most requests that were in work at once: of a Host field ("127.0.0.1:80"), or all.

        Never more than the client had: a request counts until just before its last byte is sent.
        One that the client gives up counts until the server notices.
        """
        with self.record.changed:
            return self.record.most[host]

    def connection_count(self):
        with self.record.changed:
            return self.record.connections

    def conditional(self, path):
        """How many requests had validators, how many all the right ones, how many got 304."""
        with self.record.changed:
            return self.record.conditional.get(path, Conditional(0, 0, 0))

    def report(self):
        with self.record.changed:
            return {
                "connections": self.record.connections,
                "most_at_once": {host or "": most for host, most in self.record.most.items()},
                "conditional": {path: list(counts)
                                for path, counts in self.record.conditional.items()},
                "requests": [{"method": request.method, "target": request.target,
                              "host": request.host, "headers": request.headers}
                             for request in self.record.requests],
            }


class DeadHost:
    """An address where a connection is never made, as of a host that is gone: its queue is full."""

    def __init__(self, host="127.0.0.1"):
        self.listener = socket.socket()
        self.listener.bind((host, 0))
        self.listener.listen(0)
        self.address = self.listener.getsockname()
        self.fillers = []
        for _ in range(4):  # the queue holds one more than asked for; the rest is for safety
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.address)
            self.fillers.append(filler)

    def url(self, path="/"):
        return "http://%s:%d%s" % (*self.address, path)

    def close(self):
        for sock in self.fillers + [self.listener]:
            sock.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--hosts", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with FeedServer(arguments.port, arguments.hosts) as server:
        try:
            print(server.url(""), flush=True)
            sys.stdin.read()
        except KeyboardInterrupt:
            pass
        print(json.dumps(server.report()))


if __name__ == "__main__":
    main()
