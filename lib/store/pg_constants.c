/* What of a database on PostgreSQL never changes while a store is open: the secret of the fleet,
 * the epochs, and the system that it lies on. Table meta: fleet_secret is 32 bytes, system the
 * text of PG_SYSTEM that the last epoch began on. Who makes an epoch has the row
 * system locked, so that instances that start together make one. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/pg_schema.h"

/* Numbers that a damaged table could claim are bounded before memory is asked. */
enum { EPOCH_MAX = 1000000 };

struct constants {
	struct pg_direct *direct;
	char system[PG_SYSTEM_SIZE]; /* of the server */
	char stored_system[PG_SYSTEM_SIZE];
	bool has_system, has_secret;
	uint8_t secret[32];
	char (*epochs)[17]; /* as in struct store */
	uint32_t epoch_count;
};

/* ---- reading ---- */

/* Digits, '/', and none on a standby or the 8 hex digits of the timeline. */
static int take_system(struct bytes text, char out[PG_SYSTEM_SIZE])
{
	if (text.len >= PG_SYSTEM_SIZE) {
		return ERR_CORRUPT;
	}
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	size_t digits = strspn(out, "0123456789");
	size_t timeline = out[digits] == '/' ? strspn(out + digits + 1, "0123456789ABCDEF") : 0;
	bool whole = digits > 0 && out[digits] == '/' && digits + 1 + timeline == text.len;
	return whole ? 0 : ERR_CORRUPT;
}

static int read_system(void *ctx, const struct pg_result *result)
{
	struct constants *constants = ctx;

	return take_system(pg_bytes(result, 0, 0), constants->system);
}

static int take_meta(struct constants *constants, struct bytes name, struct bytes value)
{
	if (bytes_eq(name, BYTES_LIT("fleet_secret"))) {
		if (value.len != sizeof(constants->secret)) {
			return ERR_CORRUPT;
		}
		memcpy(constants->secret, value.ptr, value.len);
		constants->has_secret = true;
	} else if (bytes_eq(name, BYTES_LIT("system"))) {
		constants->has_system = true;
		return take_system(value, constants->stored_system);
	}
	return 0;
}

static int read_meta(void *ctx, const struct pg_result *result)
{
	int err = 0;

	for (size_t i = 0; i < pg_rows(result) && err == 0; i++) {
		err = take_meta(ctx, pg_bytes(result, i, 0), pg_bytes(result, i, 1));
	}
	return err;
}

static int read_epochs(void *ctx, const struct pg_result *result)
{
	struct constants *constants = ctx;
	size_t rows = pg_rows(result);
	int64_t last = rows > 0 ? pg_int(result, rows - 1, 0) : -1;

	if (last > EPOCH_MAX) {
		return ERR_CORRUPT;
	}
	free(constants->epochs);
	constants->epoch_count = (uint32_t)(last + 1);
	constants->epochs = mem_zalloc(((size_t)constants->epoch_count + 1) * 17);
	for (size_t i = 0; i < rows; i++) {
		int64_t no = pg_int(result, i, 0);
		struct bytes epoch = pg_bytes(result, i, 1);
		if (no < 0 || epoch.len != 16) {
			return ERR_CORRUPT;
		}
		memcpy(constants->epochs[no], epoch.ptr, 16);
	}
	return 0;
}

static int read_all(struct constants *constants, struct buf *why)
{
	struct pg_direct *direct = constants->direct;
	int err = pg_direct_run(direct, PG_SQL_META_LIST, NULL, read_meta, constants, why);

	if (err == 0) {
		err = pg_direct_run(direct, PG_SQL_EPOCH_LIST, NULL, read_epochs, constants, why);
	}
	if (err == ERR_CORRUPT && pg_direct_fault(direct) == PG_OK) {
		buf_printf(why, "the tables meta and epochs of %s are damaged",
			pg_direct_place(direct));
	}
	return err;
}

/* ---- making ---- */

static int add_meta(struct pg_direct *direct, enum pg_sql sql, struct bytes name,
	struct bytes value, struct buf *why)
{
	struct pg_params params = {0};

	pg_param_text(&params, name);
	pg_param_blob(&params, value);
	return pg_direct_run(direct, sql, &params, NULL, NULL, why);
}

static int set_system(const struct constants *constants, enum pg_sql sql, struct buf *why)
{
	return add_meta(
		constants->direct, sql, BYTES_LIT("system"), bytes_str(constants->system), why);
}

static int add_secret(struct pg_direct *direct, struct buf *why)
{
	uint8_t secret[32];

	random_bytes(secret, sizeof(secret));
	int err = add_meta(direct, PG_SQL_META_ADD, BYTES_LIT("fleet_secret"),
		bytes_of(secret, sizeof(secret)), why);
	mem_wipe(secret, sizeof(secret));
	return err;
}

static int add_epoch(const struct constants *constants, struct buf *why)
{
	struct pg_params params = {0};
	char epoch[17];

	store_epoch_make(epoch);
	pg_param_text(&params, bytes_str(epoch));
	int err = pg_direct_run(constants->direct, PG_SQL_EPOCH_ADD, &params, NULL, NULL, why);
	return err != 0 ? err : set_system(constants, PG_SQL_META_SET, why);
}

/* From here on until COMMIT others who make epochs wait. */
static int lock_epochs(struct constants *constants, struct buf *why)
{
	int err = set_system(constants, PG_SQL_META_ADD, why);

	if (err == 0) {
		err = pg_direct_run(constants->direct, PG_SQL_META_LOCK, NULL, NULL, NULL, why);
	}
	return err;
}

static bool needs_epoch(const struct constants *constants)
{
	return constants->epoch_count == 0 ||
	       strcmp(constants->stored_system, constants->system) != 0;
}

static int make_missing(struct constants *constants, struct buf *why)
{
	int err = lock_epochs(constants, why);

	if (err == 0) {
		err = add_secret(constants->direct, why);
	}
	if (err == 0) {
		err = read_all(constants, why);
	}
	if (err == 0 && needs_epoch(constants)) {
		err = add_epoch(constants, why);
		err = err != 0 ? err : read_all(constants, why);
	}
	return err;
}

static int add_next(struct constants *constants, struct buf *why)
{
	int err = lock_epochs(constants, why);

	if (err == 0) {
		err = add_epoch(constants, why);
	}
	return err != 0 ? err : read_all(constants, why);
}

static int in_transaction(struct constants *constants,
	int (*work)(struct constants *constants, struct buf *why), struct buf *why)
{
	struct pg_direct *direct = constants->direct;
	struct buf ignored = {0};
	int err = pg_direct_run(direct, PG_SQL_BEGIN, NULL, NULL, NULL, why);

	if (err == 0) {
		err = work(constants, why);
	}
	if (err == 0) {
		return pg_direct_run(direct, PG_SQL_COMMIT, NULL, NULL, NULL, why);
	}
	pg_direct_run(direct, PG_SQL_ROLLBACK, NULL, NULL, NULL, &ignored);
	buf_finish(&ignored);
	return err;
}

static int open_constants(struct constants *constants, struct buf *why)
{
	int err =
		pg_direct_run(constants->direct, PG_SQL_SYSTEM, NULL, read_system, constants, why);

	return err != 0 ? err : read_all(constants, why);
}

static void finish_constants(struct constants *constants)
{
	free(constants->epochs);
	mem_wipe(constants->secret, sizeof(constants->secret));
}

/* ---- for others ---- */

static void fill_store(struct constants *constants, struct pg_store *store)
{
	struct store *base = &store->base;

	memcpy(store->system, constants->system, sizeof(store->system));
	memcpy(base->fleet_secret, constants->secret, sizeof(base->fleet_secret));
	free(base->epochs);
	base->epochs = constants->epochs;
	constants->epochs = NULL;
	base->epoch_count = constants->epoch_count;
	base->epoch_no = base->epoch_count - 1;
	memcpy(base->epoch, base->epochs[base->epoch_no], sizeof(base->epoch));
}

int pg_schema_constants(struct pg_direct *direct, struct pg_store *store, struct buf *why)
{
	struct constants constants = {.direct = direct};
	int err = open_constants(&constants, why);

	if (err == 0 &&
		(!constants.has_secret || !constants.has_system || needs_epoch(&constants))) {
		err = in_transaction(&constants, make_missing, why);
	}
	if (err == 0) {
		fill_store(&constants, store);
	}
	finish_constants(&constants);
	return err;
}

void pg_constants_finish(struct pg_store *store)
{
	mem_wipe(store->base.fleet_secret, sizeof(store->base.fleet_secret));
	free(store->base.epochs);
	store->base.epochs = NULL;
}

int pg_schema_new_epoch(
	struct pg_direct *direct, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why)
{
	struct constants constants = {.direct = direct};
	struct store_admin_epoch epoch = {0};
	int err = open_constants(&constants, why);

	if (err == 0 && !plan) {
		err = in_transaction(&constants, add_next, why);
	}
	if (err == 0) {
		uint32_t newest = constants.epoch_count > 0 ? constants.epoch_count - 1 : 0;
		epoch.no = plan ? newest + 1 : newest;
		epoch.former_no = epoch.no - 1;
		memcpy(epoch.epoch, constants.epochs[epoch.no], plan ? 0 : sizeof(epoch.epoch));
		memcpy(epoch.former, constants.epochs[epoch.former_no], sizeof(epoch.former));
		*ret_epoch = epoch;
	}
	finish_constants(&constants);
	return err;
}
