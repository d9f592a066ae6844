# SPDX-License-Identifier: Apache-2.0
"""Prints COUNT tcp ports of the loopback that are free, each with a free one behind it for the data lane."""

import socket
import sys

held = []
while len(held) < 2 * int(sys.argv[1] if len(sys.argv) > 1 else 1):
    first, second = socket.socket(), socket.socket()
    first.bind(("127.0.0.1", 0))
    port = first.getsockname()[1]
    try:
        second.bind(("127.0.0.1", port + 1))
    except (OSError, OverflowError):
        continue
    held += [first, second]
    print(port)
