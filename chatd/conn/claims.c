#include "chatd/conn/claims.h"

#include <stdlib.h>

#include "lib/base/list.h"
#include "lib/base/map.h"

struct claim {
	struct map_node node; /* key: id */
	struct list_node in_ended; /* in the order of their ends, once it has ended */
	struct uuid id;
	uint64_t forget_us; /* 0: live */
};

struct claims {
	struct services *sv;
	struct map map;
	struct list ended;
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
};

static struct bytes claim_key(const struct map_node *node)
{
	return uuid_bytes(&CONTAINER_OF(node, const struct claim, node)->id);
}

static void claim_free(struct claims *claims, struct claim *claim)
{
	map_remove(&claims->map, &claim->node);
	list_remove(&claim->in_ended);
	free(claim);
}

static void claims_forget(struct claims *claims)
{
	uint64_t now = loop_now_us(claims->sv->loop);
	LIST_FOREACH (&claims->ended, node) {
		struct claim *claim = CONTAINER_OF(node, struct claim, in_ended);
		if (claim->forget_us > now) {
			return;
		}
		claim_free(claims, claim);
	}
}

static enum claim_answer claims_grant(struct claims *claims, const struct uuid *id, bool fresh)
{
	claims_forget(claims);
	struct map_node *node = map_find(&claims->map, uuid_bytes(id));
	if (node != NULL) {
		struct claim *claim = CONTAINER_OF(node, struct claim, node);
		return claim->forget_us == 0 ? CLAIM_LIVE : CLAIM_ENDED;
	}
	if (!fresh) {
		return CLAIM_ENDED;
	}
	struct claim *claim = mem_zalloc(sizeof(*claim));
	claim->id = *id;
	map_insert(&claims->map, &claim->node);
	return CLAIM_GRANTED;
}

static void claims_note_end(struct claims *claims, const struct uuid *id, uint64_t keep_us)
{
	struct map_node *node = map_find(&claims->map, uuid_bytes(id));
	if (node == NULL) {
		return;
	}
	struct claim *claim = CONTAINER_OF(node, struct claim, node);
	list_remove(&claim->in_ended); /* it may be said twice */
	claim->forget_us = loop_now_us(claims->sv->loop) + keep_us;
	list_append(&claims->ended, &claim->in_ended);
	claims_forget(claims);
}

static void answer_run(struct mail *mail)
{
	struct claim_mail *asked = CONTAINER_OF(mail, struct claim_mail, mail);
	asked->done(asked->ctx, asked->answer);
	free(asked);
}

static void ask_run(struct mail *mail)
{
	struct claim_mail *asked = CONTAINER_OF(mail, struct claim_mail, mail);
	struct services *here = asked->to;
	asked->answer = claims_grant(here->claims, &asked->id, asked->fresh);
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
	list_init(&claims->ended);
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
