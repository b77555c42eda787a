#include "chatctl/output.h"

#include <errno.h>
#include <stdlib.h>

#include "chatctl/table.h"
#include "chatctl/text.h"
#include "lib/base/err.h"
#include "lib/conf/nearest.h"
#include "lib/value/json.h"

#define VERSION 1
#define COLUMNS_MAX 64

/* How items are written. */
enum form {
	FORM_TABLE, /* lines of a table */
	FORM_PAIRS, /* a single item: a line for each of its members */
	FORM_JSON, /* a single item */
	FORM_JSON_LIST,
	FORM_JSONL,
	FORM_CSV,
	FORM_QUIET, /* one column bare */
	FORM_NONE, /* nothing at all */
};

struct output {
	enum form form;
	FILE *stream;
	struct failure *failure;
	const struct ctl_column *columns[COLUMNS_MAX]; /* shown, in this order */
	size_t column_count;
	bool chosen; /* by --columns: JSON is cut to them too */
	bool json; /* a failure is written as JSON */
	size_t items;
	struct table *table;
	struct arena *arena; /* of one item */
};

static enum form choose_form(const struct options *options, const struct ctl_command *command)
{
	if (!options->format_given && command->bare && options->columns == NULL) {
		return FORM_QUIET;
	}
	if (!options->format_given && options->quiet) {
		return command->quiet != NULL ? FORM_QUIET : FORM_NONE;
	}
	enum output_format format = options->format;
	if (!options->format_given && command->streaming) {
		format = OUTPUT_JSONL;
	}
	switch (format) {
	case OUTPUT_JSON:
		return command->list ? FORM_JSON_LIST : FORM_JSON;
	case OUTPUT_JSONL:
		return FORM_JSONL;
	case OUTPUT_CSV:
		return FORM_CSV;
	case OUTPUT_TABLE:
		break;
	}
	return command->list ? FORM_TABLE : FORM_PAIRS;
}

static const struct ctl_column *find_column(const struct ctl_command *command, struct bytes name)
{
	for (const struct ctl_column *c = command->columns; c->name != NULL; c++) {
		if (bytes_eq_nocase(bytes_str(c->name), name)) {
			return c;
		}
	}
	return NULL;
}

static int no_such_column(
	struct output *output, const struct ctl_command *command, struct bytes name)
{
	struct buf hint = {0};
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (const struct ctl_column *c = command->columns; c->name != NULL; c++) {
		nearest_offer(&nearest, c->name);
		buf_printf(&hint, "%s%s", hint.len == 0 ? "columns: " : ", ", c->name);
	}
	int err = failure_set(output->failure, ERR_USAGE, buf_cstr(&hint),
		"--columns: there is no column \"%.*s\"%s%s%s", BYTES_ARG(name),
		nearest.best != NULL ? " (did you mean " : "",
		nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "");
	buf_finish(&hint);
	return err;
}

static int choose_columns(
	struct output *output, const struct options *options, const struct ctl_command *command)
{
	if (output->form == FORM_QUIET) {
		output->columns[output->column_count++] =
			find_column(command, bytes_str(command->quiet));
		return 0;
	}
	if (options->columns == NULL) {
		for (const struct ctl_column *c = command->columns; c->name != NULL; c++) {
			if (!c->extra || output->form != FORM_TABLE) {
				output->columns[output->column_count++] = c;
			}
		}
		return 0;
	}
	output->chosen = true;
	struct bytes rest = bytes_str(options->columns);
	while (rest.len > 0) {
		struct bytes name = bytes_trim(bytes_split(&rest, ','));
		const struct ctl_column *column = find_column(command, name);
		if (column == NULL) {
			return no_such_column(output, command, name);
		}
		if (output->column_count == COLUMNS_MAX) {
			return failure_set(output->failure, ERR_USAGE, NULL,
				"--columns: at most %d columns", COLUMNS_MAX);
		}
		output->columns[output->column_count++] = column;
	}
	return 0;
}

static void begin_table(struct output *output)
{
	output->table = table_create();
	if (output->form == FORM_PAIRS) {
		table_add_column(output->table, "", false, false);
		table_add_column(output->table, "", false, true);
		return;
	}
	for (size_t i = 0; i < output->column_count; i++) {
		const struct ctl_column *column = output->columns[i];
		bool last = i + 1 == output->column_count;
		table_add_column(output->table, column->name, column->right, last);
	}
}

int output_create(struct output **ret_output, const struct options *options,
	const struct ctl_command *command, FILE *stream, struct failure *failure)
{
	struct output *output = mem_zalloc(sizeof(*output));
	output->stream = stream;
	output->failure = failure;
	output->arena = arena_create(4096);
	output->json = options->format_given && options->format == OUTPUT_JSON;
	output->form = command != NULL ? choose_form(options, command) : FORM_NONE;
	int err = command != NULL ? choose_columns(output, options, command) : 0;
	if (err < 0) {
		output_destroy(&output);
		return err;
	}
	if (output->form == FORM_TABLE || output->form == FORM_PAIRS) {
		begin_table(output);
	}
	*ret_output = output;
	return 0;
}

void output_destroy(struct output **output)
{
	if (*output != NULL) {
		table_destroy(&(*output)->table);
		arena_destroy(&(*output)->arena);
		free(*output);
		*output = NULL;
	}
}

static int not_written(struct output *output)
{
	return errno == EPIPE ? ERR_CLOSED
			      : failure_set(output->failure, ERR_SYSTEM, NULL,
					"cannot write the output: %s", strerror(errno));
}

/* 0, ERR_CLOSED, ERR_SYSTEM. */
static int put(struct output *output, struct bytes text)
{
	bool good = text.len == 0 || fwrite(text.ptr, 1, text.len, output->stream) == text.len;
	return good ? 0 : not_written(output);
}

static int put_buf(struct output *output, struct buf *text)
{
	int err = put(output, buf_bytes(text));
	buf_finish(text);
	return err;
}

/* A member as a cell, on the output's arena. */
static const char *cell(struct output *output, const struct value *value, bool keep_lines)
{
	struct buf raw = {0}, safe = {0};
	if (value != NULL) {
		text_value(&raw, value);
	}
	text_escape(&safe, buf_bytes(&raw), keep_lines);
	const char *text = arena_dup(output->arena, buf_bytes(&safe)).ptr;
	buf_finish(&raw);
	buf_finish(&safe);
	return text;
}

static const struct value *member(const struct output *output, const struct value *item, size_t i)
{
	return value_get(item, output->columns[i]->name);
}

static int table_item(struct output *output, const struct value *item)
{
	table_add_line(output->table);
	for (size_t i = 0; i < output->column_count; i++) {
		const char *text = cell(output, member(output, item, i), false);
		table_add_cell(output->table, text[0] != '\0' ? text : "-");
	}
	return 0;
}

static int pairs_item(struct output *output, const struct value *item)
{
	for (size_t i = 0; i < output->column_count; i++) {
		const struct value *value = member(output, item, i);
		if (!output->chosen && output->columns[i]->extra &&
			(value == NULL || value->kind == VALUE_NULL)) {
			continue;
		}
		const char *text = cell(output, value, false);
		table_add_line(output->table);
		table_add_cell(output->table, output->columns[i]->name);
		table_add_cell(output->table, text[0] != '\0' ? text : "-");
	}
	return 0;
}

static int json_item(struct output *output, const struct value *item)
{
	struct buf out = {0};
	struct value cut;
	if (output->chosen) {
		cut = value_object(output->arena, (uint32_t)output->column_count);
		for (size_t i = 0; i < output->column_count; i++) {
			const struct value *value = member(output, item, i);
			value_put(&cut, output->columns[i]->name,
				value != NULL ? *value : value_null);
		}
		item = &cut;
	}
	if (output->form == FORM_JSON_LIST) {
		if (output->items == 0) {
			buf_printf(&out, "{\"version\":%d,\"items\":[\n", VERSION);
		} else {
			buf_append_str(&out, ",\n");
		}
	}
	json_write(&out, item);
	if (output->form != FORM_JSON_LIST) {
		buf_append_char(&out, '\n');
	}
	return put_buf(output, &out);
}

/* Quotes where RFC 4180 wants them. */
static void append_csv(struct buf *out, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL) {
		buf_append_str(out, text);
		return;
	}
	buf_append_char(out, '"');
	for (const char *p = text; *p != '\0'; p++) {
		buf_append_str(out, *p == '"' ? "\"" : "");
		buf_append_char(out, *p);
	}
	buf_append_char(out, '"');
}

static int csv_head(struct output *output)
{
	struct buf out = {0};
	if (output->column_count == 0) {
		return 0;
	}
	for (size_t i = 0; i < output->column_count; i++) {
		buf_append_str(&out, i > 0 ? "," : "");
		append_csv(&out, output->columns[i]->name);
	}
	buf_append_char(&out, '\n');
	return put_buf(output, &out);
}

static int csv_item(struct output *output, const struct value *item)
{
	struct buf out = {0};
	int err = output->items == 0 ? csv_head(output) : 0;
	for (size_t i = 0; i < output->column_count; i++) {
		buf_append_str(&out, i > 0 ? "," : "");
		append_csv(&out, cell(output, member(output, item, i), true));
	}
	buf_append_char(&out, '\n');
	int err_put = put_buf(output, &out);
	return err < 0 ? err : err_put;
}

static int quiet_item(struct output *output, const struct value *item)
{
	struct buf out = {0};
	buf_append_str(&out, cell(output, member(output, item, 0), false));
	buf_append_char(&out, '\n');
	return put_buf(output, &out);
}

static int write_item(struct output *output, const struct value *item)
{
	switch (output->form) {
	case FORM_TABLE:
		return table_item(output, item);
	case FORM_PAIRS:
		return pairs_item(output, item);
	case FORM_JSON:
	case FORM_JSON_LIST:
	case FORM_JSONL:
		return json_item(output, item);
	case FORM_CSV:
		return csv_item(output, item);
	case FORM_QUIET:
		return quiet_item(output, item);
	case FORM_NONE:
		break;
	}
	return 0;
}

int output_item(struct output *output, const struct value *item)
{
	if (item->kind != VALUE_OBJECT) {
		return failure_set(output->failure, ERR_BAD_REQUEST, NULL,
			"the daemon answered with something that is no object");
	}
	arena_reset(output->arena);
	int err = write_item(output, item);
	output->items++;
	return err;
}

int output_raw(struct output *output, struct bytes text)
{
	output->form = FORM_NONE;
	return put(output, text);
}

/* The end of what items left open, and of JSON that must be whole although it failed. */
static void append_end(const struct output *output, struct buf *out)
{
	bool failed = output->failure->exit != 0 && !output->failure->told;
	if (output->form == FORM_JSON_LIST && (output->items > 0 || !failed)) {
		if (output->items == 0) {
			buf_printf(out, "{\"version\":%d,\"items\":[", VERSION);
		}
		buf_append_str(out, output->items > 0 ? "\n]" : "]");
		if (failed) {
			buf_append_char(out, ',');
			failure_json(output->failure, out);
		}
		buf_append_str(out, "}\n");
	} else if (failed && output->json && output->items == 0) {
		buf_printf(out, "{\"version\":%d,", VERSION);
		failure_json(output->failure, out);
		buf_append_str(out, "}\n");
	} else if (output->form == FORM_JSON && output->items == 0) {
		buf_append_str(out, "{}\n");
	}
}

bool output_is_blank(const struct output *output)
{
	return output->form == FORM_TABLE && output->items == 0;
}

int output_flush(struct output *output)
{
	bool good = fflush(output->stream) == 0 && !ferror(output->stream);
	return good ? 0 : not_written(output);
}

int output_finish(struct output *output)
{
	struct buf out = {0};
	append_end(output, &out);
	int err = put_buf(output, &out);
	bool failed = output->failure->exit != 0;
	if (err == 0 && output->form == FORM_CSV && output->items == 0 && !failed) {
		err = csv_head(output);
	}
	if (err == 0 && output->table != NULL && output->items > 0) {
		errno = 0;
		err = table_print(output->table, output->stream);
	}
	if (err < 0 && err != ERR_SYSTEM) {
		return err;
	}
	return err == 0 ? output_flush(output) : not_written(output);
}
