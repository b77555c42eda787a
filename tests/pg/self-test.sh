#!/bin/sh
# Whether with-postgres.sh keeps its promises, however it ends. Writes TAP.
set -u

cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d) || exit 2
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
with=tests/pg/with-postgres.sh
# Servers of this test have their directories where nobody else's are; their owner must get there.
TMPDIR=$scratch
export TMPDIR
unset CHATD_TEST_POSTGRES

# check NAME COMMAND...: one line of TAP.
check() {
  name=$1
  shift
  if "$@" >"$scratch/why" 2>&1; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    sed 's/^/#   /' "$scratch/why"
  fi
}

# Resolves within ten seconds.
becomes() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || return 1
    sleep 0.1
  done
}

# No directory, and no process that was started on one; the brackets keep grep from finding itself.
nothing_left() {
  [ -z "$(ls -d "$scratch"/chatd-postgres.* 2>/dev/null)" ] &&
    ! grep -aqs "$scratch/[c]hatd-postgres" /proc/[0-9]*/cmdline
}

gives_a_server() {
  said=$($with sh -c 'psql "$CHATD_TEST_POSTGRES" -XAtc "SHOW fsync" -c "SHOW server_encoding" -c "SHOW lc_collate"')
  echo "$said"
  [ "$(echo "$said" | tr '\n' ' ')" = 'on UTF8 C.UTF-8 ' ] && nothing_left
}

wants_the_password() {
  # shellcheck disable=SC2016 # the other shell's
  ! $with sh -c 'psql -w "$(echo "$CHATD_TEST_POSTGRES" | sed "s/:[0-9a-f]*@/:wrong@/")" -c "SELECT 1"'
}

gives_the_code() {
  $with sh -c 'exit 7'
  [ $? -eq 7 ] && nothing_left
}

passes_what_it_reads() {
  [ "$(echo words | $with cat)" = words ]
}

uses_what_is_there() {
  # shellcheck disable=SC2016 # the other shell's
  [ "$(CHATD_TEST_POSTGRES=there $with sh -c 'echo "$CHATD_TEST_POSTGRES"')" = there ]
}

# ends_by SIGNAL: sent to the script alone, while a command runs that takes its time.
ends_by() {
  # shellcheck disable=SC2016 # the other shell's
  env --default-signal=INT $with sh -c 'echo $$ >"$TMPDIR/runs"; exec sleep 60' &
  pid=$!
  becomes test -s "$scratch/runs" || return 1
  command=$(cat "$scratch/runs")
  rm "$scratch/runs"
  kill "-$1" "$pid"
  wait "$pid"
  code=$?
  # Where the script was killed the command goes on.
  kill "$command" 2>/dev/null
  echo "exit code $code"
  [ "$code" -gt 128 ] && becomes nothing_left
}

ends_early() {
  $with sleep 60 &
  pid=$!
  becomes sh -c "ls $scratch/chatd-postgres.* >/dev/null 2>&1"
  kill -TERM "$pid"
  wait "$pid"
  becomes nothing_left
}

check 'it gives a server that syncs, and takes it away' gives_a_server
check 'the server wants its password' wants_the_password
check 'the exit code is the one of the command' gives_the_code
check 'the command reads what comes in' passes_what_it_reads
check 'a server that is there already is used' uses_what_is_there
for signal in INT TERM KILL; do
  check "SIG$signal takes the server away" ends_by "$signal"
done
check 'SIGTERM while it starts takes the server away' ends_early
