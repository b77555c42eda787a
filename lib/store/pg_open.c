#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/store/pg_schema.h"

#define CONNECT_US 5000000
/* For another instance that migrates. One that takes longer is not waited for here: whoever opens
 * tries again after ERR_UNAVAILABLE. */
#define MIGRATION_US 1000000
enum { LINKS = 4, LINKS_MIN = 3, LINKS_MAX = 64, QUEUED = 16384 };

/* ---- what the root answers itself ---- */

#define X(request) \
	static int op_##request(struct store *base, struct store_##request *req) \
	{ \
		(void)base; \
		(void)req; \
		return ERR_UNAVAILABLE; \
	}
STORE_REQUESTS(X)
#undef X

static struct pg_store *store_of(struct store *base)
{
	return CONTAINER_OF(base, struct pg_store, base);
}

static void destroy(struct pg_store *store)
{
	pg_url_finish(&store->url);
	pg_constants_finish(store);
	free(store);
}

static void op_stop(struct store *base)
{
	pg_desks_stop(store_of(base));
}

static void op_close(struct store *base)
{
	pg_desks_stop(store_of(base));
	destroy(store_of(base));
}

static const struct store_ops root_ops = {
	.name = "postgresql",
#define X(request) .request = op_##request,
	STORE_REQUESTS(X)
#undef X
		.attach = pg_desk_attach,
	.stop = op_stop,
	.close = op_close,
};

/* ---- the schema ---- */

static int say_missing(struct pg_direct *direct, const struct migration *migration, struct buf *why)
{
	buf_printf(why,
		"%s lacks migration %s: run \"chatctl db migrate\", or set auto_migrate = true in "
		"section database",
		pg_direct_place(direct), migration->name);
	return ERR_CONFIG;
}

static int migrate(struct pg_direct *direct, struct buf *why)
{
	const struct pg_migrate migrate = {.set = migrate_postgres(), .wait_us = MIGRATION_US};

	return pg_migrate_run(direct, &migrate, why);
}

static int judge_schema(
	struct pg_direct *direct, const struct pg_schema *schema, bool may_migrate, struct buf *why)
{
	const struct migration_set *set = migrate_postgres();
	size_t missing = 0;
	int err = pg_schema_judge_place(direct, schema, why);

	if (err != 0) {
		return err;
	}
	err = pg_schema_judge(schema, set, &missing, why);
	if (err == 0 && missing < set->count) {
		if (may_migrate) {
			return migrate(direct, why);
		}
		err = say_missing(direct, &set->rows[missing], why);
	}
	return pg_migrate_excuse(direct, err, why);
}

static int open_schema(
	struct pg_direct *direct, struct pg_store *store, bool may_migrate, struct buf *why)
{
	struct pg_schema schema;
	int err = pg_schema_look(direct, &schema, why);

	if (err != 0) {
		return err;
	}
	err = judge_schema(direct, &schema, may_migrate, why);
	if (err == 0) {
		err = pg_schema_may_serve(direct, &schema, why);
	}
	if (err == 0) {
		err = pg_schema_constants(direct, store, why);
	}
	pg_schema_finish(&schema);
	return err;
}

/* ---- opening ---- */

static unsigned count_links(unsigned links)
{
	unsigned wanted = links != 0 ? links : LINKS;

	if (wanted < LINKS_MIN) {
		return LINKS_MIN;
	}
	return wanted > LINKS_MAX ? LINKS_MAX : wanted;
}

static struct pg_store *create(const struct store_open_params *params)
{
	struct pg_store *store = mem_zalloc(sizeof(*store));

	store->base.ops = &root_ops;
	store->base.shared = true;
	store->clock = params->clock != NULL ? params->clock : &clock_system;
	store->on_link = params->on_link;
	store->on_link_ctx = params->on_link_ctx;
	store->links_max = count_links(params->links);
	store->max_queued = params->max_queued != 0 ? params->max_queued : QUEUED;
	random_bytes(&store->origin, sizeof(store->origin));
	return store;
}

static int open_all(struct pg_store *store, const struct store_open_params *params, struct buf *why)
{
	struct pg_direct *direct = NULL;
	int err = pg_url_parse(params->url, &store->url, why);

	if (err == 0) {
		err = pg_direct_open(&store->url, CONNECT_US, &direct, why);
	}
	if (err == 0) {
		err = open_schema(direct, store, params->migrate, why);
	}
	pg_direct_close(&direct);
	return err;
}

/* Whoever opens a server's database can try again later, but for what a person must mend. */
static int error_of_opening(int err)
{
	switch (err) {
	case ERR_CONFIG:
	case ERR_CORRUPT:
	case ERR_STORAGE_FULL:
		return err;
	default:
		return ERR_UNAVAILABLE;
	}
}

int pg_store_open(const struct store_open_params *params, struct store **ret_store, struct buf *why)
{
	struct pg_store *store = create(params);
	int err = open_all(store, params, why);

	if (err != 0) {
		destroy(store);
		return error_of_opening(err);
	}
	*ret_store = &store->base;
	return 0;
}
