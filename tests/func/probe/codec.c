/* Turns hub messages from JSON into MessagePack (framed, in hexadecimal) and back, a line each, so
 *that a test can compare with another implementation. Lines of "codec write":
 *
 *	pascal|camel none|block|block_array fields|dictionary JSON
 *
 * fields: names in objects are those of fields. {"$date": text} and {"$bin": base64} stand for what
 * JSON has no words for. Lines of "codec read" are hexadecimal; what cannot be read becomes
 * "error: " and why. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/ident.h"
#include "lib/hubproto/codec.h"
#include "lib/value/json.h"

enum { LINE_MAX_SIZE = 1 << 20 };

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "codec: %s: %s\n", what, why);
	exit(2);
}

/* ---- from JSON ---- */

static bool is_text(const struct value *value)
{
	return value != NULL && value->kind == VALUE_TEXT;
}

static struct value decode_binary(struct arena *arena, struct bytes base64)
{
	char *out = arena_alloc(arena, base64.len + 1);
	size_t len;
	if (base64_decode(base64, out, &len) != 0) {
		die("$bin", "no base64");
	}
	return (struct value){.kind = VALUE_BINARY, .text = bytes_of(out, len)};
}

/* Replaces what stands for something else, in the tree itself. */
static void mend(struct arena *arena, struct value *value, bool fields)
{
	const struct value *date = value_get(value, "$date"), *bin = value_get(value, "$bin");
	int64_t ms;
	if (is_text(date) && clock_parse(date->text, &ms) == 0) {
		*value = value_time(ms);
	} else if (is_text(bin)) {
		*value = decode_binary(arena, bin->text);
	}
	for (uint32_t i = 0; value->kind == VALUE_ARRAY && i < value->count; i++) {
		mend(arena, &value->items[i], fields);
	}
	for (uint32_t i = 0; value->kind == VALUE_OBJECT && i < value->count; i++) {
		value->dictionary = !fields;
		mend(arena, &value->members[i].value, fields);
	}
}

static int choice(struct bytes word, const char *const *choices)
{
	for (int i = 0; choices[i] != NULL; i++) {
		if (bytes_eq(word, bytes_str(choices[i]))) {
			return i;
		}
	}
	die("write", "an unknown word");
}

static void write_line(struct arena *arena, struct bytes line)
{
	static const char *const names[] = {"pascal", "camel", NULL};
	static const char *const forms[] = {"none", "block", "block_array", NULL};
	static const char *const kinds[] = {"dictionary", "fields", NULL};
	int name = choice(bytes_split(&line, ' '), names);
	int form = choice(bytes_split(&line, ' '), forms);
	bool fields = choice(bytes_split(&line, ' '), kinds) == 1;
	struct hub_message message;
	const char *why;
	if (hub_codec_json.read(arena, line, &message, &why) != 0) {
		die("write", why);
	}
	mend(arena, &message.arguments, fields);
	mend(arena, &message.item, fields);
	struct buf out = {0};
	hub_codec_msgpack((enum msgpack_names)name, (enum msgpack_lz4)form)->write(&out, &message);
	for (size_t i = 0; i < out.len; i++) {
		printf("%02x", (unsigned char)out.data[i]);
	}
	putchar('\n');
	buf_finish(&out);
}

/* ---- from MessagePack ---- */

static struct bytes decode_hex(struct arena *arena, struct bytes hex)
{
	char *out = arena_alloc(arena, hex.len / 2 + 1);
	for (size_t i = 0; i + 1 < hex.len; i += 2) {
		const char digits[] = {hex.ptr[i], hex.ptr[i + 1], '\0'};
		out[i / 2] = (char)strtoul(digits, NULL, 16);
	}
	return bytes_of(out, hex.len / 2);
}

static void read_line(struct arena *arena, struct bytes line)
{
	const struct hub_codec *codec = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	struct bytes input = decode_hex(arena, line), record;
	struct hub_message message;
	const char *why = "it is not framed";
	size_t scanned = 0;
	if (codec->next_record(&input, LINE_MAX_SIZE, &scanned, &record) != 0 || input.len > 0 ||
		codec->read(arena, record, &message, &why) != 0) {
		printf("error: %s\n", why);
		return;
	}
	struct buf out = {0};
	hub_codec_json.write(&out, &message);
	/* Without the separator. */
	printf("%.*s\n", (int)out.len - 1, out.data);
	buf_finish(&out);
}

int main(int argc, char **argv)
{
	static const char *const verbs[] = {"read", "write", NULL};
	if (argc != 2) {
		die("usage", "codec read|write");
	}
	bool writes = choice(bytes_str(argv[1]), verbs) == 1;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	while ((len = getline(&line, &size, stdin)) > 0) {
		struct arena *arena = arena_create(0);
		struct bytes text = bytes_of(line, (size_t)len - (line[len - 1] == '\n'));
		writes ? write_line(arena, text) : read_line(arena, text);
		arena_destroy(&arena);
	}
	free(line);
	return 0;
}
