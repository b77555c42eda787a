#include "chatd/conn/claims.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/list.h"

/* What a claim costs whose POSTs were empty. */
#define WAITING_COST (sizeof(struct claim) + sizeof(struct inbox) + 64)
/* How often POSTs that wait for a transport are looked at. */
#define SWEEP_US 500000

struct claims {
	struct services *sv;
	struct map map;
	struct list waiting, ended;
	size_t held; /* of all that are waiting */
	struct loop_timer *sweep; /* while something waits */
};

struct claim_mail {
	struct mail mail;
	struct services *to;
	unsigned from;
	struct uuid id;
	uint64_t keep_us;
	bool fresh;
	claim_fn done;
	void *ctx;
	enum claim_answer answer;
	struct buf early;
};

static struct bytes claim_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct claim, node)->id);
}

static void claim_drop_waiting(struct claims *claims, struct claim *claim)
{
	if (claim->waiting != NULL) {
		claims->held -= claim->held;
		claim->held = 0;
		inbox_finish(claim->waiting);
		free(claim->waiting);
		claim->waiting = NULL;
	}
}

static void claim_set_state(struct claims *claims, struct claim *claim, enum claim_state state)
{
	assert(claim->state < state || state == CLAIM_ENDED);
	claim_drop_waiting(claims, claim);
	claim->state = state;
	claim->transport = NULL;
	list_remove(&claim->in_list);
	if (state == CLAIM_ENDED) {
		list_append(&claims->ended, &claim->in_list);
	}
}

static void claim_free(struct claims *claims, struct claim *claim)
{
	claim_drop_waiting(claims, claim);
	map_remove(&claims->map, &claim->node);
	list_remove(&claim->in_list);
	free(claim);
}

static void forget_old(struct claims *claims, struct list *list)
{
	uint64_t now = loop_now_us(claims->sv->loop);
	LIST_FOREACH (list, node) {
		struct claim *claim = CONTAINER_OF(node, struct claim, in_list);
		if (claim->until_us > now) {
			return;
		}
		claim_free(claims, claim);
	}
}

static void sweep(void *ctx)
{
	struct claims *claims = ctx;
	forget_old(claims, &claims->waiting);
	if (!list_empty(&claims->waiting)) {
		loop_timer_set(claims->sweep, SWEEP_US);
	}
}

static struct claim *claim_create(
	struct claims *claims, const struct uuid *id, enum claim_state state)
{
	struct claim *claim = mem_zalloc(sizeof(*claim));
	claim->id = *id;
	claim->state = state;
	map_insert(&claims->map, &claim->node);
	return claim;
}

static enum claim_answer claims_judge(const struct claim *claim, bool fresh)
{
	if (claim == NULL) {
		return fresh ? CLAIM_GRANTED : CLAIM_GONE;
	}
	switch (claim->state) {
	case CLAIM_WAITING:
		return CLAIM_GRANTED;
	case CLAIM_SOCKET:
		return CLAIM_LIVE;
	case CLAIM_EVENTS:
	case CLAIM_POLLS:
		return CLAIM_OTHER;
	case CLAIM_ENDED:
		break;
	}
	return CLAIM_GONE;
}

static enum claim_answer claims_grant(
	struct claims *claims, const struct uuid *id, bool fresh, struct buf *early)
{
	struct claim *claim = claims_find(claims, id);
	enum claim_answer answer = claims_judge(claim, fresh);
	if (answer != CLAIM_GRANTED) {
		return answer;
	}
	if (claim == NULL) {
		claim_create(claims, id, CLAIM_SOCKET);
		return answer;
	}
	inbox_drain(claim->waiting, early);
	claim_set_state(claims, claim, CLAIM_SOCKET);
	return answer;
}

static void claims_note_end(struct claims *claims, const struct uuid *id, uint64_t keep_us)
{
	struct claim *claim = claims_find(claims, id);
	if (claim == NULL) {
		return;
	}
	claim->until_us = loop_now_us(claims->sv->loop) + keep_us;
	claim_set_state(claims, claim, CLAIM_ENDED); /* it may be said twice */
}

static void answer_run(struct mail *mail)
{
	struct claim_mail *asked = CONTAINER_OF(mail, struct claim_mail, mail);
	asked->done(asked->ctx, asked->answer, &asked->early);
	buf_finish(&asked->early);
	free(asked);
}

static void ask_run(struct mail *mail)
{
	struct claim_mail *asked = CONTAINER_OF(mail, struct claim_mail, mail);
	struct services *here = asked->to;
	asked->answer = claims_grant(here->claims, &asked->id, asked->fresh, &asked->early);
	mailbox_post(here->boxes[asked->from], &asked->mail, answer_run);
}

static void end_run(struct mail *mail)
{
	struct claim_mail *ended = CONTAINER_OF(mail, struct claim_mail, mail);
	claims_note_end(ended->to->claims, &ended->id, ended->keep_us);
	free(ended);
}

static struct claim_mail *claim_mail_create(
	struct services *sv, unsigned worker, const struct uuid *id)
{
	struct claim_mail *mail = mem_zalloc(sizeof(*mail));
	mail->to = sv->peers[worker];
	mail->from = sv->worker;
	mail->id = *id;
	return mail;
}

struct claims *claims_create(struct services *sv)
{
	struct claims *claims = mem_zalloc(sizeof(*claims));
	claims->sv = sv;
	map_init(&claims->map, claim_key);
	list_init(&claims->waiting);
	list_init(&claims->ended);
	claims->sweep = loop_timer_create(sv->loop, sweep, claims);
	return claims;
}

static void claim_visit_free(struct map_node *node, void *ctx)
{
	claim_free(ctx, CONTAINER_OF(node, struct claim, node));
}

void claims_destroy(struct claims **claims)
{
	if (*claims == NULL) {
		return;
	}
	map_each(&(*claims)->map, claim_visit_free, *claims);
	map_finish(&(*claims)->map);
	loop_timer_destroy(&(*claims)->sweep);
	free(*claims);
	*claims = NULL;
}

void claims_ask(struct services *sv, unsigned worker, const struct uuid *id, bool fresh,
	claim_fn done, void *ctx)
{
	struct claim_mail *mail = claim_mail_create(sv, worker, id);
	mail->fresh = fresh;
	mail->done = done;
	mail->ctx = ctx;
	mailbox_post(sv->boxes[worker], &mail->mail, ask_run);
}

void claims_end(struct services *sv, unsigned worker, const struct uuid *id, uint64_t keep_us)
{
	if (worker == sv->worker) {
		claims_note_end(sv->claims, id, keep_us);
		return;
	}
	struct claim_mail *mail = claim_mail_create(sv, worker, id);
	mail->keep_us = keep_us;
	mailbox_post(sv->boxes[worker], &mail->mail, end_run);
}

struct claim *claims_find(struct claims *claims, const struct uuid *id)
{
	forget_old(claims, &claims->ended);
	struct map_node *node = map_find(&claims->map, uuid_bytes(id));
	return node != NULL ? CONTAINER_OF(node, struct claim, node) : NULL;
}

void claims_hold(struct claims *claims, struct claim *claim, size_t len)
{
	assert(claim->state == CLAIM_WAITING);
	claim->held += len;
	claims->held += len;
}

size_t claims_held(const struct claims *claims)
{
	return claims->held;
}

struct claim *claims_wait(struct claims *claims, const struct uuid *id, uint64_t keep_us)
{
	struct claim *claim = claim_create(claims, id, CLAIM_WAITING);
	claim->waiting = mem_alloc(sizeof(*claim->waiting));
	inbox_init(claim->waiting, claims->sv->loop);
	claim->until_us = loop_now_us(claims->sv->loop) + keep_us;
	claims_hold(claims, claim, WAITING_COST);
	list_append(&claims->waiting, &claim->in_list);
	if (!loop_timer_armed(claims->sweep)) {
		loop_timer_set(claims->sweep, SWEEP_US);
	}
	return claim;
}

void claims_take(struct claims *claims, struct claim *claim, const struct uuid *id,
	enum claim_state state, struct transport *transport, struct inbox *inbox)
{
	if (claim != NULL) {
		inbox_inherit(inbox, claim->waiting);
		claim_set_state(claims, claim, state);
	} else {
		claim = claim_create(claims, id, state);
	}
	claim->transport = transport;
}
