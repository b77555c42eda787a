#include "chatd/rest/etag.h"

#include <inttypes.h>
#include <stdio.h>

#include "chatd/rest/accept.h"
#include "lib/base/digest.h"

#define HASH_BYTES 8
#define GZIP_SUFFIX "-gzip"

void etag_write(uint64_t version, struct bytes body, bool gzip, char out[ETAG_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[32];
	char hex[2 * HASH_BYTES + 1];
	digest_sha256(body, hash);
	for (size_t i = 0; i < HASH_BYTES; i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	hex[2 * HASH_BYTES] = '\0';
	const char *suffix = gzip ? GZIP_SUFFIX : "";
	if (version != 0) {
		snprintf(out, ETAG_SIZE, "\"%" PRIu64 "-%s%s\"", version, hex, suffix);
	} else {
		snprintf(out, ETAG_SIZE, "\"%s%s\"", hex, suffix);
	}
}

/* What stands in the quotes of a tag that is not weak; len 0: nothing, or it is none. */
static struct bytes opaque_of(struct bytes tag)
{
	bool quoted = tag.len > 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"';
	struct bytes opaque = quoted ? bytes_of(tag.ptr + 1, tag.len - 2) : BYTES_NONE;
	return bytes_find_char(opaque, '"') < 0 ? opaque : BYTES_NONE;
}

/* The same of either strength. */
static struct bytes weak_opaque_of(struct bytes tag)
{
	bool weak = bytes_starts(tag, BYTES_LIT("W/"));
	return opaque_of(weak ? bytes_of(tag.ptr + 2, tag.len - 2) : tag);
}

static struct bytes without_suffix(struct bytes opaque)
{
	struct bytes suffix = BYTES_LIT(GZIP_SUFFIX);
	bool has = opaque.len > suffix.len &&
		   memcmp(opaque.ptr + opaque.len - suffix.len, suffix.ptr, suffix.len) == 0;
	return has ? bytes_of(opaque.ptr, opaque.len - suffix.len) : opaque;
}

bool etag_none_match(const struct http1_headers *headers, const char *tag)
{
	struct header_walk walk = {.headers = headers, .name = "If-None-Match"};
	struct bytes own = without_suffix(opaque_of(bytes_str(tag)));
	struct bytes member;
	while (header_walk_next(&walk, &member)) {
		if (bytes_eq(member, BYTES_LIT("*")) ||
			bytes_eq(without_suffix(weak_opaque_of(member)), own)) {
			return true;
		}
	}
	return false;
}

bool etag_matches(const struct http1_headers *headers, const char *tag)
{
	struct header_walk walk = {.headers = headers, .name = "If-Match"};
	struct bytes own = without_suffix(opaque_of(bytes_str(tag)));
	struct bytes member;
	if (http1_header(headers, "If-Match") == NULL) {
		return true;
	}
	while (header_walk_next(&walk, &member)) {
		if (bytes_eq(member, BYTES_LIT("*")) ||
			bytes_eq(without_suffix(opaque_of(member)), own)) {
			return true;
		}
	}
	return false;
}

/* The version in a tag, 0: none. */
static uint64_t version_of(struct bytes tag)
{
	unsigned long long version = 0;
	struct bytes rest = without_suffix(opaque_of(tag));
	struct bytes number = bytes_split(&rest, '-');
	bool good = rest.len > 0 && bytes_to_u64(number, &version) == 0;
	return good ? version : 0;
}

enum etag_demand etag_read_match(const struct http1_headers *headers, uint64_t *ret_version)
{
	struct header_walk walk = {.headers = headers, .name = "If-Match"};
	struct bytes member;
	uint64_t found = 0;
	if (http1_header(headers, "If-Match") == NULL) {
		return ETAG_ANY;
	}
	while (header_walk_next(&walk, &member)) {
		if (bytes_eq(member, BYTES_LIT("*"))) {
			return ETAG_ANY;
		}
		uint64_t version = version_of(member);
		if (version != 0 && found != 0 && version != found) {
			return ETAG_IMPOSSIBLE;
		}
		found = version != 0 ? version : found;
	}
	*ret_version = found;
	return found != 0 ? ETAG_VERSION : ETAG_IMPOSSIBLE;
}
