#!/bin/sh
# Finds what is missing for building (`deps.sh build`), for the tests too (`deps.sh check`), or for measuring (`deps.sh
# bench`), and installs it on Debian: as root directly, else with sudo. Says nothing when nothing is missing. On another
# system it names the packages and stops. Called by `make deps`, `make run`, `make check` and `make bench`.
set -eu

purpose=${1:-check}
case $purpose in
build | check | bench) ;;
*)
  echo "usage: $0 build|check|bench" >&2
  exit 2
  ;;
esac

debian='' fedora=''

# need DEBIAN-PACKAGE FEDORA-PACKAGE: notes one that is missing.
need() {
  debian="$debian $1"
  fedora="$fedora $2"
}

have_program() {
  command -v "$1" >/dev/null 2>&1
}

# module PKG-CONFIG-MODULE DEBIAN-PACKAGE FEDORA-PACKAGE
module() {
  if ! have_program pkg-config || ! pkg-config --exists "$1"; then
    need "$2" "$3"
  fi
}

# At least node 18; a newer one that is on PATH from elsewhere serves as well as the package.
have_node() {
  have_program node && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]
}

# A server that tests/pg/with-postgres.sh finds.
have_postgres() {
  for program in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb "$(command -v initdb)"; do
    [ ! -x "$program" ] || return 0
  done
  return 1
}

find_missing() {
  debian='' fedora=''
  have_program gcc || need gcc gcc
  have_program make || need make make
  have_program pkg-config || need pkg-config pkgconf-pkg-config
  # A compiler without the C library's headers is what gcc alone installs under --no-install-recommends.
  if have_program gcc && ! echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1; then
    need libc6-dev glibc-devel
  fi
  module libevent libevent-dev libevent-devel
  module jansson libjansson-dev jansson-devel
  module libjwt libjwt-dev libjwt-devel
  module openssl libssl-dev openssl-devel
  module sqlite3 libsqlite3-dev sqlite-devel
  module libpq libpq-dev libpq-devel
  module zlib zlib1g-dev zlib-devel
  module inih libinih-dev inih-devel
  module smartcols libsmartcols-dev libsmartcols-devel
  module libedit libedit-dev libedit-devel
  module libcurl libcurl4-openssl-dev libcurl-devel
  module msgpack libmsgpack-dev msgpack-devel
  module liblz4 liblz4-dev lz4-devel
  module libsystemd libsystemd-dev systemd-devel
  if [ "$purpose" = bench ]; then
    have_node || need nodejs nodejs
    have_postgres || need postgresql postgresql-server
    have_program psql || need postgresql-client postgresql
    have_program gnuplot || need gnuplot-nox gnuplot-minimal
  fi
  if [ "$purpose" = check ]; then
    module cmocka libcmocka-dev libcmocka-devel
    have_node || need nodejs nodejs
    have_program npm || need npm npm
    have_program tmux || need tmux tmux
    have_program curl || need curl curl
    have_program jq || need jq jq
    have_postgres || need postgresql postgresql-server
    have_program psql || need postgresql-client postgresql
    have_program sqlite3 || need sqlite3 sqlite
    have_program faketime || need faketime libfaketime
    if have_program gcc && [ "$(gcc -print-file-name=libasan.so)" = libasan.so ]; then
      need libgcc-12-dev libasan
    fi
  fi
}

find_missing
[ -n "$debian" ] || exit 0

if ! [ -e /etc/debian_version ] || ! have_program apt-get; then
  {
    echo "Packages are missing. Their names are, on Debian and its like:"
    echo " $debian"
    echo "and on Fedora and its like:"
    echo " $fedora"
    echo "Install them and run make again."
  } >&2
  exit 1
fi

if [ "$(id -u)" -eq 0 ]; then
  as_root=''
elif have_program sudo; then
  as_root='sudo'
else
  echo "These packages are missing, and there is no sudo to install them with:$debian" >&2
  exit 1
fi

# The tests start servers of their own: the package of one must not make and start another.
no_cluster=''
if ! have_postgres && [ "$purpose" != build ]; then
  no_cluster=/etc/postgresql-common/createcluster.d/chatd-check.conf
  $as_root mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' | $as_root tee "$no_cluster" >/dev/null
  trap '$as_root rm -f "$no_cluster"' EXIT
  trap 'exit 130' INT TERM
fi

echo "Installing:$debian" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libc6-dev $debian >&2

find_missing
if [ -n "$debian" ]; then
  echo "Still missing after the installation:$debian" >&2
  exit 1
fi
