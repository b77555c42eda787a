/* A thread with a bounded queue of store calls: any thread posts, the queue's thread takes all that
 * waits at once and hands it to one function. */
#ifndef LIB_STORE_SQLITE_THREAD_H
#define LIB_STORE_SQLITE_THREAD_H

#include <stddef.h>

#include "lib/store/store.h"

struct sqlite_thread;

/* Runs on the thread. list: linked by next in the order of posting, never empty; every call of it
 * is the function's now, to answer or to pass on. */
typedef void (*sqlite_thread_fn)(void *ctx, struct store_call *list);

/* max_waiting: see sqlite_thread_post(). 0 or ERR_SYSTEM. */
int sqlite_thread_start(const char *name, size_t max_waiting, sqlite_thread_fn fn, void *ctx,
	struct sqlite_thread **ret_thread);
/* Blocking: what waits is run first. Nobody may post any more. */
void sqlite_thread_stop(struct sqlite_thread **thread);

/* Any thread. weight: what it counts of max_waiting; what is heavier than the whole queue is taken
 * where nothing else waits. 0 or ERR_BUSY. */
int sqlite_thread_post(struct sqlite_thread *thread, struct store_call *call, size_t weight);
/* The same for a call that was accepted elsewhere: never refused. */
void sqlite_thread_pass(struct sqlite_thread *thread, struct store_call *call);

/* Posts the answer (call->err) to call->reply_to, where done() runs. The call is no longer the
 * store's. */
void sqlite_thread_answer(struct store_call *call);

#endif
