#include "lib/conf/nearest.h"

#include <ctype.h>
#include <stdint.h>

/* Names here are short; longer ones are not compared. */
#define LONGEST 64

void nearest_init(struct nearest *nearest, struct bytes wrong)
{
	*nearest = (struct nearest){.wrong = wrong, .distance = SIZE_MAX};
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, with three rows of the matrix. */
static size_t distance(struct bytes a, struct bytes b)
{
	size_t rows[3][LONGEST + 1];
	size_t *older = rows[0], *old = rows[1], *now = rows[2];
	for (size_t j = 0; j <= b.len; j++) {
		older[j] = 0;
		old[j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = same(a.ptr[i - 1], b.ptr[j - 1]) ? 0 : 1;
			now[j] = min3(old[j] + 1, now[j - 1] + 1, old[j - 1] + change);
			if (i > 1 && j > 1 && same(a.ptr[i - 1], b.ptr[j - 2]) &&
				same(a.ptr[i - 2], b.ptr[j - 1]) && older[j - 2] + 1 < now[j]) {
				now[j] = older[j - 2] + 1;
			}
		}
		size_t *free_row = older;
		older = old;
		old = now;
		now = free_row;
	}
	return old[b.len];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	struct bytes known = bytes_str(name);
	struct bytes wrong = nearest->wrong;
	if (known.len > LONGEST || wrong.len > LONGEST || known.len == 0 || wrong.len == 0) {
		return;
	}
	size_t longer = known.len > wrong.len ? known.len : wrong.len;
	size_t d = distance(wrong, known);
	if (d > (longer + 2) / 3) {
		if (wrong.len < 3 || !bytes_starts_nocase(known, wrong)) {
			return;
		}
		d = longer; /* a beginning comes after everything that is near */
	}
	if (d < nearest->distance) {
		nearest->distance = d;
		nearest->best = name;
	}
}
