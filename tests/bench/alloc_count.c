/* Counts the allocations of the program that it is preloaded into (LD_PRELOAD), and passes them on
 * to glibc, whose own names of them it uses. The counts are in the file that BENCH_ALLOCATIONS
 * names; without it nothing is counted. */
#include "tests/bench/bench_allocations.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* The one thing that is global, for malloc() has no context. NULL: nothing is counted. */
static struct bench_allocations *counted;

static void count(size_t bytes)
{
	struct bench_allocations *counts = __atomic_load_n(&counted, __ATOMIC_ACQUIRE);

	if (counts != NULL) {
		__atomic_fetch_add(&counts->calls, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&counts->bytes, bytes, __ATOMIC_RELAXED);
	}
}

__attribute__((constructor)) static void start(void)
{
	const char *name = getenv(BENCH_ALLOCATIONS_ENV);
	int fd = name != NULL ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0) {
		return;
	}
	if (ftruncate(fd, sizeof(*counted)) == 0) {
		void *map = mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED) {
			__atomic_store_n(
				&counted, (struct bench_allocations *)map, __ATOMIC_RELEASE);
		}
	}
	close(fd);
}

void *malloc(size_t size)
{
	count(size);
	return __libc_malloc(size);
}

void *calloc(size_t items, size_t size)
{
	count(items * size);
	return __libc_calloc(items, size);
}

void *realloc(void *ptr, size_t size)
{
	count(size);
	return __libc_realloc(ptr, size);
}

void *memalign(size_t alignment, size_t size)
{
	count(size);
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret_ptr, size_t alignment, size_t size)
{
	void *ptr = memalign(alignment, size);

	if (ptr == NULL) {
		return ENOMEM;
	}
	*ret_ptr = ptr;
	return 0;
}
