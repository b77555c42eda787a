# chatd and chatctl. `make run` and `make check` are the two commands that matter; README.md says more.
#
# BUILD=release|debug|asan|tsan chooses how; each has its own folder below $(OUT), release programs are $(OUT)/chatd
# and $(OUT)/chatctl. Recipes run with the repository's root as their directory. BUILD=fuzz is what `make fuzz` uses.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

BUILD ?= release
OUT ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC = gcc
CLANG = clang-14
CLANG_FORMAT ?= clang-format
VERSION := 0.1.0

ifeq ($(filter $(BUILD),release debug asan tsan fuzz),)
$(error BUILD is release, debug, asan or tsan, not "$(BUILD)")
endif
ifeq ($(BUILD),release)
B := $(OUT)
O := $(OUT)/obj
else
B := $(OUT)/$(BUILD)
O := $(OUT)/$(BUILD)/obj
endif
ifeq ($(BUILD),fuzz)
CC = $(CLANG)
endif

# A line per file; the commands themselves with V=1.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(strip $(1))' $(patsubst $(OUT)/%,%,$@))

# Makes that this file starts itself run their recipes beside each other, as many as there are cores, unless told.
JOBS := $(shell nproc 2>/dev/null || echo 1)
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring j,$(firstword -$(MAKEFLAGS)))$(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

# ---- flags ------------------------------------------------------------------------------------------------------------

PACKAGES := libevent jansson libjwt openssl sqlite3 libpq msgpack liblz4 zlib inih smartcols libsystemd
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lpthread
# What chatctl alone needs.
CHATCTL_PACKAGES := libedit
CHATCTL_LIBS := $(shell pkg-config --libs $(CHATCTL_PACKAGES) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Werror
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
ifneq ($(filter x86_64%,$(shell uname -m)),)
CFLAGS_release += -fcf-protection=full
endif
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
# gcc judges the warnings; clang is here for its fuzzer.
CFLAGS_fuzz := -O1 -g -w -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_release := -Wl,-z,relro,-z,now -Wl,-z,noexecstack
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_fuzz := -fsanitize=address,undefined
CFLAGS ?=
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCHATD_VERSION='"$(VERSION)"' -I. -I$(O)/gen $(PKG_CFLAGS) $(WARN) -fPIE \
	$(CFLAGS_$(BUILD)) $(CFLAGS)
ALL_LDFLAGS = -pie $(LDFLAGS_$(BUILD)) $(LDFLAGS)

# ---- sources ----------------------------------------------------------------------------------------------------------

# LIB_DIRS can be narrowed on the command line while a folder is under work: make LIB_DIRS="base wire" unit/test_ws
LIB_DIRS ?= $(notdir $(patsubst %/,%,$(wildcard lib/*/)))
LIB_SRC := $(sort $(wildcard $(LIB_DIRS:%=lib/%/*.c)))
CHATD_SRC := $(sort $(wildcard chatd/*/*.c))
CHATCTL_SRC := $(sort $(filter-out chatctl/main.c,$(wildcard chatctl/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
STORE_HELP_SRC := $(sort $(wildcard tests/unit/store_*.c))
OWN_SRC := $(sort $(wildcard tests/own/*.c))
UNIT_HELP_SRC := $(sort $(filter-out $(UNIT_SRC) $(STORE_HELP_SRC),$(wildcard tests/unit/*.c)))

LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o)
CHATD_OBJ := $(CHATD_SRC:%.c=$(O)/%.o)
CHATCTL_OBJ := $(CHATCTL_SRC:%.c=$(O)/%.o)
OWN_OBJ := $(OWN_SRC:%.c=$(O)/%.o)
UNIT_HELP_OBJ := $(UNIT_HELP_SRC:%.c=$(O)/%.o)
UNIT := $(notdir $(UNIT_SRC:%.c=%))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(notdir $(FUZZ_SRC:%.c=%))

.PHONY: all
all: $(B)/chatd $(B)/chatctl

$(B)/chatd: $(O)/chatd/main.o $(O)/libchatd.a $(O)/libchat.a
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/chatctl: $(O)/chatctl/main.o $(O)/libchatctl.a $(O)/libchat.a
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CHATCTL_LIBS)

$(O)/libchat.a: $(LIB_OBJ) $(O)/lib.list
	$(call say,AR )
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJ)

$(O)/libchatd.a: $(CHATD_OBJ) $(O)/chatd.list
	$(call say,AR )
	$(Q)rm -f $@ && ar rcs $@ $(CHATD_OBJ)

$(O)/libchatctl.a: $(CHATCTL_OBJ) $(O)/chatctl.list
	$(call say,AR )
	$(Q)rm -f $@ && ar rcs $@ $(CHATCTL_OBJ)

# An archive is made again when a source file has come or gone.
$(O)/lib.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJ)' | cmp -s - $@ || echo '$(LIB_OBJ)' > $@

$(O)/chatd.list: FORCE
	@mkdir -p $(@D)
	@echo '$(CHATD_OBJ)' | cmp -s - $@ || echo '$(CHATD_OBJ)' > $@

$(O)/chatctl.list: FORCE
	@mkdir -p $(@D)
	@echo '$(CHATCTL_OBJ)' | cmp -s - $@ || echo '$(CHATCTL_OBJ)' > $@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Objects are built again when the flags change.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

.PHONY: FORCE
FORCE:

# ---- generated sources ------------------------------------------------------------------------------------------------

# The SQL files as C arrays. A file is touched only where its text changes, also when a migration came or went.
MIGRATIONS = $(sort $(wildcard migrations/$(1)/[0-9][0-9][0-9][0-9]_*.sql))

$(O)/lib/store/migrate.o: $(O)/gen/migrations_sqlite.h $(O)/gen/migrations_postgres.h

$(O)/gen/migrations_%.h: FORCE
	@mkdir -p $(@D)
	@{ for file in $(call MIGRATIONS,$*); do \
		echo "static const unsigned char text_$*_$$(basename $$file .sql)[] = {"; \
		od -An -v -tx1 $$file | sed 's/[0-9a-f][0-9a-f]/0x&,/g'; \
		echo "0x00};"; \
	done; \
	echo "static const struct migration migrations_$*[] = {"; \
	for name in $(basename $(notdir $(call MIGRATIONS,$*))); do \
		echo "{$$(expr $$name : '0*\([0-9]*\)_'), \"$$name\", text_$*_$$name, sizeof(text_$*_$$name) - 1},"; \
	done; \
	echo "};"; } > $@.tmp
	@if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi

# ---- unit tests: one program per tests/unit/test_*.c -------------------------------------------------------------------

# make unit/test_ws builds and runs one of them. Tests of chatd's own parts (test_chatd_*.c) get its objects too, those
# of chatctl's (test_chatctl_*.c) its.
.PHONY: $(UNIT:%=unit/%)
$(UNIT:%=unit/%): unit/%: $(B)/unit/%
	$<

OWN_UNIT := $(filter test_chatd_own_%,$(UNIT))
CHATD_UNIT := $(filter-out $(OWN_UNIT),$(filter test_chatd_%,$(UNIT)))
CHATCTL_UNIT := $(filter test_chatctl_%,$(UNIT))
STORE_UNIT := $(filter test_store_%,$(UNIT))
$(CHATD_UNIT:%=$(B)/unit/%): $(B)/unit/%: $(O)/tests/unit/%.o $(UNIT_HELP_OBJ) $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# Those of what only the test hub's methods show have these too.
$(OWN_UNIT:%=$(B)/unit/%): $(B)/unit/%: $(O)/tests/unit/%.o $(UNIT_HELP_OBJ) $(OWN_OBJ) $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(CHATCTL_UNIT:%=$(B)/unit/%): $(B)/unit/%: $(O)/tests/unit/%.o $(O)/libchatctl.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(CHATCTL_LIBS) -lcmocka

PLAIN_UNIT := $(filter-out $(OWN_UNIT) $(CHATD_UNIT) $(CHATCTL_UNIT) $(STORE_UNIT),$(UNIT))
$(PLAIN_UNIT:%=$(B)/unit/%): $(B)/unit/%: $(O)/tests/unit/%.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# The suite that every back end of the store must pass.
$(STORE_UNIT:%=$(B)/unit/%): $(B)/unit/%: $(O)/tests/unit/%.o $(STORE_HELP_SRC:%.c=$(O)/%.o) $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: unit-programs
unit-programs: $(UNIT:%=$(B)/unit/%)

# ---- programs that the functional tests run ---------------------------------------------------------------------------

PROBES := $(notdir $(patsubst %.c,%,$(sort $(wildcard tests/func/probe/*.c))))

.PHONY: probe-programs
probe-programs: $(PROBES:%=$(B)/probe/%)

$(B)/probe/%: $(O)/tests/func/probe/%.o $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# chatd with the methods of the test hub (tests/own) beside its own.
$(B)/chatd-own: $(O)/chatd/main.o $(OWN_OBJ) $(O)/libchatd.a $(O)/libchat.a
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: chatd-own
chatd-own: $(B)/chatd-own

# ---- fuzzing: one harness per tests/fuzz/fuzz_*.c, its seeds in tests/fuzz/corpus/<name> --------------------------------

# The check feeds each corpus to its harness through a plain main(), which needs no clang. Harnesses of chatd's own
# parts (fuzz_chatd_*.c) get its objects too.
.PHONY: replay-programs
replay-programs: $(FUZZ:%=$(B)/replay/%)

$(B)/replay/fuzz_chatd_%: $(O)/tests/fuzz/fuzz_chatd_%.o $(O)/tests/fuzz/replay.o $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/replay/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/replay.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# This one turns whole workers, as the unit tests of them do.
$(B)/replay/fuzz_chatd_polls $(B)/run/fuzz_chatd_polls: $(UNIT_HELP_OBJ)
$(B)/replay/fuzz_chatd_polls $(B)/run/fuzz_chatd_polls: LIBS := $(O)/libchatd.a $(O)/libchat.a $(LIBS) -lcmocka

# make fuzz runs each harness for FUZZ_SECONDS. What it finds worth keeping lands in $(OUT)/fuzz/found/<name>.
FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzz-run $(FUZZ:%=fuzz-run/%)
fuzz:
	@command -v $(CLANG) >/dev/null || { echo "make fuzz needs $(CLANG) (Debian: clang-14 libclang-rt-14-dev)" >&2; exit 1; }
	@$(SUBMAKE) BUILD=fuzz fuzz-run

fuzz-run: $(FUZZ:%=fuzz-run/%)

$(FUZZ:%=fuzz-run/%): fuzz-run/fuzz_%: $(B)/run/fuzz_%
	@mkdir -p $(B)/found/$* tests/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(B)/found/$*- $(B)/found/$* tests/fuzz/corpus/$*

$(B)/run/fuzz_chatd_%: $(O)/tests/fuzz/fuzz_chatd_%.o $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(B)/run/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# make fuzz-rest asks the REST door of a running daemon what its own OpenAPI document suggests, and things that are
# wrong in one place or two: the long form of what tests/func/openapi.test.js does in the check.
FUZZ_REST_REQUESTS ?= 10000
FUZZ_REST_SEED ?= 1
.PHONY: fuzz-rest
fuzz-rest:
	@packaging/deps.sh check
	@$(SUBMAKE) BUILD=asan all node-modules
	@CHATD_BIN=$(OUT)/asan/chatd FUZZ_REST_REQUESTS=$(FUZZ_REST_REQUESTS) FUZZ_REST_SEED=$(FUZZ_REST_SEED) \
		node tests/func/run.js tests/func/openapi.test.js

# ---- measuring: make bench --------------------------------------------------------------------------------------------

-include tests/bench/bench.mk

# ---- the commands that people give --------------------------------------------------------------------------------------

# Packages that come now were not there when this file read pkg-config's answers, so a new make goes on.
.PHONY: deps
deps:
	@packaging/deps.sh check

.PHONY: run
run:
	@packaging/deps.sh build
	@$(SUBMAKE) all
	@mkdir -p var
	@exec env CHATD_SERVER_LISTEN="$${CHATD_SERVER_LISTEN:-127.0.0.1:5000}" \
		CHATD_SERVER_STATE_DIR="$${CHATD_SERVER_STATE_DIR:-./var}" \
		CHATD_CONTROL_SOCKET="$${CHATD_CONTROL_SOCKET:-./var/control.sock}" \
		CHATD_SERVER_ENVIRONMENT="$${CHATD_SERVER_ENVIRONMENT:-Development}" \
		CHATD_HUB_CREATE_ROOMS="$${CHATD_HUB_CREATE_ROOMS:-true}" \
		$(B)/chatd

.PHONY: check
check:
	@packaging/deps.sh check
	@MAKE='$(SUBMAKE)' OUT='$(OUT)' CLANG_FORMAT='$(CLANG_FORMAT)' tests/check.sh

# One part of the check alone: make check/layers, check/unit, check/func, … (tests/check.sh lists them).
check/%:
	@packaging/deps.sh check
	@MAKE='$(SUBMAKE)' OUT='$(OUT)' CLANG_FORMAT='$(CLANG_FORMAT)' tests/check.sh $*

# The long form of what the check does in short: 200 kills of each kind instead of 20, and every fault of
# tests/chaos/faults, CHAOS_RUNS times. CHAOS_FAULTS=failover,clock chooses by parts of names.
CHAOS_RUNS ?= 3
CHAOS_FAULTS ?= all
CHAOS_KILLS ?= 200
.PHONY: chaos
chaos:
	@packaging/deps.sh check
	@MAKE='$(SUBMAKE)' OUT='$(OUT)' CHAOS_KILLS=$(CHAOS_KILLS) CHAOS_FAULTS='$(CHAOS_FAULTS)' CHAOS_RUNS=$(CHAOS_RUNS) \
		TEST_CONCURRENCY=1 TEST_FILE_MINUTES=90 tests/check.sh chaos vanish

# What the functional tests need from npm, as the lock file says.
.PHONY: node-modules
node-modules: tests/func/node_modules/.stamp

tests/func/node_modules/.stamp: tests/func/package.json tests/func/package-lock.json
	cd tests/func && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

C_FILES = $(shell find lib chatd chatctl tests -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null | sort)
C_SOURCES = $(filter %.c,$(LIB_SRC) $(CHATD_SRC) $(CHATCTL_SRC) $(wildcard chatd/main.c chatctl/main.c))
SHELL_FILES = $(wildcard packaging/*.sh tests/*.sh) .ci/run

.PHONY: format
format:
	$(CLANG_FORMAT) -i $(C_FILES)

# Advice, not a gate: the check does not run it.
TIDY_CHECKS := -*,clang-analyzer-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier
TIDY_CHECKS := $(TIDY_CHECKS),-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-clang-analyzer-security.insecureAPI.*
.PHONY: lint
lint:
	@wc -l $(C_FILES) | awk '$$2 != "total" && $$1 > 500 { print $$2 ": " $$1 " lines, at most 500" }'
	@if command -v cppcheck >/dev/null; then \
		cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
			--suppress=preprocessorErrorDirective --suppress=syntaxError --suppress=uninitvar --suppress=legacyUninitvar \
			-D_GNU_SOURCE -I. -j$(JOBS) lib chatd chatctl; \
	else echo "cppcheck is not here"; fi
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_FILES); else echo "shellcheck is not here"; fi
	@if command -v clang-tidy >/dev/null; then \
		printf '%s\n' $(C_SOURCES) | xargs -n 4 -P $(JOBS) sh -c 'clang-tidy --quiet --checks="$(TIDY_CHECKS)" \
			"$$@" -- -std=gnu11 -D_GNU_SOURCE -DCHATD_VERSION="\"$(VERSION)\"" -I. -I$(O)/gen $(PKG_CFLAGS)' sh; \
	else echo "clang-tidy is not here"; fi

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/chatd
	install -m 755 $(B)/chatd $(B)/chatctl $(DESTDIR)$(PREFIX)/bin
	install -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/chatd

.PHONY: clean
clean:
	rm -rf $(OUT)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
