#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it costs to bring a run's files along: a tree of COUNT megabytes of headers, libraries and programs of this machine, through a
# coordinator and a worker on loopback; beside rsync -z and tar | zstd of the same tree. First all of it, then nothing new, then a line.
# Usage: inputs.sh [-n MEGABYTES] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 50 5 "$@"
bench_needs rsync zstd tar python3
driver=$(dirname "$(dirname "$paddock")")/tests/bench/inputs_bench
worker=$(dirname "$paddock")/paddock-worker

# The tree: text and machine code as a build folder has them.
mkdir -p "$work/tree/.git" "$work/copy"
(cd /usr && find include bin lib -xdev -type f -size +0 -size -4M 2>/dev/null | sort) | python3 -c '
import os, shutil, sys
left, to = int(sys.argv[1]) * 1000000, sys.argv[2]
names = sys.stdin.read().split("\n")[:-1]
for name in names[:: max(1, len(names) // 3000)]:
    size = os.stat("/usr/" + name).st_size
    if size > left: continue
    left -= size
    os.makedirs(os.path.dirname(to + "/" + name), exist_ok=True)
    shutil.copyfile("/usr/" + name, to + "/" + name)' "$count" "$work/tree"
printf 'one\t/bin/true\n' >"$work/tree/t.list"
line=$(find "$work/tree/include" -name '*.h' -print -quit)
find "$work/tree" -type f -exec cat {} + >"$work/whole"
bytes=$(stat -c %s "$work/whole") files=$(find "$work/tree" -type f | wc -l)
echo "# a tree of $((bytes / 1000000)) MB in $files files"
"$driver" "$work/whole" | awk -F'\t' '/bytes|chunks/ { print "#", $1 ":", $2; next } { print "#", $1 ":", $2, "MB/s" }'

port=$(python3 -c '
import socket
a = socket.socket(); a.bind(("127.0.0.1", 0)); print(a.getsockname()[1])')
"$paddock" serve --listen "tcp://127.0.0.1:$port" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
XDG_CACHE_HOME=$work/worker "$worker" --coordinator "tcp://127.0.0.1:$port" --insecure --slots 1 >"$work/worker.log" 2>&1 &
joined=$!
trap 'kill $serve $joined; wait; rm -rf "$work"' EXIT
until grep -q joined "$work/worker.log"; do read -r -t 0.05 <> <(:) || :; done

now() { echo "${EPOCHREALTIME/./}"; }
run() { # NAME: one run; its wall time and what it sent
	local from
	from=$(now)
	"$paddock" run --coordinator "tcp://127.0.0.1:$port" --insecure --progress none "$work/tree/t.list" 2>"$work/err"
	printf '%s\t%s\t%s\n' "$1" $(($(now) - from)) "$(sed -n 's/.*chunks sent (\(.*\))$/\1/p' "$work/err")" >>"$work/times"
}
peer() { # NAME COMMAND...: its wall time; what it prints is what it sent
	local from sent
	from=$(now)
	sent=$("${@:2}")
	printf '%s\t%s\t%s\n' "$1" $(($(now) - from)) "$sent" >>"$work/times"
}
copy() { rsync -az --stats "$work/tree/" "$work/copy/" | awk -F': ' '/Total bytes sent/ { print $2 " B" }'; }
archive() { tar -C "$work" -cf - tree | zstd -3 -q -c | tee "$work/tar.zst" | wc -c | sed 's/$/ B/'; }

for ((i = 0; i < rounds; i++)); do
	find "$work/tree" -name '*.h' | while read -r file; do echo "// round $i $RANDOM" >>"$file"; done
	[ "$i" = 0 ] && run 'paddock, all' && peer 'rsync -z, all' copy
	peer 'tar | zstd' archive
	run 'paddock, every header' && peer 'rsync -z, every header' copy
	run 'paddock, nothing new' && peer 'rsync -z, nothing new' copy
	echo "// $RANDOM" >>"$line"
	run 'paddock, a line' && peer 'rsync -z, a line' copy
done
python3 - "$work/times" "$json" <<'END'
import collections, json, statistics, sys
rows = collections.OrderedDict()
for line in open(sys.argv[1]):
    name, us, sent = line.rstrip("\n").split("\t")
    rows.setdefault(name, ([], []))[0].append(int(us) / 1000)
    rows[name][1].append(sent)
for name, (times, sent) in rows.items():
    print(f"{name:24} median {statistics.median(times):8.1f} ms   sent {sent[-1]}")
json.dump({name: {"ms": times, "sent": sent} for name, (times, sent) in rows.items()}, open(sys.argv[2], "w"))
END
