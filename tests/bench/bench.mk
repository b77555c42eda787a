# The benchmark: `make bench` builds its programs and chatd, measures beside a PostgreSQL of its own, prints a table and
# writes $(OUT)/bench.json. It takes some sixteen minutes and judges nothing: the check does not run it. BENCH_ARGS are
# those of tests/bench/run.js, such as --group transports for a part of the rows. `make bench-curves` draws what a send
# and a page cost as rooms, messages and connections become more ($(OUT)/curve-*.png, curves.json), `make bench-plans`
# fills a table with up to 100 million messages (30 GB below TMPDIR for some minutes) and writes how PostgreSQL goes
# about the statements that matter ($(OUT)/plans.txt).

BENCH_LOAD_OBJ := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/bench/load*.c tests/bench/bench_*.c)))
BENCH_FLOOR_OBJ := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/bench/floor*.c)) \
	$(addprefix tests/bench/bench_,messages.c proc.c target.c))
BENCH_PEER_SRC := $(wildcard tests/bench/aspnet/*.cs tests/bench/aspnet/*.txt tests/bench/aspnet/*.csproj)
BENCH_PEER := $(B)/bench/aspnet/publish/aspnet/release/aspnet.dll
BENCH_ARGS ?=

.PHONY: bench bench-curves bench-plans bench-programs bench-peer
bench:
	@packaging/deps.sh bench
	@$(SUBMAKE) BUILD=release all bench-programs
	@if command -v dotnet >/dev/null; then $(MAKE) --no-print-directory BUILD=release bench-peer; fi
	@tests/pg/with-postgres.sh node tests/bench/run.js --out '$(OUT)' $(BENCH_ARGS)

bench-curves bench-plans: bench-%:
	@packaging/deps.sh bench
	@$(SUBMAKE) BUILD=release all bench-programs
	@tests/pg/with-postgres.sh node tests/bench/$*.js --out '$(OUT)' $(BENCH_ARGS)

bench-programs: $(B)/bench/load $(B)/bench/floor $(B)/bench/store_bench $(B)/bench/page_bench \
	$(B)/bench/plan_texts $(B)/bench/alloc_count.so

$(B)/bench/load: $(BENCH_LOAD_OBJ) $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/floor: $(BENCH_FLOOR_OBJ) $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/store_bench $(B)/bench/page_bench $(B)/bench/plan_texts: $(B)/bench/%: $(O)/tests/bench/%.o $(O)/tests/bench/bench_fill.o \
		$(O)/tests/bench/bench_proc.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# For LD_PRELOAD, so without the flags of a program.
$(B)/bench/alloc_count.so: $(O)/tests/bench/alloc_count.pic.o
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) -shared $(LDFLAGS_release) -o $@ $^

$(O)/tests/bench/alloc_count.pic.o: tests/bench/alloc_count.c tests/bench/bench_allocations.h $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) $(filter-out -fsanitize%,$(ALL_CFLAGS)) -fPIC -c -o $@ $<

# The same hub on ASP.NET Core SignalR, where there is a .NET SDK that can build it (with Npgsql where that can be had):
# else the benchmark says that it is left out. Nothing is written beside its sources.
bench-peer: $(BENCH_PEER)

BENCH_PUBLISH = DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 dotnet publish tests/bench/aspnet/aspnet.csproj \
	--configuration Release --artifacts-path '$(abspath $(B))/bench/aspnet' --verbosity quiet

$(BENCH_PEER): $(BENCH_PEER_SRC)
	$(call say,NET)
	$(Q)rm -rf '$(B)/bench/aspnet'
	$(Q)$(BENCH_PUBLISH) || { rm -rf '$(B)/bench/aspnet'; $(BENCH_PUBLISH) -p:Npgsql=false; } \
		|| { echo "ASP.NET Core is left out: its hub cannot be built here" >&2; rm -rf '$(B)/bench/aspnet'; }
