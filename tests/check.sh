#!/bin/sh
# Runs the tests and counts them: `make check` starts it with no argument for all parts; `check.sh PART...` runs the
# named ones, beside a PostgreSQL of their own (tests/pg) unless CHATD_TEST_POSTGRES names one. Each part writes lines of TAP ("ok - …", "not ok - …"), which are counted; a part that ends badly
# without saying so counts as one failure. The last line is "N passed, N failed" and nothing else.
set -u

cd "$(dirname "$0")/.." || exit 2
if [ -z "${CHATD_TEST_POSTGRES:-}" ]; then
  exec tests/pg/with-postgres.sh tests/check.sh "$@"
fi
MAKE=${MAKE:-make}
OUT=${OUT:-build}
CLANG_FORMAT=${CLANG_FORMAT:-clang-format}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0

set -a
# shellcheck source=tests/sanitizers.sh
. tests/sanitizers.sh
set +a

# The thread sanitizer's shadow memory does not fit every layout that the kernel may choose.
fixed_layout=''
setarch "$(uname -m)" -R true 2>/dev/null && fixed_layout="setarch $(uname -m) -R"

# count NAME: adds up the TAP in $scratch/out, given the exit code in $status.
count() {
  ok=$(grep '^[[:space:]]*ok ' "$scratch/out" | grep -cv '# SKIP')
  bad=$(grep '^[[:space:]]*not ok ' "$scratch/out" | grep -cv '# SKIP')
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
    echo "not ok - $1 ended with exit code $status" >>"$scratch/out"
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
}

# tap NAME COMMAND...: runs what writes TAP itself; shows its output only where something failed.
tap() {
  name=$1
  shift
  status=0
  "$@" >"$scratch/out" 2>&1 || status=$?
  count "$name"
  if [ "$bad" -gt 0 ]; then
    echo "-- $name"
    cat "$scratch/out"
  else
    echo "ok $name ($ok)"
  fi
}

# one NAME COMMAND...: a command whose exit code is the one test that it is.
one() {
  name=$1
  shift
  status=0
  "$@" >"$scratch/out" 2>&1 || status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok $name"
  else
    failed=$((failed + 1))
    echo "-- $name: exit code $status"
    cat "$scratch/out"
  fi
}

# live NAME COMMAND...: like tap, but shows what is said at once, for parts that take long.
live() {
  name=$1
  shift
  echo "-- $name"
  { "$@" 2>&1; echo "exit code $?"; } | tee "$scratch/out"
  status=$(sed -n '$s/^exit code //p' "$scratch/out")
  count "$name"
}

build() {
  # shellcheck disable=SC2086 # MAKE is a command with options
  $MAKE BUILD="$1" $2 >"$scratch/build" 2>&1 || {
    echo "-- build of $2 ($1)"
    grep -Ev "^  (CC|AR|LD) " "$scratch/build"
    failed=$((failed + 1))
    return 1
  }
}

part_postgres() {
  tap 'a PostgreSQL for the tests' tests/pg/self-test.sh
}

part_layers() {
  tap 'layer check, on trees made wrong' tests/layers.sh --self-test
  one 'layer check' tests/layers.sh
}

# Other versions of clang-format disagree in details, so only the one that the tree was formatted with judges.
part_format() {
  if ! "$CLANG_FORMAT" --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "skipped format: no clang-format 14 here"
    return
  fi
  find lib chatd chatctl tests -name node_modules -prune -o -name '*.[ch]' -print >"$scratch/sources"
  one format unformatted
}

# Names the sources that `make format` would change.
unformatted() {
  LC_ALL=C xargs "$CLANG_FORMAT" --dry-run -Werror <"$scratch/sources" 2>&1 |
    sed -n 's/:[0-9]*:[0-9]*: error: .*//p' | sort -u >"$scratch/unformatted"
  sed 's/$/: make format would change it/' "$scratch/unformatted"
  ! [ -s "$scratch/unformatted" ]
}

# unit BUILD NAME...: runs unit tests, each at most two minutes. One that tests nothing has failed.
unit() {
  build_name=$1
  shift
  for test in "$@"; do
    prefix=''
    [ "$build_name" != tsan ] || prefix=$fixed_layout
    # shellcheck disable=SC2086 # a command with options, or nothing
    CMOCKA_MESSAGE_OUTPUT=TAP tap "unit $test ($build_name)" \
      timeout 120 $prefix "$OUT/$build_name/unit/$test"
    if [ $((ok + bad)) -eq 0 ]; then
      failed=$((failed + 1))
      echo "-- unit $test ($build_name) tested nothing"
      cat "$scratch/out"
    fi
  done
}

unit_names() {
  for source in tests/unit/test_*.c; do
    [ ! -e "$source" ] || basename "$source" .c
  done
}

part_unit() {
  build asan unit-programs || return
  # shellcheck disable=SC2046 # a list of words
  unit asan $(unit_names)
}

part_replay() {
  build asan replay-programs || return
  for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || continue
    harness=$(basename "$source" .c)
    corpus=tests/fuzz/corpus/${harness#fuzz_}
    [ -d "$corpus" ] || corpus=''
    # shellcheck disable=SC2086 # one word or none
    tap "corpus $harness" timeout 120 "$OUT/asan/replay/$harness" $corpus
  done
}

part_func() {
  build asan 'all chatd-own node-modules probe-programs' || return
  CHATD_BIN=$OUT/asan/chatd CHATCTL_BIN=$OUT/asan/chatctl live functional node tests/func/run.js tests/func
}

# Files whose daemons would be the same over any store: those of db, instances and waiting name their stores themselves,
# the first of the others talk to no daemon but to what stands for one, or to one that is stopped, and what the rest is
# about lies in front of the rooms (half_open also has a network of its own, without the database).
any_store='db db_* instances waiting chat_client_hub chatctl verbs verbs_away'
any_store="$any_store autobahn codec half_open transports_raw ws_*"

is_any_store() {
  for pattern in $any_store; do
    # shellcheck disable=SC2254 # a pattern
    case $1 in
    $pattern) return 0 ;;
    esac
  done
  return 1
}

# The others again, over PostgreSQL.
part_funcpg() {
  build asan 'all chatd-own node-modules probe-programs' || return
  files=''
  for file in tests/func/*.test.js; do
    is_any_store "$(basename "$file" .test.js)" || files="$files $file"
  done
  # shellcheck disable=SC2086 # a list of words
  CHATD_TEST_STORE=postgres CHATD_BIN=$OUT/asan/chatd CHATCTL_BIN=$OUT/asan/chatctl \
    live 'functional (PostgreSQL)' node tests/func/run.js $files
}

part_tsan() {
  tests=$(unit_names | grep -E '^test_(chatd_)?(loop|mailbox|thread|store|sqlite|bus|worker|outmsg|limits|bars|tour)' | tr '\n' ' ')
  programs=''
  for test in $tests; do
    programs="$programs $OUT/tsan/unit/$test"
  done
  build tsan "all node-modules $programs" || return
  # shellcheck disable=SC2086 # a list of words
  unit tsan $tests
  CHATD_BIN=$OUT/tsan/chatd CHATCTL_BIN=$OUT/tsan/chatctl CHATD_BIN_PREFIX=$fixed_layout \
    live 'functional smoke (tsan)' node tests/func/run.js tests/func/smoke.test.js tests/func/rooms.test.js \
    tests/func/transports_raw.test.js
  CHATD_TEST_STORE=postgres CHATD_BIN=$OUT/tsan/chatd CHATCTL_BIN=$OUT/tsan/chatctl CHATD_BIN_PREFIX=$fixed_layout \
    live 'functional smoke (tsan, PostgreSQL)' node tests/func/run.js tests/func/smoke.test.js
}

part_hardening() {
  build release all || return
  tap hardening tests/hardening.sh "$OUT/chatd" "$OUT/chatctl"
}

# What is measured with is built, though nothing is measured here.
part_bench() {
  # shellcheck disable=SC2086 # MAKE is a command with options
  one 'bench programs' $MAKE bench-programs
}

# Short, unless CHAOS_KILLS, CHAOS_FAULTS and CHAOS_RUNS say otherwise. The figures are shown at the end.
part_chaos() {
  build release 'all node-modules' || return
  figures=$OUT/chaos/figures.jsonl
  rm -f "$figures"
  CHATD_BIN=$OUT/chatd CHATCTL_BIN=$OUT/chatctl OUT=$OUT \
    live chaos node tests/func/run.js tests/chaos/checker.test.js tests/chaos/kill.test.js tests/chaos/faults.test.js
  node tests/chaos/figures.js "$figures"
}

part_vanish() {
  build asan 'all node-modules' || return
  CHATD_BIN=$OUT/asan/chatd CHATCTL_BIN=$OUT/asan/chatctl \
    live vanish node tests/func/run.js tests/chaos/vanish.test.js
}

# In a function, so that the shell has read all of the script before it starts to work.
main() {
  [ $# -gt 0 ] || set -- layers format postgres unit replay func funcpg tsan hardening bench chaos vanish
  for part in "$@"; do
    case $part in
    layers | format | postgres | unit | replay | func | funcpg | tsan | hardening | bench | chaos | vanish) "part_$part" ;;
    *)
      echo "check.sh: no part called $part" >&2
      exit 2
      ;;
    esac
  done
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

main "$@"
exit $?
