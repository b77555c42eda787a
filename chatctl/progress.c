#include "chatctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"

#define FIRST_US 200000
#define AGAIN_US 100000
#define SECOND UINT64_C(1000000)

void progress_init(struct progress *progress, const struct options *options, const char *what)
{
	uint64_t now = clock_mono_us(&clock_system);

	*progress = (struct progress){
		.what = what,
		.enabled = !options->quiet && isatty(STDERR_FILENO),
		.start_us = now,
		.next_us = now + FIRST_US,
	};
}

void progress_name(struct progress *progress, const char *what)
{
	progress->what = what;
}

/* What fits any terminal: done may be more than total, where that was a guess. */
static int print_line(
	const struct progress *progress, char *line, size_t size, uint64_t done, uint64_t total)
{
	uint64_t seconds = (clock_mono_us(&clock_system) - progress->start_us) / SECOND;

	if (total == 0) {
		return snprintf(
			line, size, "%s, %llu s", progress->what, (unsigned long long)seconds);
	}
	double part = done < total ? (double)done / (double)total : 1;
	return snprintf(line, size, "%s %d %% (%llu of %llu)", progress->what, (int)(part * 100),
		(unsigned long long)done, (unsigned long long)total);
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
	char line[80];
	struct buf out = {0};
	uint64_t now;

	if (!progress->enabled || (now = clock_mono_us(&clock_system)) < progress->next_us) {
		return;
	}
	progress->next_us = now + AGAIN_US;
	int printed = print_line(progress, line, sizeof(line), done, total);
	size_t width = printed < (int)sizeof(line) ? (size_t)printed : sizeof(line) - 1;
	buf_printf(&out, "\r%s", line);
	for (size_t i = width; i < progress->width; i++) {
		buf_append_char(&out, ' ');
	}
	progress->width = width;
	fputs(buf_cstr(&out), stderr);
	buf_finish(&out);
}

void progress_finish(struct progress *progress)
{
	if (progress->width > 0) {
		fprintf(stderr, "\r%*s\r", (int)progress->width, "");
		progress->width = 0;
	}
}
