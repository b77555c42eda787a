#include "chatd/op/log_ring.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/base/log_format.h"
#include "lib/loop/mailbox.h"

struct line {
	char *text; /* owned; NULL: not written yet */
	size_t len;
	enum log_level level;
};

struct log_ring {
	/* Over what follows. */
	pthread_mutex_t mutex;
	struct line lines[LOG_RING_LINES]; /* number n lies at n modulo their count */
	uint64_t next; /* number of the next line */
	uint64_t gone[LOG_OFF]; /* lines of each level that were overwritten */
	struct mailbox *box; /* NULL: nobody is told */
	bool wanted; /* somebody waits for the next line */
	bool told; /* the mail is under way */
	struct mail mail;
	/* The main thread's. */
	struct list followers;
	bool ended;
};

struct log_ring *log_ring_create(void)
{
	struct log_ring *ring = mem_zalloc(sizeof(*ring));
	pthread_mutex_init(&ring->mutex, NULL);
	list_init(&ring->followers);
	return ring;
}

void log_ring_destroy(struct log_ring **ring)
{
	struct log_ring *gone = *ring;
	*ring = NULL;
	if (gone == NULL) {
		return;
	}
	for (size_t i = 0; i < LOG_RING_LINES; i++) {
		free(gone->lines[i].text);
	}
	pthread_mutex_destroy(&gone->mutex);
	free(gone);
}

/* ---- followers ---- */

static void wake_followers(struct log_ring *ring)
{
	struct list waiting;
	list_take_all(&waiting, &ring->followers);
	struct list_node *node;
	while ((node = list_pop(&waiting)) != NULL) {
		struct log_follower *follower = CONTAINER_OF(node, struct log_follower, node);
		follower->wake(follower);
	}
}

static void mail_run(struct mail *mail)
{
	struct log_ring *ring = CONTAINER_OF(mail, struct log_ring, mail);
	pthread_mutex_lock(&ring->mutex);
	ring->told = ring->wanted = false;
	pthread_mutex_unlock(&ring->mutex);
	wake_followers(ring);
}

void log_ring_attach(struct log_ring *ring, struct mailbox *box)
{
	pthread_mutex_lock(&ring->mutex);
	ring->box = box;
	pthread_mutex_unlock(&ring->mutex);
}

void log_ring_end(struct log_ring *ring)
{
	log_ring_attach(ring, NULL);
	ring->ended = true;
	wake_followers(ring);
}

bool log_ring_ended(const struct log_ring *ring)
{
	return ring->ended;
}

bool log_ring_follow(
	struct log_ring *ring, const struct log_cursor *cursor, struct log_follower *follower)
{
	pthread_mutex_lock(&ring->mutex);
	bool waits = cursor->next == ring->next && !ring->ended;
	ring->wanted = ring->wanted || waits;
	pthread_mutex_unlock(&ring->mutex);
	if (waits) {
		list_append(&ring->followers, &follower->node);
	}
	return waits;
}

void log_ring_unfollow(struct log_follower *follower)
{
	list_remove(&follower->node);
}

/* ---- lines ---- */

void log_ring_add(void *ctx, const struct log_record *record)
{
	struct log_ring *ring = ctx;
	struct buf text = {0};
	log_format_item(record, &text);
	struct line fresh = {.text = text.data, .len = text.len, .level = record->level};
	pthread_mutex_lock(&ring->mutex);
	struct line *place = &ring->lines[ring->next % LOG_RING_LINES];
	struct line old = *place;
	*place = fresh;
	ring->next++;
	if (old.text != NULL) {
		ring->gone[old.level]++;
	}
	if (ring->wanted && !ring->told && ring->box != NULL) {
		ring->told = true;
		mailbox_post(ring->box, &ring->mail, mail_run);
	}
	pthread_mutex_unlock(&ring->mutex);
	free(old.text);
}

static uint64_t oldest(const struct log_ring *ring)
{
	return ring->next > LOG_RING_LINES ? ring->next - LOG_RING_LINES : 0;
}

static uint64_t gone_above(const struct log_ring *ring, enum log_level level)
{
	uint64_t sum = 0;
	for (size_t i = level; i < LOG_OFF; i++) {
		sum += ring->gone[i];
	}
	return sum;
}

void log_ring_seek(
	struct log_ring *ring, enum log_level level, size_t lines, struct log_cursor *cursor)
{
	pthread_mutex_lock(&ring->mutex);
	uint64_t at = ring->next;
	uint64_t first = ring->next;
	size_t found = 0;
	while (at > oldest(ring)) {
		at--;
		if (ring->lines[at % LOG_RING_LINES].level >= level) {
			found++;
			first = found <= lines ? at : first;
		}
	}
	size_t shown = found < lines ? found : lines;
	*cursor = (struct log_cursor){
		.level = level,
		.next = first,
		.passed = gone_above(ring, level) + found - shown,
	};
	pthread_mutex_unlock(&ring->mutex);
}

int log_ring_next(
	struct log_ring *ring, struct log_cursor *cursor, struct buf *out, uint64_t *ret_lost)
{
	int err = ERR_AGAIN;
	*ret_lost = 0;
	pthread_mutex_lock(&ring->mutex);
	if (cursor->next < oldest(ring)) {
		uint64_t gone = gone_above(ring, cursor->level);
		cursor->lost += gone - cursor->passed;
		cursor->passed = gone;
		cursor->next = oldest(ring);
	}
	while (cursor->next < ring->next && err != 0) {
		const struct line *line = &ring->lines[cursor->next % LOG_RING_LINES];
		cursor->next++;
		if (line->level >= cursor->level) {
			cursor->passed++;
			*ret_lost = cursor->lost;
			cursor->lost = 0;
			buf_append(out, line->text, line->len);
			err = 0;
		}
	}
	pthread_mutex_unlock(&ring->mutex);
	return err;
}

bool log_ring_has_more(struct log_ring *ring, const struct log_cursor *cursor)
{
	pthread_mutex_lock(&ring->mutex);
	bool more = cursor->next < ring->next;
	pthread_mutex_unlock(&ring->mutex);
	return more;
}
