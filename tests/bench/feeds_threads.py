# SPDX-License-Identifier: MIT
"""How a reader is written in Python: a pool of threads, feedparser. For the bench.

feeds_threads.py THREADS TIMEOUT_S LIST
"""
import concurrent.futures
import sys
import urllib.request

import feedparser


def read(url, timeout):
    """Whether it was read; (title, link, date) of each item."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            feed = feedparser.parse(response.read(), response_headers=response.headers)
    except OSError:
        return False, []
    items = [(entry.get("title"), entry.get("link"), entry.get("published_parsed"))
             for entry in feed.entries]
    return bool(items), items


def main():
    threads, timeout, path = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    with open(path, encoding="utf-8") as file:
        urls = file.read().split()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        feeds = list(pool.map(lambda url: read(url, timeout), urls))
    good = sum(ok for ok, _ in feeds)
    print("read %d/%d feeds, %d items" % (good, len(urls), sum(len(items) for _, items in feeds)))


if __name__ == "__main__":
    main()
