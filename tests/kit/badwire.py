#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""badwire.py - a cable of an Ethernet that delays, loses, repeats and reorders what passes.

    badwire.py NEAR FAR SEED DELAY_MS JITTER_MS LOSS REPEAT

Makes two TAP devices, NEAR and FAR, in its network namespace and carries frames between them: either may be moved to another
namespace. Each frame arrives after DELAY_MS and up to JITTER_MS more, on its own, so that frames overtake each other; one of
100 is lost LOSS times and arrives twice REPEAT times. Prints "ready" once both devices exist. Ends with SIGTERM, and says how
many frames came, were lost and overtaken.
"""
import fcntl
import heapq
import itertools
import os
import random
import select
import signal
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME_BYTES = 65536


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def deliver(fd, frame):
    try:
        os.write(fd, frame)
    except OSError:  # the far end is down, or full: a wire does not wait
        pass


def carry(ends, rng, delay, jitter, loss, repeat, counts):
    """Frames on their way are a heap by the time they arrive."""
    on_way, numbers, last = [], itertools.count(), 0
    while True:
        wait = max(0, on_way[0][0] - time.monotonic()) if on_way else None
        for fd in select.select(ends, [], [], wait)[0]:
            try:
                frame = os.read(fd, FRAME_BYTES)
            except OSError:
                continue
            counts["came"] += 1
            if rng.random() < loss:
                counts["lost"] += 1
                continue
            for _ in range(1 + (rng.random() < repeat)):
                arrival = time.monotonic() + delay + rng.random() * jitter
                heapq.heappush(on_way, (arrival, next(numbers), ends[fd], frame))
        while on_way and on_way[0][0] <= time.monotonic():
            _, number, fd, frame = heapq.heappop(on_way)
            counts["overtaken"] += number < last
            last = max(last, number)
            deliver(fd, frame)


def main():
    near, far, seed = sys.argv[1:4]
    delay, jitter, loss, repeat = (float(text) for text in sys.argv[4:])
    a, b = tap(near), tap(far)
    counts = dict.fromkeys(("came", "lost", "overtaken"), 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(print(*itertools.chain(*counts.items()), flush=True)))
    print("ready", flush=True)
    carry({a: b, b: a}, random.Random(seed), delay / 1000, jitter / 1000, loss / 100, repeat / 100, counts)


main()
