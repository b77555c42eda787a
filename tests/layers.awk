# Reads C files and complains, with file:line, about each #include that points up or sideways in the list of layers
# (DESIGN.md), and about each third-party header outside the files that may see it. Started by tests/layers.sh.

BEGIN {
  # Folder -> layer. chatd's numbers continue those of lib, so that "down" is one comparison.
  layers = "lib/base 1 lib/value 2 lib/loop 2 lib/wire 2 lib/conf 2 lib/metrics 2 " \
    "lib/hubproto 3 lib/ctl 3 lib/e2ee 3 lib/net 3 lib/client 4 lib/store 4 " \
    "chatd/net 5 chatd/auth 5 chatd/bus 5 chatd/transport 6 chatd/op 6 chatd/ai 6 chatd/conn 7 chatd/room 8 " \
    "chatd/ops 9 chatd/hub 10 chatd/rest 10 chatd/control 10 chatd/run 11 chatd 12 chatctl 5"
  n = split(layers, word, " ")
  for (i = 1; i < n; i += 2) {
    layer[word[i]] = word[i + 1] + 0
  }

  # Third-party headers -> the sources that may include them, as patterns of whole paths. Never a header.
  library("^event2/", "^lib/loop/[a-z0-9_]*[.]c$")
  library("^jansson[.]h$", "^lib/value/json[.]c$")
  library("^msgpack([.]h$|/)", "^lib/value/msgpack(_write)?[.]c$")
  library("^lz4[.]h$", "^lib/value/lz4[.]c$")
  library("^jwt[.]h$", "^chatd/auth/jwt[.]c$")
  library("^zlib[.]h$", "^chatd/rest/gzip[.]c$")
  library("^sqlite3[.]h$", "^lib/store/sqlite[a-z0-9_]*[.]c$")
  library("^libpq-fe[.]h$", "^lib/store/pg_(link|result)[.]c$")
  library("^ini[.]h$", "^lib/conf/ini_file[.]c$")
  library("^libsmartcols", "^chatctl/table[.]c$")
  library("^histedit[.]h$", "^chatctl/chat_terminal[.]c$")
  library("^curl/", "^lib/net/http_client(_call)?[.]c$")
  library("^openssl/", "^(lib/base/digest|chatd/auth/[a-z0-9_]*)[.]c$")
  library("^systemd/", "^chatd/run/[a-z0-9_]*[.]c$")

  # What comes with the compiler and the C library, and is therefore no third party.
  system_headers = "^((sys|linux|netinet|arpa|net|asm)/[a-z0-9_]+|assert|ctype|dirent|endian|errno|fcntl|float|" \
    "dlfcn|getopt|glob|grp|inttypes|langinfo|libgen|limits|locale|malloc|math|netdb|poll|pthread|pwd|sched|search|setjmp|" \
    "signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|" \
    "termios|threads|time|unistd|utime|wchar)[.]h$"

  # Made by the build: header -> the one source that reads it.
  generated["migrations_sqlite.h"] = generated["migrations_postgres.h"] = "lib/store/migrate.c"
  faults = 0
}

function library(header, files) {
  libraries++
  library_header[libraries] = header
  library_files[libraries] = files
}

function folder(path) {
  sub(/\/[^\/]*$/, "", path)
  return path
}

function complain(text) {
  printf "%s:%d: %s\n", name, FNR, text
  faults++
}

FNR == 1 {
  name = FILENAME
  if (root != "") {
    name = substr(name, length(root) + 2)
  }
  is_test = name ~ /^tests\//
  is_header = name ~ /[.]h$/
  here = folder(name)
  if (!is_test && !(here in layer)) {
    complain("the folder " here " is in no layer")
  }
  if (here == "chatd" && name != "chatd/main.c") {
    complain("only main.c lies in chatd/ itself")
  }
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  line = $0
  sub(/^[^"]*"/, "", line)
  sub(/".*$/, "", line)
  check_own(line)
  next
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  line = $0
  sub(/^[^<]*</, "", line)
  sub(/>.*$/, "", line)
  check_foreign(line)
  next
}

/^[ \t]*#[ \t]*include/ {
  complain("an #include that this check cannot read")
}

function check_own(header,   there) {
  there = folder(header)
  if (is_test) {
    if (header !~ /^(lib|chatd|chatctl|tests)\//) {
      complain("\"" header "\" is no full path")
    }
    return
  }
  if (header in generated && name == generated[header]) {
    return
  }
  if (!(there in layer)) {
    complain("\"" header "\" is no full path into lib/, chatd/ or chatctl/")
    return
  }
  if (!(here in layer) || here == there) {
    return
  }
  if (here == "chatctl" && there ~ /^chatd/) {
    complain("chatctl uses lib/ only, not \"" header "\"")
  } else if (there == "chatctl") {
    complain("only chatctl itself includes \"" header "\"")
  } else if (here ~ /^lib\// && there !~ /^lib\//) {
    complain("lib/ never includes \"" header "\"")
  } else if (layer[there] > layer[here]) {
    complain("\"" header "\" (layer " layer[there] ") lies above " here " (layer " layer[here] ")")
  } else if (layer[there] == layer[here]) {
    complain("\"" header "\" lies beside " here " in layer " layer[here])
  }
}

function check_foreign(header,   i) {
  if (header ~ system_headers) {
    return
  }
  if (is_test && header == "cmocka.h") {
    return
  }
  for (i = 1; i <= libraries; i++) {
    if (header ~ library_header[i]) {
      if (!is_test && name !~ library_files[i]) {
        complain("<" header "> may not be seen here, only in " library_files[i])
      }
      return
    }
  }
  complain("<" header "> is neither a system header nor a library that tests/layers.awk knows")
}

END {
  exit faults > 0
}
