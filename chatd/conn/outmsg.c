#include "chatd/conn/outmsg.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/transport/sse.h"
#include "chatd/transport/ws.h"
#include "lib/base/list.h"
#include "lib/hubproto/handshake.h"

struct outmsg {
	atomic_uint refs;
	uint32_t count;
	struct outmsg_form {
		char *data; /* owned; NULL: not encoded for this codec */
		uint32_t frame, payload, end; /* offsets */
	} forms[HUB_CODEC_COUNT];
};

/* One form of a message, as one worker's send queues hold it: a view of the shared bytes. Events
 * are copies of their own. */
struct local_form {
	struct chunk chunk;
	struct outmsg_local *local; /* NULL: nobody asked for it yet, or all let go of it */
};

struct outmsg_local {
	struct outmsg *msg;
	uint32_t open; /* forms that have references, and one for the creator */
	struct local_form forms[HUB_CODEC_COUNT][FRAMING_COUNT];
	struct chunk *event; /* of FRAMING_SSE: text is JSON's alone; NULL until asked for */
};

void outmsg_begin(struct outmsg_builder *builder, const struct codecs *codecs)
{
	unsigned used = codecs_used(codecs);
	*builder = (struct outmsg_builder){0};
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		builder->codecs[id] = (used & (1U << id)) != 0 ? codecs->by_id[id] : NULL;
	}
}

void outmsg_begin_single(struct outmsg_builder *builder, const struct hub_codec *codec)
{
	*builder = (struct outmsg_builder){0};
	builder->codecs[codec->id] = codec;
}

void outmsg_add(struct outmsg_builder *builder, const struct hub_message *message)
{
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		const struct hub_codec *codec = builder->codecs[id];
		if (codec == NULL) {
			continue;
		}
		struct buf *form = &builder->forms[id];
		if (form->len == 0) {
			buf_reserve(form, WS_HEADROOM + 512);
			form->len = WS_HEADROOM;
		}
		codec->write(form, message);
	}
	builder->count++;
}

size_t outmsg_size(const struct outmsg_builder *builder)
{
	size_t size = 0;
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		size = builder->forms[id].len > size ? builder->forms[id].len : size;
	}
	return size;
}

/* What was reserved and not used would be kept for as long as the slowest reader needs. */
static char *fitted(const struct buf *form)
{
	char *data = realloc(form->data, form->len);
	return data != NULL ? data : form->data;
}

struct outmsg *outmsg_end(struct outmsg_builder *builder)
{
	struct outmsg *msg = mem_zalloc(sizeof(*msg));
	atomic_init(&msg->refs, 1);
	msg->count = builder->count;
	builder->count = 0;
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		struct buf *form = &builder->forms[id];
		if (form->len == 0) {
			continue;
		}
		char *data = fitted(form);
		char *payload = data + WS_HEADROOM;
		size_t len = form->len - WS_HEADROOM;
		char *frame = ws_frame_in_place(payload, len, builder->codecs[id]->binary);
		msg->forms[id] = (struct outmsg_form){
			.data = data,
			.frame = (uint32_t)(frame - data),
			.payload = WS_HEADROOM,
			.end = (uint32_t)form->len,
		};
		buf_init(form);
	}
	return msg;
}

struct outmsg *outmsg_single(const struct hub_codec *codec, const struct hub_message *message)
{
	struct outmsg_builder builder;
	outmsg_begin_single(&builder, codec);
	outmsg_add(&builder, message);
	return outmsg_end(&builder);
}

/* The record behind the headroom, wrapped for its way, in just the memory it needs: many may wait
 * for a slow reader, and their bytes alone are counted. Empties *record. */
static struct chunk *chunk_of_record(
	struct buf *record, enum transport_framing framing, bool binary)
{
	struct chunk *chunk = NULL;
	char *payload = record->data + WS_HEADROOM;
	size_t len = record->len - WS_HEADROOM;
	if (framing == FRAMING_SSE) {
		chunk = sse_event(bytes_of(payload, len));
	} else {
		bool ws = framing == FRAMING_WS;
		char *start = ws ? ws_frame_in_place(payload, len, binary) : payload;
		chunk = chunk_copy(bytes_of(start, (size_t)(payload + len - start)));
	}
	buf_finish(record);
	return chunk;
}

static struct buf record_begin(void)
{
	struct buf record = {0};
	buf_reserve(&record, WS_HEADROOM + 512);
	record.len = WS_HEADROOM;
	return record;
}

struct chunk *outmsg_handshake(const char *error, enum transport_framing framing)
{
	struct buf record = record_begin();
	handshake_write_response(&record, error);
	return chunk_of_record(&record, framing, false);
}

struct chunk *outmsg_alone(const struct hub_codec *codec, const struct hub_message *message,
	enum transport_framing framing)
{
	struct buf record = record_begin();
	codec->write(&record, message);
	return chunk_of_record(&record, framing, codec->binary);
}

struct outmsg *outmsg_ref(struct outmsg *msg)
{
	atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
	return msg;
}

void outmsg_unref(struct outmsg **msg)
{
	struct outmsg *gone = *msg;
	*msg = NULL;
	if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		free(gone->forms[id].data);
	}
	free(gone);
}

uint32_t outmsg_count(const struct outmsg *msg)
{
	return msg->count;
}

static void local_close_one(struct outmsg_local *local)
{
	if (--local->open == 0) {
		outmsg_unref(&local->msg);
		free(local);
	}
}

static void form_release(struct chunk *chunk)
{
	struct local_form *form = CONTAINER_OF(chunk, struct local_form, chunk);
	struct outmsg_local *local = form->local;
	form->local = NULL;
	local_close_one(local);
}

struct outmsg_local *outmsg_local_create(struct outmsg *msg)
{
	struct outmsg_local *local = mem_zalloc(sizeof(*local));
	local->msg = outmsg_ref(msg);
	local->open = 1;
	return local;
}

static struct chunk *local_event(struct outmsg_local *local, const struct outmsg_form *form)
{
	if (local->event == NULL) {
		local->event =
			sse_event(bytes_of(form->data + form->payload, form->end - form->payload));
	}
	return local->event;
}

struct chunk *outmsg_chunk(
	struct outmsg_local *local, const struct hub_codec *codec, enum transport_framing framing)
{
	const struct outmsg_form *form = &local->msg->forms[codec->id];
	struct local_form *made = &local->forms[codec->id][framing];
	if (made->local != NULL) {
		return &made->chunk;
	}
	if (form->data == NULL) {
		return NULL;
	}
	if (framing == FRAMING_SSE) {
		assert(!codec->binary);
		return local_event(local, form);
	}
	uint32_t start = framing == FRAMING_WS ? form->frame : form->payload;
	made->local = local;
	made->chunk = (struct chunk){
		.data = form->data + start,
		.len = form->end - start,
		.refs = 1, /* the creator's, until outmsg_local_done() */
		.release = form_release,
	};
	local->open++;
	return &made->chunk;
}

void outmsg_local_done(struct outmsg_local **local)
{
	struct outmsg_local *done = *local;
	*local = NULL;
	if (done == NULL) {
		return;
	}
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		for (unsigned form = 0; form < FRAMING_COUNT; form++) {
			if (done->forms[id][form].local != NULL) {
				chunk_unref(&done->forms[id][form].chunk);
			}
		}
	}
	if (done->event != NULL) {
		chunk_unref(done->event);
	}
	local_close_one(done);
}

uint32_t outmsg_local_count(const struct outmsg_local *local)
{
	return local->msg->count;
}
