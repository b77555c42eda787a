/* Rows of COPY as pg_restore writes them: what comes out must not depend on where the text was cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/store/pg_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t rows, sum;
};

static int on_row(void *ctx, const struct pg_copy *copy)
{
	struct seen *seen = ctx;
	uint8_t bits[4];

	seen->rows++;
	seen->sum = seen->sum * 31 + pg_copy_number(copy, "a") + pg_copy_field(copy, "b").len * 7 +
		    pg_copy_bytea(copy, "c", bits, sizeof(bits));
	return 0;
}

static struct seen read_in_parts(const uint8_t *data, size_t size, size_t step)
{
	static const struct pg_copy_table tables[] = {{"t", on_row}, {"u", on_row}, {0}};
	struct seen seen = {0};
	struct pg_copy copy;

	pg_copy_init(&copy, tables, &seen);
	for (size_t at = 0; at < size; at += step) {
		size_t left = size - at;
		pg_copy_take(&copy, bytes_of(data + at, left < step ? left : step));
	}
	pg_copy_finish(&copy);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	struct seen whole = read_in_parts(data, size, size);
	struct seen single = read_in_parts(data, size, 1);
	struct seen parts = read_in_parts(data, size, (size_t)data[0] % 16 + 2);

	if (whole.rows != single.rows || whole.sum != single.sum || whole.rows != parts.rows ||
		whole.sum != parts.sum) {
		abort();
	}
	return 0;
}
