#!/bin/sh
# The layer check: compares every #include of a tree with DESIGN.md's list. `layers.sh [ROOT]` checks one tree;
# `layers.sh --self-test` builds small doctored trees and shows that the check sees what is wrong with them.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

check_tree() {
  find "$1/lib" "$1/chatd" "$1/chatctl" "$1/tests" -name node_modules -prune -o \
    -type f -name '*.[ch]' -print 2>/dev/null | LC_ALL=C sort >"$scratch/files"
  if ! [ -s "$scratch/files" ]; then
    echo "no C files below $1" >&2
    return 2
  fi
  tr '\n' '\0' <"$scratch/files" | xargs -0 awk -v root="$1" -f "$here/layers.awk"
}

# put FILE LINE...: a file of the doctored tree.
put() {
  mkdir -p "$tree/$(dirname "$1")"
  file=$1
  shift
  printf '%s\n' "$@" >"$tree/$file"
}

# expect NAME WANTED: the tree gives exactly this complaint (empty: none, and success).
expect() {
  status=0
  said=$(check_tree "$tree") || status=$?
  wanted_status=0
  [ -z "$2" ] || wanted_status=1
  [ "$status" -eq 0 ] || status=1
  if [ "$said" = "$2" ] && [ "$status" -eq "$wanted_status" ]; then
    echo "ok - $1"
  else
    printf 'not ok - %s\n# wanted: %s\n# got (exit %s): %s\n' "$1" "$2" "$status" "$said"
    failed=1
  fi
  rm -rf "$tree"
}

self_test() {
  tree=$scratch/tree
  failed=0

  put lib/base/a.c '#include "lib/base/a.h"' '#include <stdio.h>' '#include <sys/socket.h>'
  put lib/store/sqlite_thread.c '#include "lib/loop/loop.h"' '#include <sqlite3.h>'
  put chatd/main.c '#include "chatd/run/server.h"' '#include "lib/base/a.h"'
  put chatd/ops/post.c '#include "chatd/room/room.h"' '#include "chatd/ops/post.h"'
  put chatctl/table.c '#include <libsmartcols.h>' '#include "lib/ctl/frames.h"'
  put tests/unit/test_a.c '#include <cmocka.h>' '#include <jansson.h>' '#include "chatd/room/room.h"'
  expect 'a clean tree passes' ''

  put lib/base/a.c '' '#include "lib/value/json.h"'
  expect 'lib upwards' \
    'lib/base/a.c:2: "lib/value/json.h" (layer 2) lies above lib/base (layer 1)'
  put lib/wire/ws.c '#include "lib/loop/loop.h"'
  expect 'lib sideways' 'lib/wire/ws.c:1: "lib/loop/loop.h" lies beside lib/wire in layer 2'
  put lib/net/stream.h '  #  include "chatd/net/listener.h"'
  expect 'lib into chatd' 'lib/net/stream.h:1: lib/ never includes "chatd/net/listener.h"'
  put chatd/conn/conn.c '#include "chatd/hub/hub.h"'
  expect 'chatd upwards' 'chatd/conn/conn.c:1: "chatd/hub/hub.h" (layer 10) lies above chatd/conn (layer 7)'
  put chatd/hub/hub.c '#include "chatd/rest/routes.h"'
  expect 'chatd sideways' 'chatd/hub/hub.c:1: "chatd/rest/routes.h" lies beside chatd/hub in layer 10'
  put chatctl/main.c '#include "chatd/op/op.h"'
  expect 'chatctl into chatd' 'chatctl/main.c:1: chatctl uses lib/ only, not "chatd/op/op.h"'
  put chatd/run/server.c '#include "chatctl/command.h"'
  expect 'chatd into chatctl' 'chatd/run/server.c:1: only chatctl itself includes "chatctl/command.h"'
  put chatd/room/room.c '#include "room.h"'
  expect 'a short path' 'chatd/room/room.c:1: "room.h" is no full path into lib/, chatd/ or chatctl/'
  put lib/store/sql.c '#include "migrations_sqlite.h"'
  expect 'a generated header elsewhere' \
    'lib/store/sql.c:1: "migrations_sqlite.h" is no full path into lib/, chatd/ or chatctl/'
  put chatd/misc/x.c 'int x;'
  expect 'an unknown folder' 'chatd/misc/x.c:1: the folder chatd/misc is in no layer'
  put chatd/other.c 'int x;'
  expect 'a second file in chatd' 'chatd/other.c:1: only main.c lies in chatd/ itself'
  put lib/value/params.c '#include <jansson.h>'
  expect 'a library in another file' \
    'lib/value/params.c:1: <jansson.h> may not be seen here, only in ^lib/value/json[.]c$'
  put lib/loop/loop.h '#include <event2/event.h>'
  expect 'a library in a header' \
    'lib/loop/loop.h:1: <event2/event.h> may not be seen here, only in ^lib/loop/[a-z0-9_]*[.]c$'
  put lib/wire/http1.c '#include <lzma.h>'
  expect 'a library that nobody knows' \
    'lib/wire/http1.c:1: <lzma.h> is neither a system header nor a library that tests/layers.awk knows'
  put lib/wire/http1.c '#include HEADER'
  expect 'a computed include' 'lib/wire/http1.c:1: an #include that this check cannot read'

  return $failed
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case ${1:-} in
--self-test) self_test ;;
*) check_tree "${1:-.}" ;;
esac
