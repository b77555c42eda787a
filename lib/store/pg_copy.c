#include "lib/store/pg_copy.h"

#include <stdlib.h>

#include "lib/base/err.h"

enum { LINE_MAX_BYTES = 64 << 20 };

void pg_copy_init(struct pg_copy *copy, const struct pg_copy_table *tables, void *ctx)
{
	*copy = (struct pg_copy){.tables = tables, .ctx = ctx};
}

void pg_copy_finish(struct pg_copy *copy)
{
	buf_finish(&copy->part);
	buf_finish(&copy->columns);
}

/* ---- lines ---- */

bool pg_copy_line(const struct buf *buf, struct bytes *ret_line)
{
	const char *end = buf->len > 0 ? memchr(buf->data, '\n', buf->len) : NULL;

	if (end == NULL) {
		return false;
	}
	*ret_line = bytes_of(buf->data, (size_t)(end - buf->data));
	return true;
}

/* What is behind the last dot that is in no quotes, without them. */
static struct bytes name_of(struct bytes qualified)
{
	size_t start = 0;
	bool quoted = false;

	for (size_t i = 0; i < qualified.len; i++) {
		quoted = qualified.ptr[i] == '"' ? !quoted : quoted;
		if (qualified.ptr[i] == '.' && !quoted) {
			start = i + 1;
		}
	}
	return bytes_of(qualified.ptr + start, qualified.len - start);
}

/* "COPY public.rooms (id, last_seq) FROM stdin;" */
static void read_statement(struct pg_copy *copy, struct bytes line)
{
	struct bytes copy_word = BYTES_LIT("COPY ");

	if (!bytes_starts(line, copy_word)) {
		return;
	}
	struct bytes rest = bytes_of(line.ptr + copy_word.len, line.len - copy_word.len);
	struct bytes name = name_of(bytes_trim(bytes_split(&rest, '(')));
	struct bytes columns = bytes_split(&rest, ')');
	if (!bytes_eq(bytes_trim(rest), BYTES_LIT("FROM stdin;"))) {
		return;
	}
	copy->in_rows = true;
	copy->table = NULL;
	for (const struct pg_copy_table *table = copy->tables; table->name != NULL; table++) {
		if (bytes_eq(name, bytes_str(table->name))) {
			copy->table = table;
		}
	}
	buf_clear(&copy->columns);
	buf_append_bytes(&copy->columns, columns);
}

static int read_line(struct pg_copy *copy, struct bytes line)
{
	if (!copy->in_rows) {
		read_statement(copy, line);
		return 0;
	}
	if (bytes_eq(line, BYTES_LIT("\\."))) {
		copy->in_rows = false;
		return 0;
	}
	copy->line = line;
	return copy->table != NULL ? copy->table->row(copy->ctx, copy) : 0;
}

int pg_copy_take(void *ctx, struct bytes part)
{
	struct pg_copy *copy = ctx;
	struct bytes line;
	size_t done = 0;
	int err = 0;

	buf_append_bytes(&copy->part, part);
	struct buf rest = copy->part;
	while (err == 0 && pg_copy_line(&rest, &line)) {
		err = read_line(copy, line);
		done += line.len + 1;
		rest.data = copy->part.data + done;
		rest.len = copy->part.len - done;
	}
	buf_consume(&copy->part, done);
	return err == 0 && copy->part.len > LINE_MAX_BYTES ? ERR_TOO_LARGE : err;
}

/* ---- fields ---- */

/* -1: there is no such column. */
static int column_place(const struct pg_copy *copy, const char *column)
{
	struct bytes rest = buf_bytes(&copy->columns);

	for (int place = 0; rest.len > 0; place++) {
		struct bytes name = bytes_trim(bytes_split(&rest, ','));
		if (name.len > 2 && name.ptr[0] == '"') {
			name = bytes_of(name.ptr + 1, name.len - 2); /* a word of SQL's */
		}
		if (bytes_eq(name, bytes_str(column))) {
			return place;
		}
	}
	return -1;
}

struct bytes pg_copy_field(const struct pg_copy *copy, const char *column)
{
	int place = column_place(copy, column);
	struct bytes rest = copy->line;
	struct bytes field = BYTES_NONE;

	for (int i = 0; i <= place; i++) {
		field = bytes_split(&rest, '\t');
	}
	return bytes_eq(field, BYTES_LIT("\\N")) ? BYTES_NONE : field;
}

uint64_t pg_copy_number(const struct pg_copy *copy, const char *column)
{
	unsigned long long number = 0;

	return bytes_to_u64(pg_copy_field(copy, column), &number) == 0 ? number : 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool pg_copy_bytea(const struct pg_copy *copy, const char *column, uint8_t *out, size_t len)
{
	struct bytes field = pg_copy_field(copy, column);
	struct bytes start = BYTES_LIT("\\\\x");

	if (!bytes_starts(field, start) || field.len != start.len + 2 * len) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		int high = digit(field.ptr[start.len + 2 * i]);
		int low = digit(field.ptr[start.len + 2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
