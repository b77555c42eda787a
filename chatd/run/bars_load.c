#include "chatd/run/bars_load.h"

#include "chatd/auth/bars.h"
#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/store/store.h"

#define PAGE 1000

/* One page that is being read. */
struct reading {
	struct store_bar_list list;
	bool answered;
	int err;
};

static void on_answer(struct store_call *call, int err)
{
	struct reading *reading = call->owner;
	reading->answered = true;
	reading->err = err;
}

static int read_page(struct services *sv, struct reading *reading, struct arena *arena)
{
	reading->answered = false;
	reading->list.limit = PAGE;
	store_call_init(&reading->list.call, services_mailbox(sv), arena, on_answer);
	reading->list.call.owner = reading;
	int err = store_bar_list(sv->store, &reading->list);
	while (err == 0 && !reading->answered) {
		loop_turn(sv->loop, -1);
	}
	return err != 0 ? err : reading->err;
}

static void take_page(struct services *sv, struct reading *reading)
{
	struct store_bar_list *list = &reading->list;
	for (size_t i = 0; i < list->count; i++) {
		const struct user_row *user = &list->users[i];
		bars_set(sv->bars, &user->id, user->banned_ms, user->ban_reason,
			user->tokens_from_ms);
		list->after = user->id;
	}
}

int bars_load(struct services *sv, struct buf *why)
{
	struct reading reading = {0};
	bool more = true;
	int err = 0;
	while (more && err == 0) {
		struct arena *arena = arena_create(0);
		err = read_page(sv, &reading, arena);
		if (err == 0) {
			take_page(sv, &reading);
			more = reading.list.count == PAGE;
		} else {
			const char *said = reading.list.call.why;
			buf_printf(why, "banned users cannot be read from the database: %s",
				said != NULL ? said : err_text(err));
		}
		arena_destroy(&arena);
	}
	return err;
}
