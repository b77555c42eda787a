#include "lib/conf/units.h"

#include <ctype.h>

#include "lib/base/err.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* From the largest down: what is written takes the first that divides. */
static const struct unit durations[] = {
	{"d", 86400000000},
	{"h", 3600000000},
	{"m", 60000000},
	{"s", 1000000},
	{"ms", 1000},
	{"us", 1},
};

static const struct unit sizes[] = {
	{"TiB", UINT64_C(1) << 40},
	{"GiB", UINT64_C(1) << 30},
	{"MiB", UINT64_C(1) << 20},
	{"KiB", UINT64_C(1) << 10},
	{"B", 1},
	{"", 1},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int read_units(
	struct bytes text, const struct unit *units, size_t count, uint64_t max, uint64_t *ret_n)
{
	size_t digits = 0;
	while (digits < text.len && isdigit((unsigned char)text.ptr[digits])) {
		digits++;
	}
	unsigned long long n = 0;
	if (bytes_to_u64(bytes_of(text.ptr, digits), &n) < 0) {
		return ERR_BAD_REQUEST;
	}
	struct bytes unit = bytes_of(text.ptr + digits, text.len - digits);
	if (n == 0 && unit.len == 0) {
		*ret_n = 0;
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (bytes_eq(unit, bytes_str(units[i].name))) {
			if (n > max / units[i].factor) {
				return ERR_BAD_REQUEST;
			}
			*ret_n = n * units[i].factor;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

int units_duration(struct bytes text, uint64_t *ret_us)
{
	return read_units(text, durations, COUNT(durations), INT64_MAX, ret_us);
}

int units_size(struct bytes text, uint64_t *ret_size)
{
	return read_units(text, sizes, COUNT(sizes), INT64_MAX, ret_size);
}

static void write_units(uint64_t n, const struct unit *units, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (n != 0 && n % units[i].factor == 0) {
			buf_printf(out, "%llu%s", (unsigned long long)(n / units[i].factor),
				units[i].name);
			return;
		}
	}
	buf_append_str(out, "0");
}

void units_duration_text(uint64_t us, struct buf *out)
{
	write_units(us, durations, COUNT(durations), out);
}

void units_size_text(uint64_t size, struct buf *out)
{
	if (size % 1024 != 0) { /* no "100B": the bare number is what people write */
		buf_printf(out, "%llu", (unsigned long long)size);
		return;
	}
	write_units(size, sizes, COUNT(sizes), out);
}

static int check_port(struct bytes text)
{
	unsigned long long port = 0;
	if (text.len > 5 || bytes_to_u64(text, &port) < 0 || port > 65535) {
		return ERR_BAD_REQUEST;
	}
	return 0;
}

static bool is_host_char(char c, bool v6)
{
	if (v6) {
		return isxdigit((unsigned char)c) || c == ':' || c == '.' || c == '%' ||
		       isalnum((unsigned char)c);
	}
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_' || c == '*';
}

int units_address(struct bytes text)
{
	static const struct bytes unix_prefix = {"unix:", 5};
	if (bytes_starts(text, unix_prefix)) {
		/* sun_path holds 108 bytes with its NUL. */
		return text.len > 5 && text.len - 5 < 108 ? 0 : ERR_BAD_REQUEST;
	}
	bool v6 = text.len > 0 && text.ptr[0] == '[';
	ptrdiff_t end = -1;
	if (v6) {
		end = bytes_find_char(text, ']');
		if (end < 3 || (size_t)end + 1 >= text.len || text.ptr[end + 1] != ':') {
			return ERR_BAD_REQUEST;
		}
	} else {
		end = bytes_find_char(text, ':');
		if (end < 1) {
			return ERR_BAD_REQUEST;
		}
	}
	for (size_t i = v6 ? 1 : 0; i < (size_t)end; i++) {
		if (!is_host_char(text.ptr[i], v6)) {
			return ERR_BAD_REQUEST;
		}
	}
	size_t port = (size_t)end + (v6 ? 2 : 1);
	return check_port(bytes_of(text.ptr + port, text.len - port));
}
