#include "chatd/rest/accept.h"

#define WEIGHT_ONE 1000

bool header_walk_next(struct header_walk *walk, struct bytes *ret_member)
{
	for (;;) {
		while (walk->rest.len == 0) {
			if (walk->line == walk->headers->count) {
				return false;
			}
			const struct http1_header *header = &walk->headers->items[walk->line++];
			if (bytes_eq_nocase(header->name, bytes_str(walk->name))) {
				walk->rest = header->value;
			}
		}
		size_t end = 0;
		bool quoted = false;
		while (end < walk->rest.len && (quoted || walk->rest.ptr[end] != ',')) {
			quoted ^= walk->rest.ptr[end] == '"';
			end++;
		}
		*ret_member = bytes_trim(bytes_of(walk->rest.ptr, end));
		size_t used = end < walk->rest.len ? end + 1 : end;
		walk->rest = bytes_of(walk->rest.ptr + used, walk->rest.len - used);
		if (ret_member->len > 0) {
			return true;
		}
	}
}

/* ---- weights ---- */

/* "0.5" in thousandths; what is no weight (RFC 9110 section 12.4.2) is 0. */
static int weight_of(struct bytes text)
{
	if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
		(text.len > 1 && text.ptr[1] != '.')) {
		return 0;
	}
	int weight = (text.ptr[0] - '0') * WEIGHT_ONE;
	int unit = 100;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return 0;
		}
		weight += (text.ptr[i] - '0') * unit;
	}
	return weight <= WEIGHT_ONE ? weight : 0;
}

/* Cuts the parameters off *member; the weight that is among them, else one. */
static int cut_weight(struct bytes *member)
{
	struct bytes rest = *member;
	int weight = WEIGHT_ONE;
	*member = bytes_trim(bytes_split(&rest, ';'));
	while (rest.len > 0) {
		struct bytes value = bytes_trim(bytes_split(&rest, ';'));
		struct bytes name = bytes_split(&value, '=');
		if (bytes_eq_nocase(name, BYTES_LIT("q"))) {
			weight = weight_of(value);
		}
	}
	return weight;
}

/* Weights of ranges by how near they are; -1: not named. */
struct weights {
	int json, problem, application, all;
};

static int *place_of(struct weights *weights, struct bytes range)
{
	if (bytes_eq_nocase(range, BYTES_LIT("application/json"))) {
		return &weights->json;
	}
	if (bytes_eq_nocase(range, BYTES_LIT("application/problem+json"))) {
		return &weights->problem;
	}
	if (bytes_eq_nocase(range, BYTES_LIT("application/*"))) {
		return &weights->application;
	}
	return bytes_eq(range, BYTES_LIT("*/*")) ? &weights->all : NULL;
}

bool accept_takes_json(const struct http1_headers *headers)
{
	struct weights weights = {-1, -1, -1, -1};
	struct header_walk walk = {.headers = headers, .name = "Accept"};
	struct bytes member;
	bool any = false;
	while (header_walk_next(&walk, &member)) {
		int weight = cut_weight(&member);
		int *place = place_of(&weights, member);
		any = true;
		if (place != NULL && weight > *place) {
			*place = weight;
		}
	}
	int wide = weights.application >= 0 ? weights.application : weights.all;
	int json = weights.json >= 0 ? weights.json : wide;
	return !any || json > 0 || weights.problem > 0;
}

bool accept_takes_gzip(const struct http1_headers *headers)
{
	struct header_walk walk = {.headers = headers, .name = "Accept-Encoding"};
	int gzip = -1, identity = -1, all = -1;
	struct bytes member;
	while (header_walk_next(&walk, &member)) {
		int weight = cut_weight(&member);
		if (bytes_eq_nocase(member, BYTES_LIT("gzip")) ||
			bytes_eq_nocase(member, BYTES_LIT("x-gzip"))) {
			gzip = weight;
		} else if (bytes_eq_nocase(member, BYTES_LIT("identity"))) {
			identity = weight;
		} else if (bytes_eq(member, BYTES_LIT("*"))) {
			all = weight;
		}
	}
	gzip = gzip >= 0 ? gzip : all;
	return gzip > 0 && gzip >= identity;
}

/* ---- of bodies ---- */

static bool is_json_type(struct bytes type)
{
	struct bytes suffix = BYTES_LIT("+json");
	if (bytes_eq_nocase(type, BYTES_LIT("application/json"))) {
		return true;
	}
	return type.len > suffix.len && bytes_find_char(type, '/') > 0 &&
	       bytes_eq_nocase(bytes_of(type.ptr + type.len - suffix.len, suffix.len), suffix);
}

static struct bytes unquote(struct bytes text)
{
	bool quoted = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
	return quoted ? bytes_of(text.ptr + 1, text.len - 2) : text;
}

static bool has_good_charset(struct bytes parameters)
{
	while (parameters.len > 0) {
		struct bytes value = bytes_trim(bytes_split(&parameters, ';'));
		struct bytes name = bytes_split(&value, '=');
		if (bytes_eq_nocase(name, BYTES_LIT("charset")) &&
			!bytes_eq_nocase(unquote(value), BYTES_LIT("utf-8"))) {
			return false;
		}
	}
	return true;
}

bool accept_is_json(const struct http1_headers *headers)
{
	const struct bytes *coding = http1_header(headers, "Content-Encoding");
	const struct bytes *type = http1_header(headers, "Content-Type");
	if (coding != NULL && !bytes_eq_nocase(*coding, BYTES_LIT("identity"))) {
		return false;
	}
	if (type == NULL || http1_header_count(headers, "Content-Type") != 1) {
		return false;
	}
	struct bytes parameters = *type;
	struct bytes name = bytes_trim(bytes_split(&parameters, ';'));
	return is_json_type(name) && has_good_charset(parameters);
}
