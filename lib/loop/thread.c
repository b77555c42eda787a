#include "lib/loop/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"

enum { NAME_SIZE = 16 };

int thread_start(pthread_t *ret_thread, const char *name, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	char cut[NAME_SIZE];
	/* A thread inherits the mask: it must not get a signal before it could block them. */
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
		return ERR_SYSTEM;
	}
	int failed = pthread_create(&thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		return ERR_SYSTEM;
	}
	snprintf(cut, sizeof(cut), "%s", name);
	pthread_setname_np(thread, cut);
	*ret_thread = thread;
	return 0;
}

void thread_join(pthread_t thread)
{
	/* It fails only for a thread that is none, or oneself. */
	if (pthread_join(thread, NULL) != 0) {
		abort();
	}
}
