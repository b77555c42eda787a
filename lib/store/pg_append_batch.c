/* A batch as the parameters of its statements, and their rows as its outcomes. Many messages are
 * arrays of equal length, one for each column. */
#include <assert.h>
#include <stdlib.h>

#include "lib/store/pg_append_parts.h"

/* The arrays in the order of the parameters; the number of the epoch stands behind the plain ones.
 */
enum column {
	ROOM,
	SENDER,
	CLIENT_KEY,
	BODY_HASH,
	TYPE,
	CLIENT_MESSAGE_ID,
	CONTENT,
	PLAIN_COUNT,
	REF_SEQ = PLAIN_COUNT,
	ENCRYPTED,
	ENCRYPTED_CONTENT,
	NONCE,
	AUTH_TAG,
	ATTACHMENT,
	FULL_COUNT,
	IMPORTED_ID = FULL_COUNT,
	SENT_AT,
	EDITED_AT,
	DELETED_AT,
	OWN_SEQ,
	OWN_EPOCH,
	COLUMN_COUNT
};

static const enum pg_type types[COLUMN_COUNT] = {
	[ROOM] = PG_UUID,
	[SENDER] = PG_UUID,
	[CLIENT_KEY] = PG_UUID,
	[BODY_HASH] = PG_INT8,
	[TYPE] = PG_INT2,
	[CLIENT_MESSAGE_ID] = PG_TEXT,
	[CONTENT] = PG_TEXT,
	[REF_SEQ] = PG_INT8,
	[ENCRYPTED] = PG_BOOL,
	[ENCRYPTED_CONTENT] = PG_BYTEA,
	[NONCE] = PG_BYTEA,
	[AUTH_TAG] = PG_BYTEA,
	[ATTACHMENT] = PG_TEXT,
	[IMPORTED_ID] = PG_UUID,
	[SENT_AT] = PG_TIMESTAMPTZ,
	[EDITED_AT] = PG_TIMESTAMPTZ,
	[DELETED_AT] = PG_TIMESTAMPTZ,
	[OWN_SEQ] = PG_INT8,
	[OWN_EPOCH] = PG_INT4,
};

/* Columns of the rows that come back. */
enum { ANSWER_PLACE, ANSWER_OUTCOME, ANSWER_SEQ, ANSWER_SENT_AT, ANSWER_VERSION, ANSWER_EPOCH };

/* An array that one long text made larger than this does not keep its memory. */
enum { KEEP_BYTES = 2 * PG_BATCH_BYTES };

struct pg_batch_writer {
	const struct store *store;
	struct pg_params params;
	struct pg_array columns[COLUMN_COUNT];
};

struct pg_batch_writer *pg_batch_writer_create(const struct store *store)
{
	struct pg_batch_writer *writer = mem_zalloc(sizeof(*writer));

	writer->store = store;
	return writer;
}

void pg_batch_writer_destroy(struct pg_batch_writer **writer)
{
	struct pg_batch_writer *gone = *writer;

	*writer = NULL;
	if (gone == NULL) {
		return;
	}
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		pg_array_finish(&gone->columns[i]);
	}
	free(gone);
}

/* ---- one message ---- */

static void add_plain(struct pg_array *columns, const struct append_item *item)
{
	pg_array_id(&columns[ROOM], &item->room);
	pg_array_id(&columns[SENDER], &item->sender);
	pg_array_bytes(&columns[CLIENT_KEY], bytes_of(item->client_key, 16));
	pg_array_bytes(&columns[BODY_HASH], bytes_of(item->body_hash, 8)); /* as it is sent */
	pg_array_int2(&columns[TYPE], (int16_t)item->type);
	pg_array_bytes_or_null(&columns[CLIENT_MESSAGE_ID], item->client_message_id);
	if (item->encrypted) {
		pg_array_null(&columns[CONTENT]);
	} else {
		pg_array_bytes(&columns[CONTENT], item->content);
	}
}

static void add_rest(struct pg_array *columns, const struct append_item *item)
{
	if (item->ref_seq == 0) {
		pg_array_null(&columns[REF_SEQ]);
	} else {
		pg_array_int8(&columns[REF_SEQ], (int64_t)item->ref_seq);
	}
	pg_array_bool(&columns[ENCRYPTED], item->encrypted);
	if (item->encrypted) {
		pg_array_bytes(&columns[ENCRYPTED_CONTENT], item->content);
	} else {
		pg_array_null(&columns[ENCRYPTED_CONTENT]);
	}
	pg_array_bytes_or_null(&columns[NONCE], item->nonce);
	pg_array_bytes_or_null(&columns[AUTH_TAG], item->auth_tag);
	pg_array_bytes_or_null(&columns[ATTACHMENT], item->attachment);
}

/* Whether the id could be that of a message which was sent here: then its number and epoch. */
static bool is_own_id(
	const struct store *store, const struct append_item *item, uint32_t *ret_epoch)
{
	uint64_t seq = ident_message_seq(&item->imported_id);
	struct uuid computed;

	if (item->imported_id.b[6] >> 4 != 8 || seq == 0) {
		return false; /* no UUID of that version */
	}
	for (uint32_t i = 0; i < store->epoch_count; i++) {
		if (store->epochs[i][0] == '\0') {
			continue;
		}
		ident_message(&item->room, store->epochs[i], seq, &computed);
		if (uuid_eq(&computed, &item->imported_id)) {
			*ret_epoch = i;
			return true;
		}
	}
	return false;
}

static void add_import(
	const struct store *store, struct pg_array *columns, const struct append_item *item)
{
	uint32_t epoch;

	pg_array_id(&columns[IMPORTED_ID], &item->imported_id);
	pg_array_int8(&columns[SENT_AT], pg_time_of_ms(item->sent_ms)); /* 1970 is a time too */
	pg_array_time_or_null(&columns[EDITED_AT], item->edited_ms);
	pg_array_time_or_null(&columns[DELETED_AT], item->deleted_ms);
	if (is_own_id(store, item, &epoch)) {
		pg_array_int8(&columns[OWN_SEQ], (int64_t)ident_message_seq(&item->imported_id));
		pg_array_int4(&columns[OWN_EPOCH], (int32_t)epoch);
	} else {
		pg_array_null(&columns[OWN_SEQ]);
		pg_array_null(&columns[OWN_EPOCH]);
	}
}

/* ---- all of them ---- */

static bool is_plain_text(const struct append_item *item)
{
	return !item->encrypted && item->ref_seq == 0 && item->nonce.len == 0 &&
	       item->auth_tag.len == 0 && item->attachment.len == 0;
}

static enum pg_sql statement_of(const struct pg_batch *batch)
{
	if (batch->kind == PG_BATCH_IMPORTS) {
		return PG_SQL_APPEND_IMPORTS;
	}
	for (size_t i = 0; i < batch->count; i++) {
		if (!is_plain_text(batch->refs[i]->item)) {
			return PG_SQL_APPEND_FULL;
		}
	}
	return PG_SQL_APPEND;
}

static size_t column_count(enum pg_sql sql)
{
	switch (sql) {
	case PG_SQL_APPEND_IMPORTS:
		return COLUMN_COUNT;
	case PG_SQL_APPEND_FULL:
		return FULL_COUNT;
	default:
		return PLAIN_COUNT;
	}
}

static void fill(struct pg_batch_writer *writer, const struct pg_batch *batch, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		pg_array_begin(&writer->columns[i], types[i]);
	}
	for (size_t i = 0; i < batch->count; i++) {
		const struct append_item *item = batch->refs[i]->item;
		add_plain(writer->columns, item);
		if (columns > PLAIN_COUNT) {
			add_rest(writer->columns, item);
		}
		if (columns > FULL_COUNT) {
			add_import(writer->store, writer->columns, item);
		}
	}
}

static enum pg_sql lock_of(const struct pg_batch *batch)
{
	return batch->impatient ? PG_SQL_APPEND_LOCK_NOW : PG_SQL_APPEND_LOCK;
}

static void hurry(struct pg_link *link, const struct pg_batch *batch)
{
	if (batch->hurried) {
		pg_link_add(link, PG_SQL_HURRY, NULL);
	}
}

static void write_many(
	struct pg_batch_writer *writer, struct pg_link *link, const struct pg_batch *batch)
{
	enum pg_sql sql = statement_of(batch);
	size_t columns = column_count(sql);
	struct pg_params *params = &writer->params;

	fill(writer, batch, columns);
	params->count = 0;
	hurry(link, batch);
	if (batch->careful) {
		pg_param_array(params, &writer->columns[ROOM]);
		pg_link_add(link, lock_of(batch), params);
		params->count = 0;
	}
	for (size_t i = 0; i < columns; i++) {
		if (i == PLAIN_COUNT) {
			pg_param_int4(params, (int32_t)writer->store->epoch_no);
		}
		pg_param_array(params, &writer->columns[i]);
	}
	if (columns == PLAIN_COUNT) {
		pg_param_int4(params, (int32_t)writer->store->epoch_no);
	}
	pg_link_add(link, sql, params);
	for (size_t i = 0; i < columns; i++) {
		if (writer->columns[i].data.cap > KEEP_BYTES) {
			pg_array_finish(&writer->columns[i]);
		}
	}
}

static void write_changes(
	struct pg_batch_writer *writer, struct pg_link *link, const struct pg_batch *batch)
{
	struct pg_array *rooms = &writer->columns[ROOM];

	pg_array_begin(rooms, types[ROOM]);
	for (size_t i = 0; i < batch->count; i++) {
		pg_array_id(rooms, &batch->refs[i]->item->room);
	}
	writer->params.count = 0;
	pg_param_array(&writer->params, rooms);
	hurry(link, batch);
	pg_link_add(link, lock_of(batch), &writer->params);
	for (size_t i = 0; i < batch->count; i++) {
		pg_change_write(writer->store, link, batch->refs[i]->item);
	}
}

void pg_batch_write(
	struct pg_batch_writer *writer, struct pg_link *link, const struct pg_batch *batch)
{
	if (batch->kind == PG_BATCH_CHANGES) {
		write_changes(writer, link, batch);
	} else {
		write_many(writer, link, batch);
	}
}

/* ---- answers ---- */

static void read_row(const struct pg_result *result, size_t row, struct append_ref *ref)
{
	struct append_item *item = ref->item;

	item->outcome = (enum append_outcome)pg_int(result, row, ANSWER_OUTCOME);
	item->err = 0;
	ref->state = REF_ANSWERED;
	switch (item->outcome) {
	case APPEND_STORED:
		item->member_version = (uint64_t)pg_int(result, row, ANSWER_VERSION);
		break;
	case APPEND_REPEATED:
	case APPEND_CONFLICT:
		break;
	default:
		return;
	}
	item->seq = (uint64_t)pg_int(result, row, ANSWER_SEQ);
	item->sent_ms = pg_time(result, row, ANSWER_SENT_AT);
	item->epoch_no = (uint32_t)pg_int(result, row, ANSWER_EPOCH);
}

void pg_batch_read(const struct pg_batch *batch, const struct pg_exchange *exchange)
{
	size_t first = (batch->careful ? 1 : 0) + (batch->hurried ? 1 : 0); /* behind the locks */

	if (batch->kind == PG_BATCH_CHANGES) {
		for (size_t i = 0; i < batch->count; i++) {
			const struct pg_result *result = exchange->results[first + i];
			if (pg_rows(result) == 1) {
				read_row(result, 0, batch->refs[i]);
			}
		}
		return;
	}
	const struct pg_result *result = exchange->results[first];
	for (size_t row = 0; row < pg_rows(result); row++) {
		int64_t place = pg_int(result, row, ANSWER_PLACE);
		assert(place >= 1 && (size_t)place <= batch->count);
		read_row(result, row, batch->refs[place - 1]);
	}
}
