/* What a page of 50 messages costs the process that asks for it: through the store's interface, or
 * as the bare query by libpq. Prints CPU microseconds of the whole process per page.
 *
 *     page_bench -U URL -r ROOMS -m MESSAGES [-b] [-k COUNT] [-d] [-n PAGES] [-P PID]
 *
 * The database is one that tests/bench/fill.sql has filled with so many rooms and messages in each,
 * or more. -b: the bare query, with the columns of the store's. -k: so many are always under way
 * (1). -d: pages from anywhere in a room instead of its newest. -P: prints as well what the
 * children of that process, a database server, used. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/pg_rows.h"
#include "lib/store/store.h"
#include "tests/bench/bench_fill.h"
#include "tests/bench/bench_proc.h"

/* As the hub asks: with a bound that such pages do not reach. */
enum { PAGE = 50, MOST_BYTES = 128 * 1024 };
enum { UNDER_WAY_MAX = 64, UUID_OID = 2950, INT8_OID = 20 };

struct pages {
	const char *url;
	size_t rooms, messages, under_way, count;
	bool bare, deep;
	struct uuid *ids;
	uint64_t random;
	size_t asked, got;
	pid_t server; /* 0: not known */
};

/* What was used for count pages. */
struct used {
	double cpu_us, server_us, wall_us;
};

static struct used used_now(const struct pages *pages)
{
	return (struct used){bench_own_cpu_us(), bench_children_cpu_us(pages->server),
		(double)clock_mono_us(&clock_system)};
}

static struct used used_since(const struct pages *pages, struct used start)
{
	struct used now = used_now(pages);

	return (struct used){now.cpu_us - start.cpu_us, now.server_us - start.server_us,
		now.wall_us - start.wall_us};
}

/* The next page that is wanted: the room, and the number that it ends before. */
static const struct uuid *next_page(struct pages *pages, uint64_t *ret_before)
{
	uint64_t room = bench_random(&pages->random) % pages->rooms;

	*ret_before = INT64_MAX;
	if (pages->deep && pages->messages > PAGE) {
		*ret_before = PAGE + 1 + bench_random(&pages->random) % (pages->messages - PAGE);
	}
	pages->asked++;
	return &pages->ids[room];
}

static void check(size_t rows, const struct pages *pages)
{
	if (rows != (pages->messages < PAGE ? pages->messages : PAGE)) {
		bench_fail("a page of %zu rows", rows);
	}
}

/* ---- the store ---- */

struct asking {
	struct store_page page;
	struct asker *asker;
	struct arena *arena;
};

struct asker {
	struct pages *pages;
	struct loop *loop;
	struct mailbox *box;
	struct store *root, *store;
	struct asking asking[UNDER_WAY_MAX];
};

static void ask(struct asking *asking);

static void on_page(struct store_call *call, int err)
{
	struct store_page *page = CONTAINER_OF(call, struct store_page, call);
	struct asking *asking = CONTAINER_OF(page, struct asking, page);
	struct pages *pages = asking->asker->pages;

	if (err != 0) {
		bench_fail("a page: %s", err_text(err));
	}
	check(page->count, pages);
	arena_reset(asking->arena);
	pages->got++;
	if (pages->got == pages->count) {
		loop_stop(asking->asker->loop);
	} else if (pages->asked < pages->count) {
		ask(asking);
	}
}

static void ask(struct asking *asking)
{
	struct asker *asker = asking->asker;
	struct store_page *page = &asking->page;

	*page = (struct store_page){.limit = PAGE, .newest = true, .max_bytes = MOST_BYTES};
	page->room = *next_page(asker->pages, &page->before_seq);
	store_call_init(&page->call, asker->box, asking->arena, on_page);
	int err = store_page(asker->store, page);
	if (err != 0) {
		bench_fail("a page is refused: %s", err_text(err));
	}
}

static void ask_all(struct asker *asker, size_t count)
{
	struct pages *pages = asker->pages;

	pages->count = count;
	pages->asked = pages->got = 0;
	for (size_t i = 0; i < pages->under_way && i < count; i++) {
		ask(&asker->asking[i]);
	}
	loop_run(asker->loop);
}

static void store_open_or_fail(struct asker *asker)
{
	struct store_open_params params = {
		.url = bytes_str(asker->pages->url), .clock = &clock_system};
	struct buf why;

	buf_init(&why);
	asker->loop = loop_create();
	asker->box = mailbox_create(asker->loop);
	int err = store_open(&params, &asker->root, &why);
	if (err == 0) {
		err = store_attach(asker->root, asker->loop, &asker->store);
	}
	if (err != 0) {
		bench_fail("%s: %s", err_text(err), buf_cstr(&why));
	}
	buf_finish(&why);
	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		asker->asking[i].asker = asker;
		asker->asking[i].arena = arena_create(0);
	}
}

static struct used through_the_store(struct pages *pages, size_t warm, size_t count)
{
	struct asker *asker = mem_zalloc(sizeof(*asker));

	asker->pages = pages;
	store_open_or_fail(asker);
	ask_all(asker, warm);
	struct used used = used_now(pages);
	ask_all(asker, count);
	used = used_since(pages, used);
	store_stop(asker->root);
	store_detach(asker->root, &asker->store);
	store_close(&asker->root);
	for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
		arena_destroy(&asker->asking[i].arena);
	}
	mailbox_destroy(&asker->box);
	loop_destroy(&asker->loop);
	free(asker);
	return used;
}

/* ---- the bare query ---- */

static void ask_bare(PGconn *conn, struct pages *pages)
{
	uint64_t before;
	const struct uuid *room = next_page(pages, &before);
	uint64_t number = htobe64(before), limit = htobe64(PAGE);
	const char *const values[] = {
		(const char *)room->b, (const char *)&number, (const char *)&limit};
	static const int lengths[] = {16, 8, 8}, formats[] = {1, 1, 1};

	if (PQsendQueryPrepared(conn, "page", 3, values, lengths, formats, 1) == 0 ||
		PQpipelineSync(conn) == 0) {
		bench_fail("%s", PQerrorMessage(conn));
	}
}

/* Every value is looked at once, as whoever wants it must. */
static uint64_t read_out(const PGresult *result)
{
	uint64_t sum = 0;

	for (int row = 0, rows = PQntuples(result); row < rows; row++) {
		for (int column = 0, columns = PQnfields(result); column < columns; column++) {
			if (!PQgetisnull(result, row, column)) {
				sum += (uint64_t)PQgetlength(result, row, column) +
				       (uint8_t)PQgetvalue(result, row, column)[0];
			}
		}
	}
	return sum;
}

/* The answer to the oldest: rows, the statement's end, the Sync. */
static void take_bare(PGconn *conn, const struct pages *pages)
{
	PGresult *result = PQgetResult(conn);

	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		bench_fail("%s", PQerrorMessage(conn));
	}
	check((size_t)PQntuples(result), pages);
	if (read_out(result) == 0) {
		bench_fail("rows without values");
	}
	PQclear(result);
	PQclear(PQgetResult(conn));
	PQclear(PQgetResult(conn));
}

static void ask_all_bare(PGconn *conn, struct pages *pages, size_t count)
{
	pages->asked = 0;
	for (size_t i = 0; i < pages->under_way && i < count; i++) {
		ask_bare(conn, pages);
	}
	for (size_t got = 0; got < count; got++) {
		take_bare(conn, pages);
		if (pages->asked < count) {
			ask_bare(conn, pages);
		}
	}
}

static PGconn *connect_bare(const struct pages *pages)
{
	static const Oid types[] = {UUID_OID, INT8_OID, INT8_OID};
	PGconn *conn = PQconnectdb(pages->url);

	if (PQstatus(conn) != CONNECTION_OK) {
		bench_fail("%s", PQerrorMessage(conn));
	}
	PQclear(PQexec(conn, "SET plan_cache_mode = force_generic_plan"));
	PGresult *result = PQprepare(conn, "page",
		"SELECT " PG_MESSAGE_COLUMNS " FROM messages m WHERE m.room_id = $1 AND m.seq < $2"
		" ORDER BY m.seq DESC LIMIT $3",
		3, types);
	if (PQresultStatus(result) != PGRES_COMMAND_OK || PQenterPipelineMode(conn) == 0) {
		bench_fail("%s", PQerrorMessage(conn));
	}
	PQclear(result);
	return conn;
}

static struct used by_the_bare_query(struct pages *pages, size_t warm, size_t count)
{
	PGconn *conn = connect_bare(pages);

	ask_all_bare(conn, pages, warm);
	struct used used = used_now(pages);
	ask_all_bare(conn, pages, count);
	used = used_since(pages, used);
	PQfinish(conn);
	return used;
}

/* ---- all of it ---- */

static void parse(struct pages *pages, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "U:r:m:bk:dn:P:")) != -1) {
		size_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
		switch (option) {
		case 'U':
			pages->url = optarg;
			break;
		case 'r':
			pages->rooms = number;
			break;
		case 'm':
			pages->messages = number;
			break;
		case 'b':
			pages->bare = true;
			break;
		case 'k':
			pages->under_way = number;
			break;
		case 'd':
			pages->deep = true;
			break;
		case 'n':
			pages->count = number;
			break;
		case 'P':
			pages->server = (pid_t)number;
			break;
		default:
			exit(2);
		}
	}
	if (pages->url == NULL || pages->rooms == 0 || pages->messages == 0 ||
		pages->under_way == 0 || pages->under_way > UNDER_WAY_MAX || pages->count < 10) {
		bench_fail(
			"-U, -r and -m are needed; -k is 1 to %d, -n at least 10", UNDER_WAY_MAX);
	}
}

static void report(const struct pages *pages, const struct used *used, double count)
{
	printf("%s, %zu under way, %s of %zu rooms x %zu: %.2f us CPU per page, %.0f pages/s",
		pages->bare ? "bare query" : "store", pages->under_way,
		pages->deep ? "any pages" : "newest pages", pages->rooms, pages->messages,
		used->cpu_us / count, count / used->wall_us * 1e6);
	if (pages->server != 0) {
		printf(", %.2f us of the server", used->server_us / count);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct pages pages = {.under_way = 1, .count = 20000, .random = 88172645463325252};

	parse(&pages, argc, argv);
	size_t count = pages.count, warm = count / 10;
	pages.ids = mem_zalloc(pages.rooms * sizeof(*pages.ids));
	for (size_t i = 0; i < pages.rooms; i++) {
		bench_fill_room(i + 1, &pages.ids[i]);
	}
	struct used used = pages.bare ? by_the_bare_query(&pages, warm, count)
				      : through_the_store(&pages, warm, count);
	report(&pages, &used, (double)count);
	free(pages.ids);
	return 0;
}
