/* What a durable send costs in the store alone: appends through the public interface from one loop
 * thread, a batch at a time, spread over many rooms. Prints CPU microseconds per send of the whole
 * process and the sends per second.
 *
 *     store_bench [-d FOLDER | -U URL] [-r ROOMS] [-b BATCH] [-n SENDS] [-s BYTES] [-u] [-f]
 *                 [-P PID]
 *
 * -u: no client message ids (keys that grow). The folder of SQLite's file (default: a new one below
 * /var/tmp, removed afterwards) decides which disk is measured. -U: another store, such as
 * postgresql://..., which keeps what is written; -f: its rooms are those of tests/bench/fill.sql.
 * -P: prints as well what the children of that process, a database server, used. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/store.h"
#include "tests/bench/bench_fill.h"
#include "tests/bench/bench_proc.h"

enum { WARM_BATCHES = 16 };

struct bench {
	/* how much */
	size_t rooms, batch, sends, bytes;
	bool growing_keys, filled;
	pid_t server; /* 0: not known */
	/* with what */
	struct loop *loop;
	struct mailbox *box;
	struct arena *arena;
	struct store *root, *store; /* as opened, and attached to loop */
	struct uuid *room_ids;
	struct uuid sender;
	char *text;
	/* the batch under way */
	struct store_append append;
	struct append_item *items;
	size_t done;
	uint64_t random;
	int err;
};

/* ---- sends ---- */

static struct bench *the_bench(struct store_call *call)
{
	struct store_append *req = CONTAINER_OF(call, struct store_append, call);

	return CONTAINER_OF(req, struct bench, append);
}

static void fill(struct bench *bench)
{
	char id[40];

	for (size_t i = 0; i < bench->batch; i++) {
		struct append_item *item = &bench->items[i];
		struct uuid key;
		*item = (struct append_item){
			.room = bench->room_ids[bench_random(&bench->random) % bench->rooms],
			.sender = bench->sender,
			.content = bytes_of(bench->text, bench->bytes),
		};
		if (bench->growing_keys) {
			uuid_v7(clock_wall_ms(&clock_system), &key);
			memcpy(item->client_key, key.b, sizeof(item->client_key));
		} else {
			int len = snprintf(id, sizeof(id), "%llx-%zu",
				(unsigned long long)bench_random(&bench->random), bench->done + i);
			store_client_key(
				&item->sender, bytes_of(id, (size_t)len), item->client_key);
		}
		store_body_hash(item, item->body_hash);
	}
}

static void send_batch(struct bench *bench);

static void batch_done(struct store_call *call, int err)
{
	struct bench *bench = the_bench(call);

	for (size_t i = 0; err == 0 && i < bench->batch; i++) {
		if (bench->items[i].outcome != APPEND_STORED) {
			err = ERR_INTERNAL;
		}
	}
	bench->done += bench->batch;
	bench->err = err;
	if (err != 0 || bench->done >= bench->sends) {
		loop_stop(bench->loop);
		return;
	}
	send_batch(bench);
}

static void send_batch(struct bench *bench)
{
	fill(bench);
	store_call_init(&bench->append.call, bench->box, bench->arena, batch_done);
	bench->append.items = bench->items;
	bench->append.count = bench->batch;
	bench->err = store_append(bench->store, &bench->append);
	if (bench->err != 0) {
		loop_stop(bench->loop);
	}
}

/* ---- rooms ---- */

struct creation {
	struct store_room_create req;
	struct bench *bench;
	struct store_new_member member;
};

static void room_made(struct store_call *call, int err)
{
	struct store_room_create *req = CONTAINER_OF(call, struct store_room_create, call);
	struct creation *creation = CONTAINER_OF(req, struct creation, req);
	struct bench *bench = creation->bench;

	bench->err = err != 0 ? err : bench->err;
	bench->done++;
	if (bench->done == bench->rooms) {
		loop_stop(bench->loop);
	}
}

static void find_rooms(struct bench *bench)
{
	/* Client message ids come from it, and those of the run before are still there. */
	random_bytes(&bench->random, sizeof(bench->random));
	bench->random |= 1;
	bench_fill_member(&bench->sender);
	for (size_t i = 0; i < bench->rooms; i++) {
		bench_fill_room(i + 1, &bench->room_ids[i]);
	}
}

static int make_rooms(struct bench *bench)
{
	struct creation *all = calloc(bench->rooms, sizeof(*all));

	bench->done = 0;
	for (size_t i = 0; i < bench->rooms; i++) {
		struct creation *c = &all[i];
		uuid_random(&bench->room_ids[i]);
		c->bench = bench;
		c->member = (struct store_new_member){bench->sender, BYTES_NONE, ROLE_MEMBER};
		store_call_init(&c->req.call, bench->box, bench->arena, room_made);
		c->req.room.id = bench->room_ids[i];
		c->req.room.name = BYTES_LIT("a room of the benchmark");
		c->req.members = &c->member;
		c->req.member_count = 1;
		int err = store_room_create(bench->store, &c->req);
		if (err != 0) {
			fprintf(stderr, "room_create: %s\n", err_text(err));
			exit(1);
		}
	}
	loop_run(bench->loop);
	free(all);
	return bench->err;
}

/* ---- all of it ---- */

static void report(const struct bench *bench, double cpu, double server_cpu, double wall)
{
	double sends = (double)bench->done;

	printf("rooms %zu, batch %zu, %zu bytes%s: %.2f us CPU per send, %.0f sends/s",
		bench->rooms, bench->batch, bench->bytes,
		bench->growing_keys ? ", no client ids" : "", cpu / sends, sends / wall * 1e6);
	if (bench->server != 0) {
		printf(", %.2f us of the server", server_cpu / sends);
	}
	putchar('\n');
}

/* Statements are prepared and planned when they are first needed. */
static void warm_up(struct bench *bench)
{
	size_t sends = bench->sends;

	bench->sends = WARM_BATCHES * bench->batch;
	bench->done = 0;
	send_batch(bench);
	loop_run(bench->loop);
	bench->sends = sends;
}

static void send_all(struct bench *bench)
{
	warm_up(bench);
	if (bench->err != 0) {
		return;
	}
	double server_cpu = bench_children_cpu_us(bench->server);
	double cpu = bench_own_cpu_us();
	uint64_t start = clock_mono_us(&clock_system);

	bench->done = 0;
	send_batch(bench);
	loop_run(bench->loop);
	double wall = (double)(clock_mono_us(&clock_system) - start);
	cpu = bench_own_cpu_us() - cpu;
	server_cpu = bench_children_cpu_us(bench->server) - server_cpu;
	report(bench, cpu, server_cpu, wall);
}

static void run(struct bench *bench)
{
	if (bench->filled) {
		find_rooms(bench);
	} else {
		bench->err = make_rooms(bench);
	}
	if (bench->err == 0) {
		send_all(bench);
	}
	if (bench->err != 0) {
		bench_fail("%s", err_text(bench->err));
	}
}

static void remove_files(const char *folder)
{
	static const char *const names[] = {
		"bench.db", "bench.db-wal", "bench.db-shm", "bench.db.lock"};
	char path[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
}

static void parse(struct bench *bench, int argc, char **argv, const char **folder, const char **url)
{
	int option;

	while ((option = getopt(argc, argv, "d:U:r:b:n:s:ufP:")) != -1) {
		size_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
		switch (option) {
		case 'd':
			*folder = optarg;
			break;
		case 'U':
			*url = optarg;
			break;
		case 'r':
			bench->rooms = number;
			break;
		case 'b':
			bench->batch = number;
			break;
		case 'n':
			bench->sends = number;
			break;
		case 's':
			bench->bytes = number;
			break;
		case 'u':
			bench->growing_keys = true;
			break;
		case 'f':
			bench->filled = true;
			break;
		case 'P':
			bench->server = (pid_t)number;
			break;
		default:
			exit(2);
		}
	}
	if (bench->rooms == 0 || bench->rooms > 16384 || bench->batch == 0 || bench->sends == 0) {
		fprintf(stderr, "store_bench: 1 to 16384 rooms, and at least one send\n");
		exit(2);
	}
}

static void open_bench(struct bench *bench, const char *url)
{
	struct store_open_params params = {
		.url = bytes_str(url), .migrate = true, .clock = &clock_system};
	struct buf why;

	buf_init(&why);
	bench->loop = loop_create();
	bench->box = mailbox_create(bench->loop);
	bench->arena = arena_create(0);
	int err = store_open(&params, &bench->root, &why);
	if (err == 0) {
		err = store_attach(bench->root, bench->loop, &bench->store);
	}
	if (err != 0) {
		fprintf(stderr, "store_bench: %s: %s\n", err_text(err), buf_cstr(&why));
		exit(1);
	}
	buf_finish(&why);
	bench->room_ids = calloc(bench->rooms, sizeof(*bench->room_ids));
	bench->items = calloc(bench->batch, sizeof(*bench->items));
	bench->text = malloc(bench->bytes + 1);
	memset(bench->text, 'x', bench->bytes);
	uuid_random(&bench->sender);
}

static void close_bench(struct bench *bench)
{
	store_stop(bench->root);
	store_detach(bench->root, &bench->store);
	store_close(&bench->root);
	mailbox_destroy(&bench->box);
	loop_destroy(&bench->loop);
	arena_destroy(&bench->arena);
	free(bench->text);
	free(bench->items);
	free(bench->room_ids);
}

static void run_in_folder(struct bench *bench, const char *folder)
{
	char temporary[] = "/var/tmp/store_bench.XXXXXX", url[4096];
	bool own = folder == NULL;

	if (own) {
		folder = mkdtemp(temporary);
	}
	if (folder == NULL) {
		perror("store_bench");
		exit(1);
	}
	remove_files(folder);
	snprintf(url, sizeof(url), "sqlite:%s/bench.db", folder);
	open_bench(bench, url);
	run(bench);
	close_bench(bench);
	remove_files(folder);
	if (own) {
		rmdir(folder);
	}
}

int main(int argc, char **argv)
{
	struct bench bench = {.rooms = 1000,
		.batch = 64,
		.sends = 200000,
		.bytes = 100,
		.random = 88172645463325252};
	const char *folder = NULL, *url = NULL;

	parse(&bench, argc, argv, &folder, &url);
	if (url == NULL) {
		run_in_folder(&bench, folder);
		return 0;
	}
	open_bench(&bench, url);
	run(&bench);
	close_bench(&bench);
	return 0;
}
