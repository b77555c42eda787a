#!/bin/sh
# Runs a command beside a PostgreSQL of its own: with-postgres.sh COMMAND... The server has a private directory, a
# free port of 127.0.0.1, a password of its own and fsync on; CHATD_TEST_POSTGRES names it to the command. Its end, of
# whatever kind, is the server's and the directory's. The exit code is the command's. Where CHATD_TEST_POSTGRES is set
# already, that server is used and none is started.
set -u

find_server() {
  for programs in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -Vr) \
    "$(dirname "$(command -v postgres || echo none/none)")"; do
    if [ -x "$programs/postgres" ] && [ -x "$programs/initdb" ]; then
      return 0
    fi
  done
  echo "with-postgres.sh: no PostgreSQL server here (Debian: postgresql, Fedora: postgresql-server)" >&2
  exit 1
}

# A server refuses to run as root.
find_user() {
  user=''
  [ "$(id -u)" -eq 0 ] || return 0
  for user in postgres nobody; do
    if id "$user" >/dev/null 2>&1; then
      chown "$user" "$dir" && return 0
    fi
  done
  echo "with-postgres.sh: neither postgres nor nobody is a user here" >&2
  exit 1
}

# as_user COMMAND...: in the place of this shell.
as_user() {
  if [ -z "$user" ]; then
    exec "$@"
  fi
  exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$dir" "$@"
}

make_cluster() {
  (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password")
  [ -z "$user" ] || chown "$user" "$dir/password"
  # What is lost with the machine is made anew, so initdb need not wait for the disk; the server does.
  (cd "$dir" && as_user "$programs/initdb" -D "$dir/data" -U chatd -E UTF8 --locale=C.UTF-8 --no-sync \
    --auth=scram-sha-256 --pwfile="$dir/password") >"$dir/log" 2>&1
}

is_ready() {
  "$programs/pg_isready" -q -h 127.0.0.1 -p "$port" -t 1
}

# Another program may have the port, or take it first; then another one is tried.
start_server() {
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
    ! is_ready || continue
    (cd "$dir" && as_user "$programs/postgres" -D "$dir/data" -k "$dir" -p "$port" -c listen_addresses=127.0.0.1 \
      -c max_connections=200 -c fsync=on -c logging_collector=off -c log_timezone=UTC) </dev/null >>"$dir/log" 2>&1 &
    server=$!
    while kill -0 "$server" 2>/dev/null; do
      if is_ready; then
        return 0
      fi
      sleep 0.1
    done
    grep -q 'could not bind\|could not create any TCP/IP sockets' "$dir/log" || return 1
  done
  echo "no free port in $attempt attempts" >>"$dir/log"
  return 1
}

# Another process, in a session of its own, has the server, so that it ends also where this one is killed: the pipe
# that is its standard input ends then.
keep() {
  trap '' INT TERM HUP QUIT
  if make_cluster && start_server; then
    echo "postgresql://chatd:$(cat "$dir/password")@127.0.0.1:$port/postgres" >"$dir/url.new"
    mv "$dir/url.new" "$dir/url"
    read -r _
  else
    tail -n 40 "$dir/log" >&2
  fi
  # SIGQUIT: the server ends at once, without a last checkpoint.
  if [ -s "$dir/data/postmaster.pid" ]; then
    kill -QUIT "$(head -n 1 "$dir/data/postmaster.pid")" 2>/dev/null
  fi
  wait
  rm -rf "$dir"
}

if [ "${1:-}" = --keep ]; then
  dir=$2
  find_server
  find_user
  keep
  exit 0
fi

if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND..." >&2
  exit 2
fi
[ -z "${CHATD_TEST_POSTGRES:-}" ] || exec "$@"

find_server
dir=$(mktemp -d "${TMPDIR:-/tmp}/chatd-postgres.XXXXXX") || exit 1
child=''
# The command is told, and ends as it likes; the server ends behind it.
for signal in HUP INT TERM; do
  # shellcheck disable=SC2064 # the name of the signal is known now
  trap "[ -z \"\$child\" ] || kill -$signal \"\$child\" 2>/dev/null; stopped=yes" "$signal"
done
stopped=''
mkfifo "$dir/alive"
exec 8<&0 9<>"$dir/alive"
setsid "$0" --keep "$dir" <"$dir/alive" 8<&- 9>&- >/dev/null &
keeper=$!
while [ ! -e "$dir/url" ] && [ -z "$stopped" ] && kill -0 "$keeper" 2>/dev/null; do
  sleep 0.1
done
code=1
if [ -e "$dir/url" ] && [ -z "$stopped" ]; then
  CHATD_TEST_POSTGRES=$(cat "$dir/url")
  export CHATD_TEST_POSTGRES
  # A shell lets what it starts beside itself ignore SIGINT.
  env --default-signal=INT "$@" <&8 8<&- 9>&- &
  child=$!
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
elif [ -z "$stopped" ]; then
  echo "with-postgres.sh: the server does not start" >&2
fi
exec 9>&-
while kill -0 "$keeper" 2>/dev/null; do
  wait "$keeper"
done
exit "$code"
