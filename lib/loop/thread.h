/* Threads with names, signals blocked. */
#ifndef LIB_LOOP_THREAD_H
#define LIB_LOOP_THREAD_H

#include <pthread.h>

/* Starts fn(arg) on a thread called name (at most 15 characters) with all signals blocked. 0 or
 * ERR_SYSTEM. */
int thread_start(pthread_t *ret_thread, const char *name, void *(*fn)(void *arg), void *arg);
void thread_join(pthread_t thread);

#endif
