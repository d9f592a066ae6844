#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# postgres.sh - a PostgreSQL server for one test: in a folder of its own, on a Unix socket in it, as a user without privileges.
# It ends, and its folder goes, with the process that it was started for.
#   postgres.sh start PID       make and start one for process PID; prints its folder
#   postgres.sh url FOLDER      prints the URL of its database
#   postgres.sh sql FOLDER SQL  run statements there; prints bare rows
#   postgres.sh ctl FOLDER ...  pg_ctl, such as "restart -m immediate"
#   postgres.sh end FOLDER      stop it and remove the folder
# Exits 77 when there is no PostgreSQL here.
set -eu -o pipefail

bin=$(command -v pg_config >/dev/null && pg_config --bindir || true)
[ -x "$bin/initdb" ] || bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
if [ ! -x "$bin/initdb" ] || ! command -v psql >/dev/null; then
	echo "postgresql is not installed"
	exit 77
fi

# The server refuses to be root.
as_nobody() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=nobody --regid=nogroup --clear-groups env -C / HOME=/nonexistent "$@"
	else
		env -C / "$@"
	fi
}

ctl() { # FOLDER ARG...
	as_nobody "$bin/pg_ctl" -D "$1/data" -l "$1/log" -w -s "${@:2}" </dev/null >/dev/null 2>&1
}

start() { # PID
	local folder
	folder=$(mktemp -d --suffix=.paddock-postgres)
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$folder"
	as_nobody "$bin/initdb" -D "$folder/data" -U paddock -A trust -E UTF8 --locale=C --no-sync >/dev/null 2>&1 ||
		{ rm -rf "$folder" && echo "initdb failed" >&2 && exit 1; }
	cat >>"$folder/data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$folder'
		shared_buffers = 64MB
		max_connections = 50
	CONF
	ctl "$folder" start || { cat "$folder/log" >&2 && exit 1; }
	(tail -s 0.2 --pid="$1" -f /dev/null && "$0" end "$folder") </dev/null >/dev/null 2>&1 &
	echo "$folder"
}

case $1 in
start) start "$2" 2>/dev/null ;;
url) echo "postgresql://paddock@/postgres?host=$2" ;;
sql) psql -h "$2" -U paddock -d postgres -X -q -A -t -v ON_ERROR_STOP=1 -c "$3" ;;
ctl) ctl "$2" "${@:3}" ;;
end)
	ctl "$2" stop -m immediate || true
	rm -rf "$2"
	;;
*) exit 2 ;;
esac
