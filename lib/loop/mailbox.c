#include "lib/loop/mailbox.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/bytes.h"

struct mailbox {
	/* A stack, the newest on top: posters push, the receiver takes all of it at once (so that
	 * a node cannot come back while someone pushes upon it) and turns it round. */
	_Atomic(struct mail *) newest;
	int wake_fd;
	struct loop_fd *watch;
};

/* Whether there was any. */
static bool mailbox_run(struct mailbox *box)
{
	struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct mail *oldest = NULL;
	while (mail != NULL) {
		struct mail *next = mail->next;
		mail->next = oldest;
		oldest = mail;
		mail = next;
	}
	bool any = oldest != NULL;
	while (oldest != NULL) {
		/* The receiver may free it or post it anew. */
		struct mail *next = oldest->next;
		oldest->run(oldest);
		oldest = next;
	}
	return any;
}

static void on_wake(void *ctx, int events)
{
	struct mailbox *box = ctx;
	uint64_t count;
	(void)events;
	/* Before the mail is taken: whoever posts after that wakes the loop again. */
	while (read(box->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
	}
	mailbox_run(box);
}

struct mailbox *mailbox_create(struct loop *loop)
{
	struct mailbox *box = mem_zalloc(sizeof(*box));
	atomic_init(&box->newest, NULL);
	box->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->wake_fd < 0) {
		abort();
	}
	box->watch = loop_fd_open(loop, box->wake_fd, LOOP_READ, on_wake, box);
	return box;
}

void mailbox_destroy(struct mailbox **box)
{
	struct mailbox *b = *box;
	if (b == NULL) {
		return;
	}
	while (mailbox_run(b)) {
	}
	loop_fd_close(&b->watch);
	close(b->wake_fd);
	free(b);
	*box = NULL;
}

void mailbox_post(struct mailbox *box, struct mail *mail, mail_fn run)
{
	const uint64_t one = 1;
	struct mail *below = atomic_load_explicit(&box->newest, memory_order_relaxed);
	mail->run = run;
	do {
		mail->next = below;
	} while (!atomic_compare_exchange_weak_explicit(
		&box->newest, &below, mail, memory_order_release, memory_order_relaxed));
	if (below != NULL) {
		return;
	}
	/* Fails otherwise only where the counter is full, and then the loop is awake. */
	while (write(box->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}
