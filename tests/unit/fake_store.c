#include "tests/unit/fake_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/fake_tables.h"

/* ---- holding ---- */

static int hold(struct store *store, struct store_call *call, enum fake_kind kind,
	int (*run)(struct fake_store *fake, struct store_call *call))
{
	struct fake_store *fake = fake_of(store);
	if (fake->refuse != 0) {
		return fake->refuse;
	}
	assert_true(fake->count < FAKE_HELD_MAX);
	fake->held[fake->count++] = (struct fake_held){call, kind, run, false};
	fake->calls[kind]++;
	if (fake->prompt) {
		fake_store_answer_all(fake);
	}
	return 0;
}

/* The same numbers as those of enum fake_kind, by the names of the requests. */
#define X(request) NUMBER_##request,
enum { NUMBER_nothing, STORE_REQUESTS(X) NUMBER_COUNT };
#undef X
_Static_assert((int)NUMBER_append == FAKE_APPEND && (int)NUMBER_room_update == FAKE_ROOM_UPDATE &&
		       (int)NUMBER_user_open == FAKE_USER_OPEN && (int)NUMBER_ping == FAKE_PING &&
		       (int)NUMBER_COUNT == FAKE_KIND_COUNT,
	"enum fake_kind is not in the order of STORE_REQUESTS");

#define X(request) \
	static int run_##request(struct fake_store *fake, struct store_call *call) \
	{ \
		return fake_##request(fake, CONTAINER_OF(call, struct store_##request, call)); \
	} \
	static int hold_##request(struct store *store, struct store_##request *req) \
	{ \
		return hold(store, &req->call, (enum fake_kind)NUMBER_##request, run_##request); \
	}
STORE_REQUESTS(X)
#undef X

static const struct store_ops fake_ops = {.name = "fake",
#define X(request) .request = hold_##request,
	STORE_REQUESTS(X)
#undef X
};

/* ---- answering ---- */

static void answer_run(struct mail *mail)
{
	struct store_call *call = CONTAINER_OF(mail, struct store_call, mail);
	call->done(call, call->err);
}

static struct fake_held take(struct fake_store *fake, size_t at)
{
	assert_true(fake->count > at);
	struct fake_held taken = fake->held[at];
	fake->count--;
	memmove(fake->held + at, fake->held + at + 1, (fake->count - at) * sizeof(fake->held[0]));
	return taken;
}

static void answer(struct fake_store *fake, size_t at)
{
	struct fake_held taken = take(fake, at);
	if (!taken.is_done) {
		taken.call->err = taken.run(fake, taken.call);
	}
	mailbox_post(taken.call->reply_to, &taken.call->mail, answer_run);
}

void fake_store_answer(struct fake_store *fake)
{
	answer(fake, 0);
}

void fake_store_answer_behind(struct fake_store *fake)
{
	answer(fake, 1);
}

void fake_store_read(struct fake_store *fake)
{
	assert_true(fake->count > 0);
	if (!fake->held[0].is_done) {
		fake->held[0].call->err = fake->held[0].run(fake, fake->held[0].call);
		fake->held[0].is_done = true;
	}
}

void fake_store_answer_all(struct fake_store *fake)
{
	while (fake->count > 0) {
		fake_store_answer(fake);
	}
}

void fake_store_fail_items(struct fake_store *fake, int err)
{
	struct fake_held first = take(fake, 0);
	assert_true(first.kind == FAKE_APPEND);
	struct store_append *append = CONTAINER_OF(first.call, struct store_append, call);
	for (size_t i = 0; i < append->count; i++) {
		append->items[i].outcome = APPEND_FAILED;
		append->items[i].err = err;
	}
	first.call->err = 0;
	mailbox_post(first.call->reply_to, &first.call->mail, answer_run);
}

void fake_store_prompt(struct fake_store *fake, bool prompt)
{
	fake->prompt = prompt;
}

void fake_store_fail(struct fake_store *fake, int err, bool takes_effect)
{
	struct fake_held first = take(fake, 0);
	if (takes_effect) {
		/* What it would have answered is not told. */
		const struct store_append *append = (const void *)first.call;
		struct append_item kept[16];
		assert_true(first.kind == FAKE_APPEND && append->count <= 16);
		memcpy(kept, append->items, append->count * sizeof(kept[0]));
		first.run(fake, first.call);
		memcpy(append->items, kept, append->count * sizeof(kept[0]));
	}
	first.call->err = err;
	mailbox_post(first.call->reply_to, &first.call->mail, answer_run);
}

void fake_store_refuse(struct fake_store *fake, int err)
{
	fake->refuse = err;
}

size_t fake_store_held(const struct fake_store *fake)
{
	return fake->count;
}

size_t fake_store_calls(const struct fake_store *fake, enum fake_kind kind)
{
	return fake->calls[kind];
}

enum fake_kind fake_store_first(const struct fake_store *fake)
{
	return fake->count > 0 ? fake->held[0].kind : FAKE_NOTHING;
}

enum fake_kind fake_store_second(const struct fake_store *fake)
{
	return fake->count > 1 ? fake->held[1].kind : FAKE_NOTHING;
}

const struct store_append *fake_store_first_append(const struct fake_store *fake)
{
	assert_true(fake_store_first(fake) == FAKE_APPEND);
	return CONTAINER_OF(fake->held[0].call, const struct store_append, call);
}

const struct store_page *fake_store_first_page(const struct fake_store *fake)
{
	assert_true(fake_store_first(fake) == FAKE_PAGE);
	return CONTAINER_OF(fake->held[0].call, const struct store_page, call);
}

/* ---- the whole ---- */

struct fake_store *fake_store_create(void)
{
	static const char epoch[17] = "0123456789abcdef";
	struct fake_store *fake = mem_zalloc(sizeof(*fake));
	fake->base.ops = &fake_ops;
	memcpy(fake->base.epoch, epoch, sizeof(epoch));
	memcpy(fake->epochs[0], epoch, sizeof(epoch));
	fake->base.epochs = fake->epochs;
	fake->base.epoch_count = 1;
	return fake;
}

void fake_store_destroy(struct fake_store **fake)
{
	if (*fake == NULL) {
		return;
	}
	assert_true((*fake)->count == 0);
	fake_tables_free(*fake);
	free(*fake);
	*fake = NULL;
}

struct store *fake_store_base(struct fake_store *fake)
{
	return &fake->base;
}
