# The benchmark: `make bench` builds its programs and chatd, measures beside a PostgreSQL of its own, prints a table and
# writes $(OUT)/bench.json. It takes some eight minutes and judges nothing: the check does not run it. BENCH_ARGS are those
# of tests/bench/run.js. `make bench-curves` draws what a send and a page cost as rooms, messages and connections become
# more ($(OUT)/curve-*.png, curves.json), `make bench-plans` fills a table with up to 100 million messages (30 GB below
# TMPDIR for some minutes) and writes how PostgreSQL goes about the statements that matter ($(OUT)/plans.txt).

BENCH_LOAD_OBJ := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/bench/load*.c tests/bench/bench_*.c)))
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
	$(B)/bench/plan_texts

$(B)/bench/load: $(BENCH_LOAD_OBJ) $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/floor: $(O)/tests/bench/floor.o $(O)/tests/bench/bench_proc.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/store_bench $(B)/bench/page_bench $(B)/bench/plan_texts: $(B)/bench/%: $(O)/tests/bench/%.o $(O)/tests/bench/bench_fill.o \
		$(O)/tests/bench/bench_proc.o $(O)/libchat.a
	@mkdir -p $(@D)
	$(call say,LD )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

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
