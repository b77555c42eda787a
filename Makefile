# chatd and chatctl. `make run` and `make check` are the two commands that matter; README.md says more.
#
# BUILD=release|debug|asan|tsan chooses how; each has its own folder below $(OUT), release programs are $(OUT)/chatd
# and $(OUT)/chatctl. Recipes run with the repository's root as their directory.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD ?= release
OUT ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC = gcc
CLANG = clang-14
VERSION := 0.1.0

ifeq ($(filter $(BUILD),release debug asan tsan),)
$(error BUILD is release, debug, asan or tsan, not "$(BUILD)")
endif
ifeq ($(BUILD),release)
B := $(OUT)
O := $(OUT)/obj
else
B := $(OUT)/$(BUILD)
O := $(OUT)/$(BUILD)/obj
endif

# ---- flags ------------------------------------------------------------------------------------------------------------

PACKAGES := libevent jansson libjwt openssl sqlite3 inih smartcols libsystemd
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lpthread

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Werror
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS_release := -Wl,-z,relro,-z,now -Wl,-z,noexecstack
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
CFLAGS ?=
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCHATD_VERSION='"$(VERSION)"' -I. -I$(O)/gen $(PKG_CFLAGS) $(WARN) -fPIE \
	$(CFLAGS_$(BUILD)) $(CFLAGS)
ALL_LDFLAGS = -pie $(LDFLAGS_$(BUILD)) $(LDFLAGS)

# ---- sources ----------------------------------------------------------------------------------------------------------

# LIB_DIRS can be narrowed on the command line while a folder is under work: make LIB_DIRS="base wire" unit/test_ws
LIB_DIRS ?= $(notdir $(patsubst %/,%,$(wildcard lib/*/)))
LIB_SRC := $(sort $(wildcard $(LIB_DIRS:%=lib/%/*.c)))
CHATD_SRC := $(sort $(wildcard chatd/*/*.c))
CHATCTL_SRC := $(sort $(wildcard chatctl/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELP_SRC := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))

LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o)
CHATD_OBJ := $(CHATD_SRC:%.c=$(O)/%.o)
CHATCTL_OBJ := $(CHATCTL_SRC:%.c=$(O)/%.o)
UNIT_HELP_OBJ := $(UNIT_HELP_SRC:%.c=$(O)/%.o)
UNIT := $(notdir $(UNIT_SRC:%.c=%))

.PHONY: all
all: $(B)/chatd $(B)/chatctl

$(B)/chatd: $(O)/chatd/main.o $(O)/libchatd.a $(O)/libchat.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/chatctl: $(CHATCTL_OBJ) $(O)/libchat.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(O)/libchat.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(O)/libchatd.a: $(CHATD_OBJ)
	rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Objects are built again when the flags change.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

.PHONY: FORCE
FORCE:

# ---- unit tests: one program per tests/unit/test_*.c -------------------------------------------------------------------

# make unit/test_ws builds and runs one of them. Tests of chatd's own parts (test_chatd_*.c) get its objects too.
.PHONY: $(UNIT:%=unit/%)
$(UNIT:%=unit/%): unit/%: $(B)/unit/%
	$<

$(B)/unit/test_chatd_%: $(O)/tests/unit/test_chatd_%.o $(UNIT_HELP_OBJ) $(O)/libchatd.a $(O)/libchat.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(B)/unit/test_%: $(O)/tests/unit/test_%.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

-include $(shell find $(O) -name '*.d' 2>/dev/null)
