#include "chatd/conn/outmsg.h"

#include <assert.h>
#include <stdlib.h>

#include "chatd/transport/ws.h"
#include "lib/base/list.h"

enum { FORM_WS, FORM_RAW, FORM_COUNT };

struct outmsg {
	atomic_uint refs;
	uint32_t count;
	struct outmsg_form {
		char *data; /* owned; NULL: not encoded for this codec */
		uint32_t frame, payload, end; /* offsets */
	} forms[HUB_CODEC_COUNT];
};

/* One form of a message, as one worker's send queues hold it. */
struct local_form {
	struct chunk chunk;
	struct outmsg_local *local; /* NULL: nobody asked for it yet, or all let go of it */
};

struct outmsg_local {
	struct outmsg *msg;
	uint32_t open; /* forms that have references, and one for the creator */
	struct local_form forms[HUB_CODEC_COUNT][FORM_COUNT];
};

void outmsg_begin(struct outmsg_builder *builder, unsigned codecs)
{
	*builder = (struct outmsg_builder){.codecs = codecs};
}

static const struct hub_codec *codec_by_id(unsigned id)
{
	static const struct hub_codec *const codecs[HUB_CODEC_COUNT] = {
		[HUB_CODEC_JSON] = &hub_codec_json,
	};
	return codecs[id];
}

void outmsg_add(struct outmsg_builder *builder, const struct hub_message *message)
{
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		const struct hub_codec *codec = codec_by_id(id);
		if ((builder->codecs & (1U << id)) == 0 || codec == NULL) {
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
		char *payload = form->data + WS_HEADROOM;
		size_t len = form->len - WS_HEADROOM;
		char *frame = ws_frame_in_place(payload, len, codec_by_id(id)->binary);
		msg->forms[id] = (struct outmsg_form){
			.data = form->data,
			.frame = (uint32_t)(frame - form->data),
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
	outmsg_begin(&builder, 1U << codec->id);
	outmsg_add(&builder, message);
	return outmsg_end(&builder);
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

struct chunk *outmsg_chunk(struct outmsg_local *local, enum hub_codec_id codec, bool ws)
{
	const struct outmsg_form *form = &local->msg->forms[codec];
	struct local_form *made = &local->forms[codec][ws ? FORM_WS : FORM_RAW];
	if (made->local != NULL) {
		return &made->chunk;
	}
	if (form->data == NULL) {
		return NULL;
	}
	uint32_t start = ws ? form->frame : form->payload;
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
		for (unsigned form = 0; form < FORM_COUNT; form++) {
			if (done->forms[id][form].local != NULL) {
				chunk_unref(&done->forms[id][form].chunk);
			}
		}
	}
	local_close_one(done);
}

uint32_t outmsg_local_count(const struct outmsg_local *local)
{
	return local->msg->count;
}
