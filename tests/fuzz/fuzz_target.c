/* Request targets and queries. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/wire/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct bytes path)
{
	struct bytes rest = path, segment;

	assert(path.ptr[path.len] == '\0' && strlen(path.ptr) == path.len);
	assert(utf8_valid(path));
	if (bytes_eq(path, BYTES_LIT("*"))) {
		return;
	}
	assert(path.len > 0 && path.ptr[0] == '/');
	while (rest.len > 0) {
		segment = bytes_split(&rest, '/');
		assert(!bytes_eq(segment, BYTES_LIT(".")));
		assert(!bytes_eq(segment, BYTES_LIT("..")));
	}
}

/* What the log shows has no secret: each value of id and access_token is hidden or empty. */
static void check_log(struct bytes raw, struct arena *arena)
{
	static const char *const names[] = {"id", "access_token"};
	struct bytes line = target_for_log(raw, arena);
	struct bytes value;
	size_t count;

	bytes_split(&line, '?');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (target_query_get(line, names[i], arena, &value, &count) == 0) {
			for (size_t k = 0; k < value.len; k++) {
				assert(value.ptr[k] == '*' || value.ptr[k] == ',');
			}
		}
	}
}

static void check_query(struct bytes query, struct arena *arena)
{
	struct bytes name, value, decoded, again;
	struct buf encoded = {0};

	while (target_query_next(&query, &name, &value) == 0) {
		decoded = target_query_decode(name, arena);
		assert(decoded.len <= name.len && decoded.ptr[decoded.len] == '\0');
		decoded = target_query_decode(value, arena);
		assert(decoded.len <= value.len && decoded.ptr[decoded.len] == '\0');
		if (utf8_valid(decoded)) {
			buf_clear(&encoded);
			target_encode(&encoded, decoded);
			again = target_query_decode(buf_bytes(&encoded), arena);
			assert(bytes_eq(again, decoded));
		}
	}
	buf_finish(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes raw = bytes_of(data, size);
	struct arena *arena = arena_create(0);
	struct target target;

	if (target_parse(raw, arena, &target) == 0) {
		check_path(target.path);
		check_query(target.query, arena);
	}
	check_log(raw, arena);
	check_query(raw, arena);
	arena_destroy(&arena);
	return 0;
}
