/* Keyword=Value;Keyword=Value as Npgsql takes it: its manual, «Connection String Parameters», and
 * the rules of .NET's DbConnectionStringBuilder for quotes. */
#include "lib/store/pg_url_private.h"

#include <ctype.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/conf/nearest.h"

enum { SHOWN_MAX = 40 };

enum kind {
	COPY, /* libpq has the same */
	HOST, /* the default port may stand behind each */
	SSL_MODE,
	ATTRIBUTES,
	SECONDS, /* 0: libpq's default */
	SEARCH_PATH,
	NOT_TRUE, /* what libpq cannot do, and must not be thought to do */
	LEFT_OUT, /* pools, tracing, type mapping: nothing of the connection's */
};

struct keyword {
	const char *name; /* blanks and case do not count */
	enum kind kind;
	const char *libpq;
};

static const struct keyword keywords[] = {
	{"Host", HOST, "host"},
	{"Server", HOST, "host"},
	{"Port", COPY, "port"},
	{"Database", COPY, "dbname"},
	{"DB", COPY, "dbname"},
	{"Username", COPY, "user"},
	{"User Id", COPY, "user"},
	{"UID", COPY, "user"},
	{"User", COPY, "user"},
	{"Password", COPY, "password"},
	{"Pwd", COPY, "password"},
	{"Psw", COPY, "password"},
	{"Passfile", COPY, "passfile"},
	{"Application Name", COPY, "application_name"},
	{"SSL Mode", SSL_MODE, "sslmode"},
	{"Root Certificate", COPY, "sslrootcert"},
	{"SSL Certificate", COPY, "sslcert"},
	{"SSL Key", COPY, "sslkey"},
	{"SSL Password", COPY, "sslpassword"},
	{"Channel Binding", COPY, "channel_binding"},
	{"Require Auth", COPY, "require_auth"},
	{"Kerberos Service Name", COPY, "krbsrvname"},
	{"Target Session Attributes", ATTRIBUTES, "target_session_attrs"},
	{"Options", COPY, "options"},
	{"Search Path", SEARCH_PATH, "options"},
	{"Timeout", SECONDS, "connect_timeout"},
	{"Keepalive", SECONDS, "keepalives_idle"},
	{"TCP Keepalive Time", SECONDS, "keepalives_idle"},
	{"TCP Keepalive Interval", SECONDS, "keepalives_interval"},
	{"Check Certificate Revocation", NOT_TRUE, NULL},
	{"Trust Server Certificate", LEFT_OUT, NULL},
	{"Command Timeout", LEFT_OUT, NULL},
	{"Internal Command Timeout", LEFT_OUT, NULL},
	{"Cancellation Timeout", LEFT_OUT, NULL},
	{"Encoding", LEFT_OUT, NULL},
	{"Client Encoding", LEFT_OUT, NULL},
	{"Timezone", LEFT_OUT, NULL},
	{"Pooling", LEFT_OUT, NULL},
	{"Minimum Pool Size", LEFT_OUT, NULL},
	{"Min Pool Size", LEFT_OUT, NULL},
	{"Maximum Pool Size", LEFT_OUT, NULL},
	{"Max Pool Size", LEFT_OUT, NULL},
	{"Connection Idle Lifetime", LEFT_OUT, NULL},
	{"Connection Pruning Interval", LEFT_OUT, NULL},
	{"Connection Lifetime", LEFT_OUT, NULL},
	{"Load Balance Timeout", LEFT_OUT, NULL},
	{"Load Balance Hosts", LEFT_OUT, NULL},
	{"Host Recheck Seconds", LEFT_OUT, NULL},
	{"No Reset On Close", LEFT_OUT, NULL},
	{"Multiplexing", LEFT_OUT, NULL},
	{"Write Coalescing Buffer Threshold Bytes", LEFT_OUT, NULL},
	{"Enlist", LEFT_OUT, NULL},
	{"Max Auto Prepare", LEFT_OUT, NULL},
	{"Auto Prepare Min Usages", LEFT_OUT, NULL},
	{"Include Error Detail", LEFT_OUT, NULL},
	{"Include Failed Batched Command", LEFT_OUT, NULL},
	{"Log Parameters", LEFT_OUT, NULL},
	{"Persist Security Info", LEFT_OUT, NULL},
	{"Integrated Security", LEFT_OUT, NULL},
	{"Include Realm", LEFT_OUT, NULL},
	{"GSS Encryption Mode", LEFT_OUT, NULL},
	{"SSL Negotiation", LEFT_OUT, NULL},
	{"TCP Keepalive", LEFT_OUT, NULL},
	{"Read Buffer Size", LEFT_OUT, NULL},
	{"Write Buffer Size", LEFT_OUT, NULL},
	{"Socket Receive Buffer Size", LEFT_OUT, NULL},
	{"Socket Send Buffer Size", LEFT_OUT, NULL},
	{"Load Table Composites", LEFT_OUT, NULL},
	{"Array Nullability Mode", LEFT_OUT, NULL},
	{"Server Compatibility Mode", LEFT_OUT, NULL},
	{"Convert Infinity DateTime", LEFT_OUT, NULL},
	{"Entity Admin Database", LEFT_OUT, NULL},
	{"Entity Template Database", LEFT_OUT, NULL},
	{"Use Perf Counters", LEFT_OUT, NULL},
};
enum { KEYWORDS = sizeof(keywords) / sizeof(keywords[0]) };

/* Npgsql's words, and libpq's. */
struct word {
	const char *npgsql, *libpq;
};

static const struct word ssl_modes[] = {
	{"Disable", "disable"},
	{"Allow", "allow"},
	{"Prefer", "prefer"},
	{"Require", "require"},
	{"VerifyCA", "verify-ca"},
	{"VerifyFull", "verify-full"},
	{NULL, NULL},
};

/* What prefers a primary settles for a standby, which is no use to chatd. */
static const struct word attributes[] = {
	{"Any", "any"},
	{"Primary", "primary"},
	{"PreferPrimary", "primary"},
	{"ReadWrite", "read-write"},
	{NULL, NULL},
};

bool pg_npgsql_is(struct bytes text)
{
	size_t len = 0;
	while (len < text.len && (isalpha((unsigned char)text.ptr[len]) || text.ptr[len] == ' ')) {
		len++;
	}
	return len > 0 && len < text.len && text.ptr[len] == '=';
}

/* Without regard to case, blanks, '-' and '_'. */
static bool same_word(struct bytes text, const char *word)
{
	size_t i = 0;
	for (;;) {
		while (i < text.len && strchr(" \t-_", text.ptr[i]) != NULL) {
			i++;
		}
		while (*word == ' ') {
			word++;
		}
		if (i == text.len || *word == '\0') {
			return i == text.len && *word == '\0';
		}
		if (tolower((unsigned char)text.ptr[i]) != tolower((unsigned char)*word)) {
			return false;
		}
		i++;
		word++;
	}
}

static const struct keyword *find(struct bytes name)
{
	for (size_t i = 0; i < KEYWORDS; i++) {
		if (same_word(name, keywords[i].name)) {
			return &keywords[i];
		}
	}
	return NULL;
}

/* What stands behind a password may be a part of it. */
static int refuse_keyword(struct bytes name, bool behind_password, struct buf *why)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < KEYWORDS; i++) {
		nearest_offer(&nearest, keywords[i].name);
	}
	if (nearest.best == NULL && behind_password) {
		buf_append_str(why, "behind the password there is a keyword that does not exist "
				    "(a password that holds ';' must stand in quotes)");
		return ERR_CONFIG;
	}
	name.len = name.len < SHOWN_MAX ? name.len : SHOWN_MAX;
	buf_printf(why, "there is no keyword \"%.*s\"%s%s%s", BYTES_ARG(name),
		nearest.best != NULL ? " (did you mean \"" : "",
		nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "\"?)" : "");
	return ERR_CONFIG;
}

static int refuse_value(
	const struct keyword *keyword, struct bytes value, const char *allowed, struct buf *why)
{
	value.len = value.len < SHOWN_MAX ? value.len : SHOWN_MAX;
	buf_printf(why, "%s: \"%.*s\" is not good (allowed: %s)", keyword->name, BYTES_ARG(value),
		allowed);
	return ERR_CONFIG;
}

static const char *find_word(const struct word *words, struct bytes value)
{
	while (words->npgsql != NULL && !same_word(value, words->npgsql)) {
		words++;
	}
	return words->libpq;
}

/* Cuts "host:port"; several ':' without brackets are an address of version 6. */
static struct bytes cut_port(struct bytes *host)
{
	struct bytes rest = *host;
	if (bytes_starts(*host, BYTES_LIT("["))) {
		*host = bytes_of(rest.ptr + 1, rest.len - 1);
		rest = *host;
		*host = bytes_split(&rest, ']');
		return bytes_starts(rest, BYTES_LIT(":")) ? bytes_of(rest.ptr + 1, rest.len - 1)
							  : BYTES_NONE;
	}
	struct bytes before = bytes_split(&rest, ':');
	if (rest.ptr == NULL || bytes_find_char(rest, ':') >= 0 ||
		bytes_starts(before, BYTES_LIT("/"))) {
		return BYTES_NONE;
	}
	*host = before;
	return rest;
}

/* Hosts may have ports of their own; the others have the common one, which may come later. */
static void set_hosts(struct pg_url *url)
{
	const char *given = pg_url_get(url, "host"), *common = pg_url_get(url, "port");
	struct bytes rest = bytes_str(given);
	struct buf hosts = {0}, ports = {0};
	bool own = false;
	while (rest.len > 0) {
		struct bytes host = bytes_trim(bytes_split(&rest, ','));
		struct bytes port = cut_port(&host);
		own = own || port.len > 0;
		buf_append_str(&hosts, hosts.len > 0 ? "," : "");
		buf_append_bytes(&hosts, host);
		buf_append_bytes(&ports, port.len > 0 ? port : bytes_str(common));
		buf_append_str(&ports, rest.len > 0 ? "," : "");
	}
	if (given != NULL) {
		pg_url_set(url, "host", buf_bytes(&hosts));
	}
	if (own) {
		pg_url_set(url, "port", buf_bytes(&ports));
	}
	buf_finish(&hosts);
	buf_finish(&ports);
}

/* As an option of the server's command line, where blanks stand behind '\'. */
static void add_search_path(struct pg_url *url, struct bytes path)
{
	struct buf out = {0};
	const char *options = pg_url_get(url, "options");
	buf_append_str(&out, options != NULL ? options : "");
	buf_append_str(&out, options != NULL ? " " : "");
	buf_append_str(&out, "-c search_path=");
	for (size_t i = 0; i < path.len; i++) {
		if (path.ptr[i] == ' ' || path.ptr[i] == '\\') {
			buf_append_char(&out, '\\');
		}
		buf_append_char(&out, path.ptr[i]);
	}
	pg_url_set(url, "options", buf_bytes(&out));
	buf_finish(&out);
}

static int apply(
	const struct keyword *keyword, struct bytes value, struct pg_url *url, struct buf *why)
{
	unsigned long long seconds = 0;
	const char *word = NULL;
	switch (keyword->kind) {
	case COPY:
	case HOST:
		pg_url_set(url, keyword->libpq, value);
		return 0;
	case SSL_MODE:
		word = find_word(ssl_modes, value);
		if (word == NULL) {
			return refuse_value(keyword, value,
				"Disable, Allow, Prefer, Require, VerifyCA or VerifyFull", why);
		}
		pg_url_set(url, keyword->libpq, bytes_str(word));
		return 0;
	case ATTRIBUTES:
		word = find_word(attributes, value);
		if (word == NULL) {
			return refuse_value(keyword, value,
				"any, primary, prefer-primary or read-write: chatd writes", why);
		}
		pg_url_set(url, keyword->libpq, bytes_str(word));
		return 0;
	case SECONDS:
		if (bytes_to_u64(value, &seconds) != 0 || seconds > 86400) {
			return refuse_value(keyword, value, "seconds, 0 to 86400", why);
		}
		if (seconds > 0) {
			pg_url_set(url, keyword->libpq, value);
		}
		return 0;
	case SEARCH_PATH:
		add_search_path(url, value);
		return 0;
	case NOT_TRUE:
		return same_word(value, "true") ? refuse_value(keyword, value, "false", why) : 0;
	case LEFT_OUT:
		break;
	}
	return 0;
}

/* Reads what stands behind the '='. 0, or ERR_CONFIG where a quote does not end, or something
 * stands behind it. */
static int read_value(struct bytes *rest, struct buf *out)
{
	buf_clear(out);
	while (rest->len > 0 && isspace((unsigned char)rest->ptr[0])) {
		*rest = bytes_of(rest->ptr + 1, rest->len - 1);
	}
	char quote = rest->len > 0 ? rest->ptr[0] : '\0';
	if (quote != '\'' && quote != '"') {
		buf_append_bytes(out, bytes_trim(bytes_split(rest, ';')));
		return 0;
	}
	size_t i = 1;
	for (; i < rest->len; i++) {
		if (rest->ptr[i] == quote && (i + 1 == rest->len || rest->ptr[i + 1] != quote)) {
			break;
		}
		i += rest->ptr[i] == quote; /* a doubled one stands for itself */
		buf_append_char(out, rest->ptr[i]);
	}
	if (i >= rest->len) {
		return ERR_CONFIG;
	}
	*rest = bytes_of(rest->ptr + i + 1, rest->len - i - 1);
	return bytes_trim(bytes_split(rest, ';')).len == 0 ? 0 : ERR_CONFIG;
}

/* Npgsql trusts the certificates that the system trusts; libpq wants to be told where they are. */
static void trust_system(struct pg_url *url)
{
	static const char *const bundles[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
		"/etc/pki/tls/certs/ca-bundle.crt", /* Fedora, RHEL */
		"/etc/ssl/ca-bundle.pem", /* openSUSE */
		"/etc/ssl/cert.pem",
	};
	const char *mode = pg_url_get(url, "sslmode");
	if (mode == NULL || strncmp(mode, "verify-", 7) != 0 ||
		pg_url_get(url, "sslrootcert") != NULL) {
		return;
	}
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
		if (access(bundles[i], R_OK) == 0) {
			pg_url_set(url, "sslrootcert", bytes_str(bundles[i]));
			return;
		}
	}
}

/* One keyword and its value. behind_password tells of the one before, and is set for the next. */
static int parse_pair(
	struct bytes *rest, bool *behind_password, struct pg_url *url, struct buf *why)
{
	struct buf value = {0};
	int err = 0;
	size_t sign = 0;
	while (sign < rest->len && rest->ptr[sign] != '=' && rest->ptr[sign] != ';') {
		sign++;
	}
	struct bytes name = bytes_trim(bytes_of(rest->ptr, sign));
	const struct keyword *keyword = find(name);
	if (sign == rest->len || rest->ptr[sign] == ';') {
		if (name.len > 0) {
			buf_append_str(why, "there is a part without '=' (a value that holds ';' "
					    "must stand in quotes)");
			return ERR_CONFIG;
		}
		bytes_split(rest, ';');
		return 0;
	}
	*rest = bytes_of(rest->ptr + sign + 1, rest->len - sign - 1);
	if (keyword == NULL) {
		return refuse_keyword(name, *behind_password, why);
	}
	if (read_value(rest, &value) != 0) {
		buf_printf(why, "%s: the quotes around the value do not end it", keyword->name);
		err = ERR_CONFIG;
	} else if (value.len > 0) {
		err = apply(keyword, buf_bytes(&value), url, why);
	}
	*behind_password = keyword->libpq != NULL && strstr(keyword->libpq, "password") != NULL;
	if (value.data != NULL) {
		mem_wipe(value.data, value.cap);
	}
	buf_finish(&value);
	return err;
}

int pg_npgsql_parse(struct bytes text, struct pg_url *url, struct buf *why)
{
	struct bytes rest = text;
	bool behind_password = false;
	int err = 0;
	while (err == 0 && rest.len > 0) {
		err = parse_pair(&rest, &behind_password, url, why);
	}
	if (err == 0 && pg_url_get(url, "host") == NULL) {
		buf_append_str(why, "Host is missing");
		err = ERR_CONFIG;
	}
	if (err == 0) {
		set_hosts(url);
		trust_system(url);
	}
	return err;
}
