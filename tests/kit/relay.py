#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relay.py - a wire to listen to: passes TCP through between two pairs of ports and keeps every byte.

    relay.py LISTEN_PORT TARGET_PORT FOLDER

Ports N and N+1 (control and data) go to TARGET_PORT and TARGET_PORT+1. FOLDER/up-CONTROL_OR_DATA-K holds what connection K
said to the target, FOLDER/down-... what it was told. Prints "ready" once both ports listen. Ends with SIGTERM.
"""
import asyncio
import itertools
import sys


async def pump(reader, writer, path):
    with open(path, "ab", buffering=0) as kept:
        while True:
            try:
                data = await reader.read(65536)
            except ConnectionError:
                break
            if not data:
                break
            kept.write(data)
            writer.write(data)
            try:
                await writer.drain()
            except ConnectionError:
                break
    writer.close()


async def main():
    port, target, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    numbers = itertools.count()

    def server(lane):
        async def on_connection(reader, writer):
            number = next(numbers)
            try:
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target + lane)
            except OSError:
                writer.close()
                return
            name = ("control", "data")[lane]
            await asyncio.gather(
                pump(reader, there_writer, f"{folder}/up-{name}-{number}"),
                pump(there_reader, writer, f"{folder}/down-{name}-{number}"),
            )

        return asyncio.start_server(on_connection, "127.0.0.1", port + lane)

    servers = [await server(0), await server(1)]
    print("ready", flush=True)
    await asyncio.gather(*(s.serve_forever() for s in servers))


asyncio.run(main())
