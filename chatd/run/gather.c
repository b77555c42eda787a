#include "chatd/run/gather.h"

#include <stdlib.h>

#include "chatd/run/worker.h"

struct gather;

struct gather_mail {
	struct mail mail;
	struct gather *gather;
	struct services *sv;
	void *slot; /* written by the worker, read by the main thread after the mail came back */
	bool back;
};

struct gather {
	struct services *main;
	gather_collect_fn collect;
	gather_done_fn done;
	void *ctx;
	struct loop_timer *deadline; /* NULL once done was called */
	char *slots;
	size_t slot_size;
	unsigned total, answered;
	struct gather_mail mails[];
};

/* Slots of workers that are still at work are not shown: they may be half written. */
static void gather_tell(struct gather *gather)
{
	char *shown = mem_zalloc(gather->total * gather->slot_size + 1);
	for (unsigned i = 0; i < gather->total; i++) {
		if (gather->mails[i].back) {
			memcpy(shown + i * gather->slot_size, gather->mails[i].slot,
				gather->slot_size);
		}
	}
	loop_timer_destroy(&gather->deadline);
	gather->done(gather->ctx, shown, gather->answered, gather->total);
	free(shown);
}

static void back_run(struct mail *mail)
{
	struct gather_mail *back = CONTAINER_OF(mail, struct gather_mail, mail);
	struct gather *gather = back->gather;
	back->back = true;
	gather->answered++;
	bool all = gather->answered == gather->total;
	if (all && gather->deadline != NULL) {
		gather_tell(gather);
	}
	if (all) {
		free(gather->slots);
		free(gather);
	}
}

static void collect_run(struct mail *mail)
{
	struct gather_mail *asked = CONTAINER_OF(mail, struct gather_mail, mail);
	asked->gather->collect(asked->sv, asked->slot);
	mailbox_post(services_mailbox(asked->gather->main), &asked->mail, back_run);
}

static void on_deadline(void *ctx)
{
	gather_tell(ctx);
}

void workers_gather(struct worker *const *workers, unsigned count, gather_collect_fn collect,
	size_t slot_size, uint64_t deadline_us, gather_done_fn done, void *ctx)
{
	struct gather *gather = mem_zalloc(sizeof(*gather) + count * sizeof(struct gather_mail));
	gather->main = &workers[count - 1]->sv;
	gather->collect = collect;
	gather->done = done;
	gather->ctx = ctx;
	gather->slot_size = slot_size;
	gather->slots = mem_zalloc(count * slot_size + 1);
	gather->total = count;
	gather->deadline = loop_timer_create(gather->main->loop, on_deadline, gather);
	loop_timer_set(gather->deadline, deadline_us);
	for (unsigned i = 0; i < count; i++) {
		struct gather_mail *mail = &gather->mails[i];
		mail->gather = gather;
		mail->sv = &workers[i]->sv;
		mail->slot = gather->slots + i * slot_size;
		mailbox_post(services_mailbox(mail->sv), &mail->mail, collect_run);
	}
}
