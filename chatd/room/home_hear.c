#include <stdlib.h>

#include "chatd/room/home_call.h"
#include "chatd/room/home_shared.h"
#include "chatd/room/home_tell.h"

/* Where what was done has been undone since, the change that did so comes as well. */
static void tell(struct services *sv, const struct home_news *news)
{
	static const struct uuid nobody = {0};
	const struct room_row *row = &news->find.room;
	const struct uuid *user = &news->change.user;
	bool member = news->find.role != ROLE_NONE;
	switch (news->change.kind) {
	case CHANGE_JOINED:
	case CHANGE_ADDED:
		if (member) {
			home_tell_joined(sv, row, user, &nobody, news->change.kind == CHANGE_ADDED);
		}
		break;
	case CHANGE_REMOVED:
		if (!member) {
			home_tell_left(sv, row, user, &nobody);
		}
		break;
	case CHANGE_ROLE:
	case CHANGE_ROOM_SET:
		home_tell_updated(sv, row, false, false);
		break;
	case CHANGE_ROOM_DELETED:
	case CHANGE_USER_BARRED:
		break;
	}
}

static void hear_run(struct mail *mail)
{
	struct home_news *news = CONTAINER_OF(mail, struct home_news, mail);
	struct services *sv = news->home;
	if (!news->gone) {
		tell(sv, news);
	} else if (homes_find(sv->homes, &news->change.room) != NULL) {
		home_tell_deleted(sv, &news->change.room);
	}
	arena_destroy(&news->find.call.arena);
	free(news);
}

void home_hear(struct services *sv, struct home_news *news)
{
	news->home = sv->peers[services_home_of(sv, &news->change.room)];
	mailbox_post(services_mailbox(news->home), &news->mail, hear_run);
}
