# SPDX-License-Identifier: Apache-2.0
"""Every include is root-relative and allowed by layering.txt; pure rooms include nothing that reaches the world."""

import os
import re

import source

TABLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "layering.txt")
SOCKETS = re.compile(r"sys/socket\.h|sys/un\.h|netdb\.h|net/.*|netinet/.*|arpa/.*|sys/epoll\.h|poll\.h|sys/select\.h|sys/poll\.h")
EFFECTS = re.compile(r"unistd\.h|fcntl\.h|time\.h|sys/time\.h|signal\.h|pthread\.h|threads\.h|dirent\.h|spawn\.h|"
                     r"sys/(stat|wait|mman|timerfd|signalfd|eventfd|sendfile|file|mount|prctl|syscall|resource)\.h|linux/.*")


def table():
    """{room: set of rooms and headers}, from layering.txt."""
    rooms = {}
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            fields = line.split("#")[0].split()
            if fields:
                rooms[fields[0]] = {x for x in fields[1:] if x != "-"}
    return rooms


def room_of(path, rooms):
    """The longest listed folder that holds `path`."""
    folder = os.path.dirname(path)
    while folder and folder not in rooms:
        folder = os.path.dirname(folder)
    return folder or None


def judge(path, header, rooms, tree):
    """What is wrong with one quoted include, or None."""
    if header.startswith(".") or "/" not in header:
        return f'"{header}" is not root-relative'
    if header not in tree.files:
        return f'"{header}" does not exist in the tree'
    mine, theirs = room_of(path, rooms), room_of(header, rooms)
    allowed = rooms[mine]
    if theirs is None or (theirs != mine and theirs not in allowed and header not in allowed):
        return f'{mine} may not include "{header}"'
    return None


def effect(path, header, rooms):
    """What is wrong with one system include, or None."""
    kinds = rooms[room_of(path, rooms)]
    if kinds & {"pure", "socketless"} and SOCKETS.fullmatch(header):
        return f"<{header}>: {room_of(path, rooms)} opens no socket"
    if "pure" in kinds and EFFECTS.fullmatch(header):
        return f"<{header}>: {room_of(path, rooms)} is pure, effects live elsewhere"
    return None


def check(tree):
    rooms = table()
    for path in tree.select((".c", ".h", ".def")):
        if room_of(path, rooms) is None:
            yield path, 0, "lies in a folder that layering.txt does not list"
            continue
        for line, header, angle in source.includes(tree.read(path)):
            wrong = effect(path, header, rooms) if angle else judge(path, header, rooms, tree)
            if wrong:
                yield path, line, wrong


BASE = {"protocol/base/buf.h": "\n", "sandbox/box.h": "\n", "sandbox/cg.h": "\n", "coordinator/core/run.h": "\n"}
GOOD = [BASE | {"worker/slots.c": '#include "sandbox/box.h"\n#include "protocol/base/buf.h"\n#include <poll.h>\n',
                "coordinator/core/step.c": '#include "coordinator/core/run.h"\n#include <string.h>\n/* #include "x.h" */\n'}]
BAD = [
    (BASE | {"worker/slots.c": '#include "sandbox/cg.h"\n'}, 'worker may not include "sandbox/cg.h"'),
    (BASE | {"sandbox/cg.c": '#include "protocol/base/buf.h"\n'}, "sandbox may not include"),
    (BASE | {"protocol/base/a.c": '#  include "coordinator/core/run.h"\n'}, "protocol/base may not include"),
    (BASE | {"worker/adapt/tap.c": '#include "sandbox/box.h"\n'}, "worker/adapt may not include"),
    (BASE | {"worker/slots.c": '#include "../sandbox/box.h"\n'}, "not root-relative"),
    (BASE | {"worker/slots.c": '#include "slots.h"\n'}, "not root-relative"),
    (BASE | {"worker/slots.c": '#include "worker/gone.h"\n'}, "does not exist"),
    (BASE | {"coordinator/new/a.c": '#include "sandbox/box.h"\n'}, "coordinator may not include"),
    (BASE | {"coordinator/core/a.c": "#include <sys/socket.h>\n"}, "opens no socket"),
    (BASE | {"coordinator/core/a.c": "#include <unistd.h>\n"}, "is pure"),
]
