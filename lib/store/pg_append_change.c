/* Edits and deletions of messages. Rare: a statement each. */
#include "lib/store/pg_append_parts.h"

void pg_change_write(
	const struct store *store, struct pg_link *link, const struct append_item *item)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, &item->room);
	pg_param_id(&params, &item->sender);
	pg_param_key(&params, item->client_key);
	pg_param_blob(&params, bytes_of(item->body_hash, sizeof(item->body_hash))); /* a bigint */
	pg_param_int4(&params, (int32_t)store->epoch_no);
	pg_param_int2(&params, (int16_t)item->type);
	pg_param_int(&params, (int64_t)item->ref_seq);
	pg_param_bool(&params, item->encrypted);
	pg_param_text_or_null(&params, item->client_message_id);
	if (item->encrypted) {
		pg_param_null(&params);
		pg_param_blob(&params, item->content);
	} else {
		pg_param_text(&params, item->content);
		pg_param_null(&params);
	}
	pg_param_blob_or_null(&params, item->nonce);
	pg_param_blob_or_null(&params, item->auth_tag);
	pg_param_text_or_null(&params, item->attachment);
	pg_link_add(link, item->type == MESSAGE_EDIT ? PG_SQL_APPEND_EDIT : PG_SQL_APPEND_DELETE,
		&params);
}
