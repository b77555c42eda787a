#include "lib/store/store.h"

#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/store/pg_store.h"
#include "lib/store/sqlite_open.h"

void store_call_init(
	struct store_call *call, struct mailbox *reply_to, struct arena *arena, store_done_fn done)
{
	*call = (struct store_call){.reply_to = reply_to, .arena = arena, .done = done};
}

/* The text of an unknown URL is not repeated: there may be a password in it. */
int store_open(
	const struct store_open_params *params, struct store **ret_store, struct buf *ret_why)
{
	struct bytes path;

	if (sqlite_url_is(params->url, &path)) {
		return sqlite_store_open(params, path, ret_store, ret_why);
	}
	if (pg_url_is(params->url)) {
		return pg_store_open(params, ret_store, ret_why);
	}
	buf_append_str(ret_why,
		"the database URL starts with no known scheme; known are sqlite:PATH and "
		"postgresql://HOST/DATABASE");
	return ERR_CONFIG;
}

int store_attach(struct store *store, struct loop *loop, struct store **ret_store)
{
	if (store->ops->attach != NULL) {
		return store->ops->attach(store, loop, ret_store);
	}
	*ret_store = store;
	return 0;
}

void store_detach(struct store *store, struct store **attached)
{
	if (*attached != NULL && *attached != store) {
		(*attached)->ops->close(*attached);
	}
	*attached = NULL;
}

void store_stop(struct store *store)
{
	if (store != NULL) {
		store->ops->stop(store);
	}
}

void store_close(struct store **store)
{
	if (*store != NULL) {
		(*store)->ops->close(*store);
		*store = NULL;
	}
}

void store_client_key(const struct uuid *sender, struct bytes client_message_id, uint8_t out[16])
{
	const struct bytes parts[] = {uuid_bytes(sender), client_message_id};
	uint8_t hash[32];

	digest_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), hash);
	memcpy(out, hash, 16);
}

static void put_be64(uint8_t out[8], uint64_t n)
{
	for (int i = 7; i >= 0; i--) {
		out[i] = (uint8_t)n;
		n >>= 8;
	}
}

/* Hashed are: type, ref_seq, then attachment, content, nonce and tag, each behind its length; all
 * numbers as 8 bytes, big-endian. Stored hashes are compared with it: never change it. */
void store_body_hash(const struct append_item *item, uint8_t out[8])
{
	const struct bytes texts[] = {item->attachment, item->content, item->nonce, item->auth_tag};
	uint8_t numbers[6][8];
	struct bytes parts[10];
	uint8_t hash[32];
	size_t count = 0;

	put_be64(numbers[0], (uint64_t)item->type);
	put_be64(numbers[1], item->ref_seq);
	parts[count++] = bytes_of(numbers[0], 8);
	parts[count++] = bytes_of(numbers[1], 8);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_be64(numbers[i + 2], texts[i].len);
		parts[count++] = bytes_of(numbers[i + 2], 8);
		parts[count++] = texts[i];
	}
	digest_sha256_parts(parts, count, hash);
	memcpy(out, hash, 8);
}

void store_epoch_make(char out[17])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bits[8];

	random_bytes(bits, sizeof(bits));
	for (size_t i = 0; i < sizeof(bits); i++) {
		out[2 * i] = digits[bits[i] >> 4];
		out[2 * i + 1] = digits[bits[i] & 15];
	}
	out[16] = '\0';
}

/* A row of an epoch that the store does not know takes the present one: an id that is stable is
 * better than none. */
void store_message_id(const struct store *store, const struct message_row *row, struct uuid *ret_id)
{
	const char *epoch = store->epoch;

	if (!uuid_is_nil(&row->imported_id)) {
		*ret_id = row->imported_id;
		return;
	}
	if (row->epoch_no < store->epoch_count && store->epochs[row->epoch_no][0] != '\0') {
		epoch = store->epochs[row->epoch_no];
	}
	ident_message(&row->room, epoch, row->seq, ret_id);
}
