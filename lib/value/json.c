#include "lib/value/json.h"

#include <jansson.h>

#include "lib/base/err.h"
#include "lib/value/json_scan.h"

enum { NAME_SHOWN_MAX = 64 }; /* bytes of a name that is there twice */

/* What becomes of the tree that jansson has read. */
struct conversion {
	struct arena *arena;
	const struct json_scan *scan;
	char *texts; /* where the next text goes: all of them lie in one piece of memory */
};

static int convert(struct conversion *conversion, json_t *from, struct value *ret_value);

static struct bytes convert_bytes(struct conversion *conversion, struct bytes from)
{
	char *copy = conversion->texts;
	memcpy(copy, from.ptr, from.len);
	copy[from.len] = '\0';
	conversion->texts += from.len + 1;
	return bytes_of(copy, from.len);
}

/* Where the mark is found it gives way to U+FFFD, which is as long. */
static bool replace_marks(char *text, size_t len)
{
	bool found = false;
	char *end = text + len;
	while ((text = memmem(text, (size_t)(end - text), JSON_SCAN_MARK,
			sizeof(JSON_SCAN_MARK) - 1)) != NULL) {
		memcpy(text, "\xef\xbf\xbd", sizeof(JSON_SCAN_MARK) - 1);
		found = true;
	}
	return found;
}

static void convert_text(struct conversion *conversion, json_t *from, struct value *ret_value)
{
	char *copy = conversion->texts;
	struct bytes read = bytes_of(json_string_value(from), json_string_length(from));
	struct bytes whole = json_scan_restore(conversion->scan, read);
	struct bytes text = convert_bytes(conversion, whole);
	*ret_value = value_text(text);
	/* Long texts that were kept from jansson had no escapes. */
	ret_value->bad_text = conversion->scan->marks > 0 && whole.ptr == read.ptr &&
			      replace_marks(copy, text.len);
}

static int convert_array(struct conversion *conversion, json_t *from, struct value *ret_value)
{
	size_t count = json_array_size(from);
	struct value *items = arena_try_alloc(conversion->arena, count * sizeof(*items));
	if (items == NULL) {
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		int err = convert(conversion, json_array_get(from, i), &items[i]);
		if (err != 0) {
			return err;
		}
	}
	*ret_value = (struct value){.kind = VALUE_ARRAY, .count = (uint32_t)count, .items = items};
	return 0;
}

static int convert_object(struct conversion *conversion, json_t *from, struct value *ret_value)
{
	size_t count = json_object_size(from);
	struct value_member *members = arena_try_alloc(conversion->arena, count * sizeof(*members));
	if (members == NULL) {
		return ERR_NOMEM;
	}
	struct value_member *member = members;
	for (void *at = json_object_iter(from); at != NULL;
		at = json_object_iter_next(from, at), member++) {
		member->name = convert_bytes(conversion,
			bytes_of(json_object_iter_key(at), json_object_iter_key_len(at)));
		int err = convert(conversion, json_object_iter_value(at), &member->value);
		if (err != 0) {
			return err;
		}
	}
	*ret_value = (struct value){
		.kind = VALUE_OBJECT,
		.dictionary = true,
		.count = (uint32_t)count,
		.members = members,
	};
	return 0;
}

/* Recursive: json_scan() has bounded the depth. */
static int convert(struct conversion *conversion, json_t *from, struct value *ret_value)
{
	switch (json_typeof(from)) {
	case JSON_OBJECT:
		return convert_object(conversion, from, ret_value);
	case JSON_ARRAY:
		return convert_array(conversion, from, ret_value);
	case JSON_STRING:
		convert_text(conversion, from, ret_value);
		return 0;
	case JSON_INTEGER:
		*ret_value = value_int(json_integer_value(from));
		return 0;
	case JSON_REAL:
		*ret_value = (struct value){.kind = VALUE_DOUBLE, .number = json_real_value(from)};
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret_value = value_bool(json_is_true(from));
		return 0;
	case JSON_NULL:
		break;
	}
	*ret_value = value_null;
	return 0;
}

/* jansson's own texts repeat the content. */
static const char *reason_of(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_invalid_utf8:
		return "not valid UTF-8";
	case json_error_premature_end_of_input:
		return "the JSON text ends too early";
	case json_error_end_of_input_expected:
		return "something follows the JSON value";
	case json_error_null_byte_in_key:
		return "U+0000 in the name of a member";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_out_of_memory:
		return "out of memory";
	default:
		return "not valid JSON";
	}
}

static void explain(struct arena *arena, const char *reason, size_t at, const char **ret_why)
{
	if (ret_why != NULL) {
		*ret_why = arena_printf(arena, "%s at byte %zu", reason, at);
	}
}

/* The name whose last quote stands before end, as it is written. */
static struct bytes name_before(struct bytes text, size_t end)
{
	size_t start = end - 1;
	bool escaped = false;
	do {
		start--;
		size_t behind = start;
		while (behind > 0 && text.ptr[behind - 1] == '\\') {
			behind--;
		}
		escaped = (start - behind) % 2 != 0;
	} while (start > 0 && (text.ptr[start] != '"' || escaped));
	return bytes_of(text.ptr + start + 1, end - start - 2);
}

static void explain_repeated(
	struct arena *arena, struct bytes text, size_t end, const char **ret_why)
{
	if (ret_why == NULL) {
		return;
	}
	struct bytes name = end >= 2 && end <= text.len ? name_before(text, end) : BYTES_NONE;
	*ret_why = name.len > NAME_SHOWN_MAX
			   ? "a member with a long name is there twice"
			   : arena_printf(arena, "'%.*s' is there twice", BYTES_ARG(name));
}

static int load(struct arena *arena, struct bytes text, size_t flags, json_t **ret_root,
	const char **ret_why)
{
	json_error_t error;
	flags |= JSON_DECODE_ANY | JSON_ALLOW_NUL;
	*ret_root = json_loadb(text.ptr, text.len, flags, &error);
	if (*ret_root != NULL) {
		return 0;
	}
	if (json_error_code(&error) == json_error_duplicate_key) {
		explain_repeated(arena, text, (size_t)error.position, ret_why);
		return ERR_BAD_REQUEST;
	}
	explain(arena, reason_of(&error), (size_t)error.position, ret_why);
	return json_error_code(&error) == json_error_out_of_memory ? ERR_NOMEM : ERR_BAD_REQUEST;
}

/* What scan has looked over, read by jansson. */
static int read_tree(struct arena *arena, struct json_scan *scan, size_t flags, json_t **ret_root,
	const char **ret_why)
{
	struct bytes text = scan->text;
	if (scan->marks + scan->numbers + scan->long_count > 0) {
		int err = json_scan_mend(scan, arena, &text);
		if (err != 0) {
			explain(arena, "out of memory", 0, ret_why);
			return err;
		}
	}
	return load(arena, text, flags, ret_root, ret_why);
}

static int convert_tree(
	struct arena *arena, const struct json_scan *scan, json_t *root, struct value *ret_value)
{
	/* With its two quotes each text is at least as long as decoded with a NUL behind it. */
	struct conversion conversion = {
		.arena = arena,
		.scan = scan,
		.texts = arena_try_alloc(arena, scan->text.len),
	};
	return conversion.texts != NULL ? convert(&conversion, root, ret_value) : ERR_NOMEM;
}

static int read_with(struct arena *arena, struct bytes text, size_t flags, struct value *ret_value,
	const char **ret_why)
{
	struct json_scan scan;
	int err = json_scan(&scan, text.ptr != NULL ? text : BYTES_LIT(""));
	if (err != 0) {
		explain(arena, scan.reason, scan.at, ret_why);
		return err;
	}
	json_t *root;
	err = read_tree(arena, &scan, flags, &root, ret_why);
	if (err == ERR_BAD_REQUEST && scan.long_count > 0) {
		/* Once more with all texts in their places, so that the reason names the right
		 * one. */
		scan.long_count = scan.long_bytes = 0;
		err = read_tree(arena, &scan, flags, &root, ret_why);
	}
	if (err != 0) {
		return err;
	}
	err = convert_tree(arena, &scan, root, ret_value);
	json_decref(root);
	if (err != 0) {
		explain(arena, "out of memory", 0, ret_why);
	}
	return err;
}

int json_read(struct arena *arena, struct bytes text, struct value *ret_value, const char **ret_why)
{
	return read_with(arena, text, 0, ret_value, ret_why);
}

int json_read_unique(
	struct arena *arena, struct bytes text, struct value *ret_value, const char **ret_why)
{
	return read_with(arena, text, JSON_REJECT_DUPLICATES, ret_value, ret_why);
}
