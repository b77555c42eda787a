#include "chatd/run/process.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

int process_make_state_dir(const char *path, struct buf *why)
{
	struct buf part = {0};
	int err = 0;
	for (const char *end = path; err == 0; end++) {
		if (*end != '/' && *end != '\0') {
			continue;
		}
		buf_clear(&part);
		buf_append(&part, path, (size_t)(end - path));
		if (part.len > 0 && mkdir(buf_cstr(&part), 0700) != 0 && errno != EEXIST) {
			buf_printf(why, "server.state_dir: cannot make %s: %s", buf_cstr(&part),
				strerror(errno));
			err = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_CONFIG
										  : ERR_SYSTEM;
		}
		if (*end == '\0') {
			break;
		}
	}
	buf_finish(&part);
	return err;
}

void process_raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}
