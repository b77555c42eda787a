#include "lib/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/err.h"

static uint64_t read_mono_us(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t system_mono_us(const struct clock *clock)
{
	(void)clock;
	return read_mono_us(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_us(void)
{
	return read_mono_us(CLOCK_MONOTONIC_COARSE);
}

static int64_t system_wall_ms(const struct clock *clock)
{
	(void)clock;
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const struct clock clock_system = {.mono_us = system_mono_us, .wall_ms = system_wall_ms};

/* ---- calendar: proleptic Gregorian, by eras of 400 years that begin on 1 March ---- */

enum { DAYS_PER_ERA = 146097, MS_PER_DAY = 86400000 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

/* Days since 1970-01-01. month 1 to 12. */
static int64_t days_from_date(int64_t year, int month, int day)
{
	int64_t shifted = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(shifted, 400);
	int64_t year_of_era = shifted - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, DAYS_PER_ERA);
	int64_t day_of_era = z - era * DAYS_PER_ERA;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	*ret_day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	*ret_month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0));
}

static int days_in_month(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static char *put_digits(char *out, int n, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		out[i] = (char)('0' + n % 10);
		n /= 10;
	}
	return out + width;
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
	int64_t least = days_from_date(0, 1, 1) * MS_PER_DAY;
	int64_t most = days_from_date(10000, 1, 1) * MS_PER_DAY - 1;
	wall_ms = wall_ms < least ? least : wall_ms > most ? most : wall_ms;
	int64_t days = floor_div(wall_ms, MS_PER_DAY);
	int ms = (int)(wall_ms - days * MS_PER_DAY);
	int year, month, day;
	date_from_days(days, &year, &month, &day);
	out = put_digits(out, year, 4);
	*out++ = '-';
	out = put_digits(out, month, 2);
	*out++ = '-';
	out = put_digits(out, day, 2);
	*out++ = 'T';
	out = put_digits(out, ms / 3600000, 2);
	*out++ = ':';
	out = put_digits(out, ms / 60000 % 60, 2);
	*out++ = ':';
	out = put_digits(out, ms / 1000 % 60, 2);
	*out++ = '.';
	out = put_digits(out, ms % 1000, 3);
	*out++ = 'Z';
	*out = '\0';
}

/* ---- reading (RFC 3339 section 5.6) ---- */

/* Each take_ function cuts what it reads off the front of *text; false: it is not there. */
static bool take_char(struct bytes *text, char c)
{
	if (text->len == 0 || text->ptr[0] != c) {
		return false;
	}
	text->ptr++;
	text->len--;
	return true;
}

static bool take_number(struct bytes *text, int width, int least, int most, int *ret_n)
{
	int n = 0;
	if (text->len < (size_t)width) {
		return false;
	}
	for (int i = 0; i < width; i++) {
		if (text->ptr[i] < '0' || text->ptr[i] > '9') {
			return false;
		}
		n = n * 10 + (text->ptr[i] - '0');
	}
	text->ptr += width;
	text->len -= (size_t)width;
	*ret_n = n;
	return n >= least && n <= most;
}

/* One digit or more; what is finer than a millisecond is cut. */
static bool take_fraction(struct bytes *text, int *ret_ms)
{
	int weight = 100;
	int digit;
	*ret_ms = 0;
	if (!take_char(text, '.')) {
		return true;
	}
	if (!take_number(text, 1, 0, 9, &digit)) {
		return false;
	}
	do {
		*ret_ms += digit * weight;
		weight /= 10;
	} while (text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9' &&
		 take_number(text, 1, 0, 9, &digit));
	return true;
}

static bool take_offset(struct bytes *text, int *ret_minutes)
{
	*ret_minutes = 0;
	if (take_char(text, 'Z') || take_char(text, 'z')) {
		return true;
	}
	bool west = take_char(text, '-');
	int hours, minutes;
	if ((!west && !take_char(text, '+')) || !take_number(text, 2, 0, 23, &hours) ||
		!take_char(text, ':') || !take_number(text, 2, 0, 59, &minutes)) {
		return false;
	}
	*ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

int clock_parse(struct bytes text, int64_t *ret_wall_ms)
{
	int year, month, day, hour, minute, second, ms, offset;
	if (!take_number(&text, 4, 0, 9999, &year) || !take_char(&text, '-') ||
		!take_number(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
		!take_number(&text, 2, 1, days_in_month(year, month), &day)) {
		return ERR_BAD_REQUEST;
	}
	if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' ')) {
		return ERR_BAD_REQUEST;
	}
	/* A leap second counts as the first of the next minute. */
	if (!take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
		!take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
		!take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &ms) ||
		!take_offset(&text, &offset) || text.len > 0) {
		return ERR_BAD_REQUEST;
	}
	int64_t minutes = days_from_date(year, month, day) * 1440 + hour * 60 + minute - offset;
	*ret_wall_ms = (minutes * 60 + second) * 1000 + ms;
	return 0;
}
