/* Golden vectors for tests, read from tests/vectors. */
#ifndef TESTS_UNIT_JSON_FILE_H
#define TESTS_UNIT_JSON_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/value/json.h"

/* The JSON file at path (from the repository's root) as a value; ends the test program where it
 * cannot be read. */
static inline struct value json_file(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	struct buf text = {0};
	size_t got;
	do {
		buf_reserve(&text, 65536);
		got = fread(text.data + text.len, 1, 65536, file);
		text.len += got;
	} while (got > 0);
	fclose(file);
	struct value root;
	const char *why = "";
	if (json_read(arena, buf_bytes(&text), &root, &why) != 0) {
		fprintf(stderr, "%s: %s\n", path, why);
		exit(1);
	}
	buf_finish(&text);
	return root;
}

/* The text member of an object; BYTES_NONE where there is none. */
static inline struct bytes json_file_text(const struct value *object, const char *name)
{
	const struct value *member = value_get(object, name);
	return member != NULL && member->kind == VALUE_TEXT ? member->text : BYTES_NONE;
}

#endif
