# The benchmark: `make bench` builds its programs and chatd, measures, prints a table and writes $(OUT)/bench.json. It
# takes about three minutes and judges nothing: the check does not run it. BENCH_ARGS are those of tests/bench/run.js.

BENCH_LOAD_OBJ := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/bench/load*.c tests/bench/bench_*.c)))
BENCH_ARGS ?=

.PHONY: bench bench-programs
bench:
	@command -v node >/dev/null || { echo "make bench needs node 18 or later" >&2; exit 1; }
	@$(SUBMAKE) BUILD=release all bench-programs
	@node tests/bench/run.js --out '$(OUT)' $(BENCH_ARGS)

bench-programs: $(B)/bench/load $(B)/bench/floor $(B)/bench/store_bench

$(B)/bench/load: $(BENCH_LOAD_OBJ) $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/floor: $(O)/tests/bench/floor.o $(O)/tests/bench/bench_proc.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/store_bench: $(O)/tests/bench/store_bench.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
