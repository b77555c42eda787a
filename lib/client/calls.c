#include "lib/client/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"

struct call {
	struct list_node node;
	uint64_t id;
	client_done_fn done;
	void *ctx;
};

void calls_init(struct calls *calls)
{
	*calls = (struct calls){0};
	list_init(&calls->list);
}

void calls_finish(struct calls *calls)
{
	struct list_node *node;
	while ((node = list_pop(&calls->list)) != NULL) {
		free(CONTAINER_OF(node, struct call, node));
	}
	calls->count = 0;
}

void calls_add(struct calls *calls, client_done_fn done, void *ctx)
{
	struct call *call = mem_zalloc(sizeof(*call));
	call->id = ++calls->last_id;
	call->done = done;
	call->ctx = ctx;
	list_append(&calls->list, &call->node);
	calls->count++;
}

static int failure_err(struct bytes text)
{
	char code[64];
	struct bytes name = client_error_code(text);
	if (name.len == 0 || name.len >= sizeof(code)) {
		return ERR_INTERNAL;
	}
	snprintf(code, sizeof(code), "%.*s", BYTES_ARG(name));
	return err_from_code(code);
}

static struct call *calls_take(struct calls *calls, uint64_t id)
{
	LIST_FOREACH (&calls->list, node) {
		struct call *call = CONTAINER_OF(node, struct call, node);
		if (call->id == id) {
			list_remove(node);
			calls->count--;
			return call;
		}
	}
	return NULL;
}

void calls_answer(struct calls *calls, const struct hub_message *completion)
{
	unsigned long long id;
	if (bytes_to_u64(completion->invocation_id, &id) != 0) {
		return;
	}
	struct call *call = calls_take(calls, id);
	if (call == NULL) {
		return;
	}
	if (completion->outcome == HUB_OUTCOME_ERROR) {
		call->done(
			call->ctx, failure_err(completion->error), completion->error, &value_null);
	} else {
		call->done(call->ctx, 0, BYTES_NONE,
			completion->outcome == HUB_OUTCOME_RESULT ? &completion->item
								  : &value_null);
	}
	free(call);
}

bool calls_fail_first(struct calls *calls, int err, struct bytes text)
{
	struct list_node *node = list_pop(&calls->list);
	if (node == NULL) {
		return false;
	}
	struct call *call = CONTAINER_OF(node, struct call, node);
	calls->count--;
	call->done(call->ctx, err, text, &value_null);
	free(call);
	return true;
}

struct bytes client_error_code(struct bytes error_text)
{
	const struct bytes mark = BYTES_LIT("HubException: ");
	const char *at = error_text.len > 0
				 ? memmem(error_text.ptr, error_text.len, mark.ptr, mark.len)
				 : NULL;
	if (at == NULL) {
		return BYTES_NONE;
	}
	const char *end = error_text.ptr + error_text.len;
	const char *code = at + mark.len;
	at = code;
	while (at < end && ((*at >= 'a' && *at <= 'z') || *at == '_')) {
		at++;
	}
	return at > code && at < end && *at == ':' ? bytes_of(code, (size_t)(at - code))
						   : BYTES_NONE;
}
