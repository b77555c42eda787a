#include "lib/store/sqlite_thread.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/loop/thread.h"

struct sqlite_thread {
	pthread_t thread;
	sqlite_thread_fn fn;
	void *ctx;
	size_t max_waiting;
	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t wake;
	struct store_call *first, **last;
	size_t waiting;
	bool stopping;
};

/* NULL: it is to stop, and nothing is left. */
static struct store_call *take_all(struct sqlite_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	while (thread->first == NULL && !thread->stopping) {
		pthread_cond_wait(&thread->wake, &thread->lock);
	}
	struct store_call *list = thread->first;
	thread->first = NULL;
	thread->last = &thread->first;
	thread->waiting = 0;
	pthread_mutex_unlock(&thread->lock);
	return list;
}

static void *thread_main(void *arg)
{
	struct sqlite_thread *thread = arg;
	struct store_call *list = take_all(thread);

	while (list != NULL) {
		thread->fn(thread->ctx, list);
		list = take_all(thread);
	}
	return NULL;
}

int sqlite_thread_start(const char *name, size_t max_waiting, sqlite_thread_fn fn, void *ctx,
	struct sqlite_thread **ret_thread)
{
	struct sqlite_thread *thread = mem_zalloc(sizeof(*thread));

	thread->fn = fn;
	thread->ctx = ctx;
	thread->max_waiting = max_waiting;
	thread->last = &thread->first;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->wake, NULL);
	int err = thread_start(&thread->thread, name, thread_main, thread);
	if (err != 0) {
		pthread_cond_destroy(&thread->wake);
		pthread_mutex_destroy(&thread->lock);
		free(thread);
		return err;
	}
	*ret_thread = thread;
	return 0;
}

void sqlite_thread_stop(struct sqlite_thread **thread)
{
	struct sqlite_thread *t = *thread;

	if (t == NULL) {
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	thread_join(t->thread);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
	*thread = NULL;
}

/* Wakes only a thread that may sleep: one that has work looks again by itself. */
static int enqueue(struct sqlite_thread *thread, struct store_call *call, size_t weight, size_t max)
{
	pthread_mutex_lock(&thread->lock);
	bool empty = thread->first == NULL;
	bool room = empty || (weight <= max && thread->waiting <= max - weight);
	if (room) {
		call->next = NULL;
		*thread->last = call;
		thread->last = &call->next;
		thread->waiting += weight;
	}
	if (empty) {
		pthread_cond_signal(&thread->wake);
	}
	pthread_mutex_unlock(&thread->lock);
	return room ? 0 : ERR_BUSY;
}

int sqlite_thread_post(struct sqlite_thread *thread, struct store_call *call, size_t weight)
{
	return enqueue(thread, call, weight, thread->max_waiting);
}

void sqlite_thread_pass(struct sqlite_thread *thread, struct store_call *call)
{
	(void)enqueue(thread, call, 0, SIZE_MAX);
}

static void run_done(struct mail *mail)
{
	struct store_call *call = CONTAINER_OF(mail, struct store_call, mail);

	call->done(call, call->err);
}

void sqlite_thread_answer(struct store_call *call)
{
	mailbox_post(call->reply_to, &call->mail, run_done);
}
