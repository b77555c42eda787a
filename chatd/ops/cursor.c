#include "chatd/ops/cursor.h"

#include "chatd/auth/principal.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/store/store.h"

#define MAC_BYTES 8
#define ID_BYTES 16
#define TEXT_MAX 1024

static void cursor_mac(const struct op *op, const char *list, struct bytes place, uint8_t out[32])
{
	const struct store *store = op->sv->store;
	struct buf input = {0};
	buf_append_str(&input, "cursor:");
	buf_append(&input, list, strlen(list) + 1);
	if (op->principal != NULL) {
		buf_append_bytes(&input, uuid_bytes(&op->principal->user_id));
	}
	buf_append_bytes(&input, place);
	digest_hmac_sha256(
		bytes_of(store->fleet_secret, sizeof(store->fleet_secret)), buf_bytes(&input), out);
	buf_finish(&input);
}

struct value cursor_write(const struct op *op, const char *list, const struct cursor *cursor)
{
	uint8_t mac[32];
	size_t len = MAC_BYTES + ID_BYTES + cursor->text.len;
	char *raw = arena_alloc(op->arena, len);
	memcpy(raw + MAC_BYTES, cursor->id.b, ID_BYTES);
	if (cursor->text.len > 0) {
		memcpy(raw + MAC_BYTES + ID_BYTES, cursor->text.ptr, cursor->text.len);
	}
	cursor_mac(op, list, bytes_of(raw + MAC_BYTES, len - MAC_BYTES), mac);
	memcpy(raw, mac, MAC_BYTES);
	char *out = arena_alloc(op->arena, (len * 4 + 2) / 3);
	return value_text(bytes_of(out, base64url_encode(bytes_of(raw, len), out)));
}

int cursor_read(struct op *op, const char *list, struct bytes text, struct cursor *ret_cursor)
{
	uint8_t mac[32];
	size_t len = 0;
	bool fits = text.len > 0 && text.len <= (MAC_BYTES + ID_BYTES + TEXT_MAX) * 4 / 3 + 1;
	char *raw = fits ? arena_alloc(op->arena, text.len) : NULL;
	bool whole = fits && base64url_decode(text, raw, &len) == 0 && len >= MAC_BYTES + ID_BYTES;
	if (whole) {
		cursor_mac(op, list, bytes_of(raw + MAC_BYTES, len - MAC_BYTES), mac);
	}
	if (!whole || !digest_equal(mac, raw, MAC_BYTES)) {
		return op_fail(op, ERR_BAD_REQUEST,
			"'cursor' must be the nextCursor of the page before, of the same list");
	}
	memcpy(ret_cursor->id.b, raw + MAC_BYTES, ID_BYTES);
	ret_cursor->text = bytes_of(raw + MAC_BYTES + ID_BYTES, len - MAC_BYTES - ID_BYTES);
	return 0;
}
