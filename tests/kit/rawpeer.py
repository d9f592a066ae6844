#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rawpeer.py - a stranger at a coordinator's port, who speaks nanomsg's framing well or badly.

    rawpeer.py replay HOST PORT RECORDED...   send the first request of each recorded stream again, TIMES each, and print what
                                              came back: "kind N" (a frame of that kind), "clear" or "nothing"
    rawpeer.py flood HOST PORT SECONDS SEED   garbage: bad greetings, bad sizes, cut frames, random frames, abrupt ends
    rawpeer.py handshakes HOST PORT N RECORDED  a recorded first message with its ephemeral key changed, N times
"""
import random
import socket
import struct
import sys
import time

GREETING_REQ = b"\x00SP\x00\x00\x30\x00\x00"  # NN_REQ


def connect(host, port, greet=GREETING_REQ):
    s = socket.create_connection((host, port), timeout=5)
    s.settimeout(5)
    s.sendall(greet)
    return s


def take(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return data


def frame(body, request_id=0x80000001):
    body = struct.pack(">I", request_id) + body
    return struct.pack(">Q", len(body)) + body


def receive(s):
    (n,) = struct.unpack(">Q", take(s, 8))
    return take(s, n)[4:]


def first_request(path):
    data = open(path, "rb").read()
    (n,) = struct.unpack(">Q", data[8:16])
    return data[16 + 4 : 16 + n]


def describe(body):
    return f"kind {body[1]}" if body[:1] == b"\xc1" else "clear"


def ask(host, port, body):
    s = connect(host, port)
    take(s, 8)
    s.sendall(frame(body))
    try:
        answer = describe(receive(s))
    except (TimeoutError, ConnectionError):
        answer = "nothing"
    s.close()
    return answer


def replay(host, port, paths):
    for path in paths:
        print(ask(host, port, first_request(path)))


def nonsense(rng, known):
    """Bytes for one connection, and whether to greet properly."""
    kind = rng.randrange(8)
    size = rng.choice([0, 1, 3, 4, 24, 40, 100, 2000])
    body = rng.randbytes(size)
    if kind == 0:
        return rng.randbytes(rng.randrange(20)), False
    if kind == 1:
        return struct.pack(">Q", rng.choice([2**63, 2**40, 2**32, 1 << 21])) + body, True
    if kind == 2:
        return frame(body)[: rng.randrange(8 + size + 1)], True
    if kind == 3:
        return struct.pack(">Q", size) + body, True  # no request id
    if kind == 4:
        return frame(b"\xc1" + bytes([rng.randrange(8)]) + body), True
    if kind == 5:
        return frame(b"\xc1\x04\x00\x00" + body), True
    if kind == 6 and known:
        changed = bytearray(known)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return frame(bytes(changed)), True
    return frame(body), True


def flood(host, port, seconds, seed, known):
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        try:
            data, greets = nonsense(rng, known)
            s = connect(host, port, GREETING_REQ if greets else b"")
            for _ in range(rng.randrange(1, 30)):
                s.sendall(data)
                sent += 1
                data = nonsense(rng, known)[0]
            if rng.randrange(2):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        except OSError:
            pass
    print(sent)


def handshakes(host, port, n, path):
    body = bytearray(first_request(path))
    s = connect(host, port)
    take(s, 8)
    answers = {}
    s.settimeout(1)
    for i in range(n):
        body[4:12] = struct.pack(">Q", i)
        s.sendall(frame(bytes(body), 0x80000000 + i))
        try:
            answer = describe(receive(s))
        except TimeoutError:
            answer = "nothing"
        answers[answer] = answers.get(answer, 0) + 1
    print(" ".join(f"{k}:{v}" for k, v in sorted(answers.items())))


def main():
    what, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "replay":
        replay(host, port, sys.argv[4:])
    elif what == "flood":
        known = first_request(sys.argv[6]) if len(sys.argv) > 6 else b""
        flood(host, port, float(sys.argv[4]), int(sys.argv[5]), known)
    elif what == "handshakes":
        handshakes(host, port, int(sys.argv[4]), sys.argv[5])


main()
