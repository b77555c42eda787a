#include "lib/store/migrate.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"

/* Made by the Makefile from migrations/postgres/ and migrations/sqlite/. */
#include "migrations_postgres.h"
#include "migrations_sqlite.h"

static const struct migration_set sqlite_set = {
	.rows = migrations_sqlite,
	.count = sizeof(migrations_sqlite) / sizeof(migrations_sqlite[0]),
};

static const struct migration_set postgres_set = {
	.rows = migrations_postgres,
	.count = sizeof(migrations_postgres) / sizeof(migrations_postgres[0]),
};

const struct migration_set *migrate_sqlite(void)
{
	return &sqlite_set;
}

const struct migration_set *migrate_postgres(void)
{
	return &postgres_set;
}

void migration_checksum(const struct migration *migration, uint8_t out[32])
{
	digest_sha256(migration_text(migration), out);
}

/* The text behind "-- word" in the comment lines at the start of the file; false where no line
 * starts so. */
static bool find_header(
	const struct migration *migration, struct bytes word, struct bytes *ret_rest)
{
	struct bytes text = migration_text(migration);

	while (bytes_starts(text, BYTES_LIT("--"))) {
		struct bytes line = bytes_split(&text, '\n');
		line = bytes_trim(bytes_of(line.ptr + 2, line.len - 2));
		if (bytes_starts(line, word)) {
			*ret_rest = bytes_trim(bytes_of(line.ptr + word.len, line.len - word.len));
			return true;
		}
	}
	return false;
}

uint32_t migration_oldest_program(const struct migration *migration)
{
	struct bytes rest;
	unsigned long long number = 0;

	if (!find_header(migration, BYTES_LIT("oldest-program:"), &rest) ||
		bytes_to_u64(rest, &number) != 0 || number == 0 || number > migration->no) {
		return migration->no;
	}
	return (uint32_t)number;
}

bool migration_in_transaction(const struct migration *migration)
{
	struct bytes rest;

	return !find_header(migration, BYTES_LIT("no-transaction"), &rest) || rest.len != 0;
}

static int judge_unknown(
	const struct migration_set *set, const struct migration_applied *applied, struct buf *why)
{
	uint32_t own = set->count > 0 ? set->rows[set->count - 1].no : 0;

	if (applied->no <= own) {
		buf_printf(why,
			"the database had migration %s applied, which this program does not know",
			applied->name);
		return ERR_CONFIG;
	}
	if (applied->oldest_program > own) {
		buf_printf(why,
			"the database has the newer schema %u (%s); this program knows schemas up "
			"to "
			"%u: use a newer program",
			(unsigned)applied->no, applied->name, (unsigned)own);
		return ERR_CONFIG;
	}
	return 0;
}

static int judge_known(
	const struct migration *migration, const struct migration_applied *applied, struct buf *why)
{
	uint8_t checksum[32];

	if (applied->no != migration->no) {
		buf_printf(why, "migration %s was left out although a later one was applied",
			migration->name);
		return ERR_CONFIG;
	}
	migration_checksum(migration, checksum);
	if (!digest_equal(checksum, applied->checksum, sizeof(checksum))) {
		buf_printf(why, "migration %s was changed after it was applied to the database",
			migration->name);
		return ERR_CONFIG;
	}
	return 0;
}

int migrate_judge(const struct migration_set *set, const struct migration_applied *applied,
	size_t count, size_t *ret_missing, struct buf *why)
{
	size_t known = 0;

	for (size_t i = 0; i < count; i++) {
		bool own = known < set->count && applied[i].no >= set->rows[known].no;
		int err = own ? judge_known(&set->rows[known++], &applied[i], why)
			      : judge_unknown(set, &applied[i], why);
		if (err != 0) {
			return err;
		}
	}
	*ret_missing = known;
	return 0;
}
