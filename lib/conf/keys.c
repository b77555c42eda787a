#include "lib/conf/keys.h"

#include <ctype.h>

#include "lib/conf/conf.h"
#include "lib/conf/key_url.h"
#include "lib/conf/nearest.h"
#include "lib/conf/units.h"

#define US_MS UINT64_C(1000)
#define US_S (1000 * US_MS)
#define US_M (60 * US_S)
#define US_H (60 * US_M)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static const char *const environments[] = {"Production", "Development", NULL};
static const char *const migrate_choices[] = {"auto", "true", "false", NULL};
static const char *const algorithms[] = {
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", NULL};
/* In the order of enum log_level. */
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
/* In the order of enum conf_log_format. */
static const char *const log_formats[] = {"auto", "text", "json", "journal", NULL};
/* In the order of enum msgpack_names. */
static const char *const name_spellings[] = {"pascal", "camel", NULL};
/* In the order of enum msgpack_lz4. */
static const char *const lz4_forms[] = {"none", "block", "block_array", NULL};

static const char *check_hub_path(const char *text)
{
	size_t len = strlen(text);
	bool good = text[0] == '/' && len > 1 && text[len - 1] != '/';
	for (size_t i = 0; good && i < len; i++) {
		good = isalnum((unsigned char)text[i]) || strchr("/-._~", text[i]) != NULL;
	}
	return good ? NULL
		    : "a path such as /chathub: '/', letters, digits, '-', '.', '_', '~', no '/' "
		      "at the end";
}

static const char *check_origin(const char *text)
{
	static const char allowed[] = "an origin such as https://chat.example.org:8443, or *";
	if (strcmp(text, "*") == 0) {
		return NULL;
	}
	struct bytes origin = bytes_str(text);
	size_t scheme = bytes_starts_nocase(origin, BYTES_LIT("https://"))  ? 8
			: bytes_starts_nocase(origin, BYTES_LIT("http://")) ? 7
									    : 0;
	if (scheme == 0 || origin.len == scheme) {
		return allowed;
	}
	for (size_t i = scheme; i < origin.len; i++) {
		if (!isalnum((unsigned char)text[i]) && strchr(".-_:[]", text[i]) == NULL) {
			return allowed;
		}
	}
	return NULL;
}

/* Letters and blanks, then '=', as connection strings of Npgsql begin. */
static bool is_keyword_list(struct bytes text)
{
	size_t len = 0;
	while (len < text.len && (isalpha((unsigned char)text.ptr[len]) || text.ptr[len] == ' ')) {
		len++;
	}
	return len > 0 && len + 1 < text.len && text.ptr[len] == '=';
}

/* The form alone: the store knows the rest. */
static const char *check_database_url(const char *text)
{
	struct bytes url = bytes_str(text);
	bool good = bytes_starts(url, BYTES_LIT("sqlite:"))
			    ? url.len > 7
			    : bytes_starts(url, BYTES_LIT("postgresql://")) ||
				      bytes_starts(url, BYTES_LIT("postgres://")) ||
				      is_keyword_list(url);
	return good ? NULL : "sqlite:PATH, postgresql://..., or Npgsql's Host=...;Username=...";
}

/* sun_path holds 108 bytes with its NUL. */
#define SOCKET_PATH_MAX 107

const struct conf_key conf_keys[] = {
#define SETTING(section_, key_, field_, ...) \
	{ \
		.section = #section_, .key = #key_, \
		.offset = offsetof(struct conf, section_.field_), __VA_ARGS__ \
	}
	SETTING(server, listen, listen, .type = CONF_ADDRESSES, .min = 1, .max = 64,
		.default_text = "127.0.0.1:5000",
		.doc = "Where clients connect: host:port, [v6]:port or unix:PATH, several "
		       "separated by commas. Port 0 picks a free one; the ready line names it."),
	SETTING(server, environment, environment, .type = CONF_ENUM, .choices = environments,
		.default_text = "Production", .established = "ASPNETCORE_ENVIRONMENT",
		.doc = "Development allows browsers from loopback origins."),
	SETTING(server, state_dir, state_dir, .type = CONF_PATH, .min = 1,
		.default_text = "/var/lib/chatd",
		.derived = "$STATE_DIRECTORY, else /var/lib/chatd",
		.doc = "Directory for the embedded database and for secrets that chatd makes."),
	SETTING(server, workers, workers, .type = CONF_INT, .max = 64, .default_text = "0",
		.doc = "Threads that serve clients; 0 is one per core."),
	SETTING(server, hub_path, hub_path, .type = CONF_TEXT, .min = 1, .max = 256,
		.check = check_hub_path, .default_text = "/chathub",
		.doc = "Path of the hub, matched without regard to case."),
	SETTING(server, allowed_origins, allowed_origins, .type = CONF_LIST, .max = 256,
		.check = check_origin, .default_text = "", .reloadable = true,
		.doc = "Origins of web pages that may connect, separated by commas, or *. The "
		       "server's own host is always allowed."),
	SETTING(server, max_connections, max_connections, .type = CONF_INT, .max = 10000000,
		.default_text = "0", .reloadable = true,
		.doc = "Most connections to the hub at once, of all workers together; 0 is as many "
		       "as there are descriptors for."),
	SETTING(server, drain_spread, drain_spread_us, .type = CONF_DURATION, .max = US_H,
		.default_text = "2s", .reloadable = true,
		.doc = "Time over which connections are closed when the server stops, so that "
		       "clients do not come back all at once."),
	SETTING(server, drain_timeout, drain_timeout_us, .type = CONF_DURATION, .min = 100 * US_MS,
		.max = US_H, .default_text = "30s", .reloadable = true,
		.doc = "The longest that stopping may take; what is open then is cut off."),

	SETTING(database, url, url, .type = CONF_URL, .min = 1, .check = check_database_url,
		.default_text = "sqlite:/var/lib/chatd/chatd.db",
		.derived = "sqlite:<server.state_dir>/chatd.db", .established = "DATABASE_URL",
		.doc = "The store: sqlite:PATH, postgresql://user:password@host/database as libpq "
		       "takes it, or the connection string of Npgsql (in the settings file without "
		       "a blank before ';')."),
	SETTING(database, pool_size, pool_size, .type = CONF_INT, .min = 3, .max = 64,
		.default_text = "4",
		.doc = "Most connections that each worker opens to PostgreSQL."),
	SETTING(database, auto_migrate, auto_migrate, .type = CONF_ENUM, .choices = migrate_choices,
		.default_text = "auto",
		.doc = "Whether the schema is brought up to date at start; auto does it for "
		       "SQLite."),

	SETTING(auth, jwt_secret, jwt_secret, .type = CONF_SECRET, .max = 4096, .default_text = "",
		.reloadable = true,
		.doc = "Shared secret that HMAC tokens are signed with, 32 bytes or more. Where "
		       "none of it, jwt_public_key and jwks_url is set, chatd makes one in its "
		       "state directory."),
	SETTING(auth, jwt_public_key, jwt_public_key, .type = CONF_PEM, .default_text = "",
		.reloadable = true,
		.doc = "PEM file with the public key that RSA or ECDSA tokens are signed with."),
	SETTING(auth, jwks_url, jwks_url, .type = CONF_TEXT, .max = 2048, .check = key_url_check,
		.default_text = "", .reloadable = true,
		.doc = "Where the identity provider publishes its RSA and EC keys (JWKS, RFC "
		       "7517). They are fetched at the start, every 10 minutes or as Cache-Control "
		       "says (1 minute to 1 day), at a reload, and, at most once in 30 s, when a "
		       "token names a key that is not there: that token gets 401 meanwhile. While "
		       "a fetch fails the last keys stay. Until the first has come tokens get "
		       "401, and the node is not ready where these are its only keys. Proxies of "
		       "the environment do not count, redirects are not followed."),
	SETTING(auth, jwks_ca, jwks_ca, .type = CONF_PEM, .default_text = "", .reloadable = true,
		.doc = "PEM file with the authorities that the certificate of jwks_url is checked "
		       "against; empty: the system's."),
	SETTING(auth, issuer, issuer, .type = CONF_TEXT, .max = 1024, .default_text = "",
		.reloadable = true, .doc = "The iss claim that tokens must have; empty: any."),
	SETTING(auth, audience, audience, .type = CONF_LIST, .max = 64, .default_text = "",
		.reloadable = true,
		.doc = "A token's aud claim must name one of these; empty: any."),
	SETTING(auth, algorithms, algorithms, .type = CONF_LIST, .max = 16, .choices = algorithms,
		.default_text = "", .reloadable = true,
		.doc = "Algorithms that tokens may be signed with; empty: what the configured "
		       "key allows."),
	SETTING(auth, user_id_claim, user_id_claim, .type = CONF_TEXT, .max = 256,
		.default_text = "", .reloadable = true,
		.doc = "Claim that names the user; empty: "
		       "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier, "
		       "else nameid, else sub."),
	SETTING(auth, admin_role, admin_role, .type = CONF_TEXT, .max = 256,
		.default_text = "admin", .reloadable = true,
		.doc = "Role claim that makes an administrator; empty: none does."),
	SETTING(auth, leeway, leeway_us, .type = CONF_DURATION, .max = US_H, .default_text = "5s",
		.reloadable = true,
		.doc = "How far the clocks of issuers may be off when exp and nbf are checked."),
	SETTING(auth, refresh_endpoint, refresh_endpoint, .type = CONF_BOOL,
		.default_text = "false", .reloadable = true,
		.doc = "Whether POST <hub path>/refresh?id=<connectionToken> takes a new token for "
		       "a connection, as clients of .NET 11 ask for, and negotiate says how long "
		       "the present one lasts. The hub method RefreshToken is always there."),

	SETTING(hub, keepalive, keepalive_us, .type = CONF_DURATION, .min = 10 * US_MS, .max = US_H,
		.default_text = "15s", .reloadable = true,
		.doc = "A connection that nothing was sent on for so long gets a ping."),
	SETTING(hub, client_timeout, client_timeout_us, .type = CONF_DURATION, .min = 20 * US_MS,
		.max = 24 * US_H, .default_text = "30s", .reloadable = true,
		.doc = "A connection that nothing came on for so long is closed."),
	SETTING(hub, handshake_timeout, handshake_timeout_us, .type = CONF_DURATION,
		.min = 10 * US_MS, .max = US_H, .default_text = "15s", .reloadable = true,
		.doc = "The longest a client may take for the SignalR handshake."),
	SETTING(hub, max_message_size, max_message_size, .type = CONF_SIZE, .min = KIB,
		.max = 64 * MIB, .default_text = "128KiB", .reloadable = true,
		.doc = "Largest hub message of a client."),
	SETTING(hub, create_rooms, create_rooms, .type = CONF_BOOL, .default_text = "false",
		.reloadable = true, .doc = "Whether joining an unknown alias makes a public room."),
	SETTING(hub, max_parallel_invocations, max_parallel_invocations, .type = CONF_INT, .min = 1,
		.max = 1024, .default_text = "1", .reloadable = true,
		.doc = "Invocations of one connection that may run at once."),
	SETTING(hub, recover_max, recover_max, .type = CONF_INT, .min = 1, .max = 1000000,
		.default_text = "1000", .reloadable = true,
		.doc = "Most missed messages that are sent on JoinRoom and Sync; beyond it the "
		       "client is told of the gap."),
	SETTING(hub, restore_hold, restore_hold_us, .type = CONF_DURATION, .max = US_M,
		.default_text = "1s", .reloadable = true,
		.doc = "How long messages of restored rooms wait after the handshake for the "
		       "client to say what it has seen."),
	SETTING(hub, poll_timeout, poll_timeout_us, .type = CONF_DURATION, .min = 10 * US_MS,
		.max = US_H, .default_text = "90s", .reloadable = true,
		.doc = "How long a long-polling request waits for something to tell."),
	SETTING(hub, close_timeout, close_timeout_us, .type = CONF_DURATION, .min = 10 * US_MS,
		.max = US_H, .default_text = "5s", .reloadable = true,
		.doc = "How long the end of a connection may take: until the client has closed its "
		       "part of a WebSocket, or has fetched the last words by a poll."),
	SETTING(hub, messagepack, messagepack, .type = CONF_BOOL, .default_text = "true",
		.doc = "Whether clients may speak MessagePack; JSON they always may."),
	SETTING(hub, messagepack_names, messagepack_names, .type = CONF_ENUM,
		.choices = name_spellings, .default_text = "pascal",
		.doc = "How names of fields are written in MessagePack: with an upper-case first "
		       "letter, as classes of .NET have them, or as in JSON. Both are read."),
	SETTING(hub, messagepack_lz4, messagepack_lz4, .type = CONF_ENUM, .choices = lz4_forms,
		.default_text = "none",
		.doc = "Whether values of 64 bytes and more are written compressed in MessagePack, "
		       "as MessagePack-CSharp's Lz4Block or Lz4BlockArray. All forms are read; "
		       "clients that do not know the form that is written cannot read it."),
	SETTING(hub, detailed_errors, detailed_errors, .type = CONF_BOOL, .default_text = "false",
		.reloadable = true,
		.doc = "Whether clients see why an internal error happened. Not in Production."),

	SETTING(limits, user_rate, user_rate, .type = CONF_INT, .max = 1000000, .suffix = "/s",
		.default_text = "50/s", .reloadable = true,
		.doc = "Calls per second of one user on this node, over all connections and doors; "
		       "two seconds' worth may come at once. 0 is no limit."),
	SETTING(limits, room_rate, room_rate, .type = CONF_INT, .max = 1000000, .suffix = "/s",
		.default_text = "500/s", .reloadable = true,
		.doc = "Messages per second that are taken on this node for one room; two seconds' "
		       "worth may come at once. 0 is no limit."),
	SETTING(limits, address_connects, address_connects, .type = CONF_INT, .max = 1000000,
		.suffix = "/s", .default_text = "100/s", .reloadable = true,
		.doc = "Connects per second from one address (of IPv6 from one /64) on this node, "
		       "and as many requests that name no user; two seconds' worth may come at "
		       "once. 0 is no limit, as it should be where a proxy's address stands for "
		       "all clients. Unix sockets have none."),
	SETTING(limits, send_queue, send_queue, .type = CONF_SIZE, .min = 16 * KIB, .max = GIB,
		.default_text = "1MiB", .reloadable = true,
		.doc = "Most bytes that wait to be sent to one connection; beyond it it is "
		       "closed."),
	SETTING(limits, send_stall, send_stall_us, .type = CONF_DURATION, .min = 10 * US_MS,
		.max = US_H, .default_text = "10s", .reloadable = true,
		.doc = "A connection that takes nothing for so long while something waits is "
		       "closed."),
	SETTING(limits, send_memory, send_memory, .type = CONF_SIZE, .min = MIB, .max = TIB,
		.default_text = "256MiB", .reloadable = true,
		.doc = "Most bytes that wait in all send queues together; beyond it the largest "
		       "queue's connection is closed. Answers over HTTP may take a quarter of it "
		       "besides."),
	SETTING(limits, max_content, max_content, .type = CONF_SIZE, .min = 1, .max = 16 * MIB,
		.default_text = "64KiB", .reloadable = true,
		.doc = "Largest content of a message."),
	SETTING(limits, header_timeout, header_timeout_us, .type = CONF_DURATION, .min = 10 * US_MS,
		.max = US_H, .default_text = "15s", .reloadable = true,
		.doc = "The longest a client may take for the head of a request."),
	SETTING(limits, connect_timeout, connect_timeout_us, .type = CONF_DURATION,
		.min = 100 * US_MS, .max = US_H, .default_text = "15s", .reloadable = true,
		.doc = "How long after negotiate a client may take to connect, and one that polls "
		       "to come again; then its connection ends."),

	SETTING(control, socket, socket, .type = CONF_PATH, .min = 1, .max = SOCKET_PATH_MAX,
		.default_text = "/run/chatd/control.sock",
		.derived = "$RUNTIME_DIRECTORY/control.sock, else "
			   "/run/chatd/control.sock",
		.doc = "Unix socket that chatctl talks to."),
	SETTING(control, read_group, read_group, .type = CONF_TEXT, .max = 256, .default_text = "",
		.doc = "Group whose members may use the read-only control commands."),

	SETTING(metrics, listen, listen, .type = CONF_ADDRESSES, .max = 8,
		.default_text = "127.0.0.1:9464",
		.doc = "Where GET /metrics answers in Prometheus' text format, without "
		       "authentication; empty: nowhere. Where the default is in use by another "
		       "program chatd starts without."),

	SETTING(log, level, level, .type = CONF_ENUM, .choices = log_levels, .default_text = "info",
		.reloadable = true, .doc = "What is logged, and above."),
	SETTING(log, format, format, .type = CONF_ENUM, .choices = log_formats,
		.default_text = "auto", .reloadable = true,
		.doc = "How it is logged: lines on stderr, or fields to the system's journal. auto "
		       "is journal where stderr leads there ($JOURNAL_STREAM), else text."),
	SETTING(log, journal_socket, journal_socket, .type = CONF_PATH, .min = 1,
		.max = SOCKET_PATH_MAX, .default_text = "/run/systemd/journal/socket",
		.doc = "Where the journal takes datagrams."),
	SETTING(log, slow, slow_us, .type = CONF_DURATION, .max = US_H, .default_text = "1s",
		.reloadable = true,
		.doc = "An operation that takes so long is logged, with the time of each of its "
		       "steps; 0 logs none."),
#undef SETTING
};
const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

const struct conf_key *conf_key_find(struct bytes section, struct bytes key)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		if (bytes_eq(bytes_str(conf_keys[i].section), section) &&
			bytes_eq(bytes_str(conf_keys[i].key), key)) {
			return &conf_keys[i];
		}
	}
	return NULL;
}

bool conf_key_holds_secret(const struct conf_key *key)
{
	return key->type == CONF_SECRET || key->type == CONF_URL;
}

const char *conf_key_nearest(struct arena *arena, struct bytes section, struct bytes key)
{
	/* The right key in a wrong section beats a similar name. */
	for (size_t i = 0; i < conf_key_count; i++) {
		if (bytes_eq_nocase(bytes_str(conf_keys[i].key), key)) {
			return arena_printf(arena, "%s.%s", conf_keys[i].section, conf_keys[i].key);
		}
	}
	struct nearest nearest;
	const char *wrong = arena_printf(arena, "%.*s.%.*s", BYTES_ARG(section), BYTES_ARG(key));
	nearest_init(&nearest, bytes_str(wrong));
	for (size_t i = 0; i < conf_key_count; i++) {
		nearest_offer(&nearest,
			arena_printf(arena, "%s.%s", conf_keys[i].section, conf_keys[i].key));
	}
	return nearest.best;
}

void conf_key_variable(const struct conf_key *key, struct buf *out)
{
	buf_append_str(out, "CHATD_");
	for (const char *p = key->section; *p != '\0'; p++) {
		buf_append_char(out, (char)toupper((unsigned char)*p));
	}
	buf_append_char(out, '_');
	for (const char *p = key->key; *p != '\0'; p++) {
		buf_append_char(out, (char)toupper((unsigned char)*p));
	}
}

const char *conf_type_name(enum conf_type type)
{
	switch (type) {
	case CONF_TEXT:
		return "text";
	case CONF_INT:
		return "integer";
	case CONF_SIZE:
		return "size";
	case CONF_DURATION:
		return "duration";
	case CONF_BOOL:
		return "boolean";
	case CONF_ENUM:
		return "choice";
	case CONF_LIST:
		return "list";
	case CONF_ADDRESSES:
		return "addresses";
	case CONF_PATH:
		return "path";
	case CONF_URL:
		return "URL";
	case CONF_SECRET:
		return "secret";
	case CONF_PEM:
		return "PEM file";
	}
	return "";
}

static void append_choices(const struct conf_key *key, const char *last, struct buf *out)
{
	for (size_t i = 0; key->choices[i] != NULL; i++) {
		if (i > 0) {
			buf_append_str(out, key->choices[i + 1] == NULL ? last : ", ");
		}
		buf_append_str(out, key->choices[i]);
	}
}

static void append_number_range(const struct conf_key *key, struct buf *out)
{
	void (*write)(uint64_t n, struct buf * to) =
		key->type == CONF_SIZE ? units_size_text : units_duration_text;
	if (key->type == CONF_INT) {
		buf_printf(out, "%llu to %llu%s", (unsigned long long)key->min,
			(unsigned long long)key->max, key->suffix != NULL ? key->suffix : "");
		return;
	}
	write(key->min, out);
	buf_append_str(out, " to ");
	write(key->max, out);
}

static void append_list_range(const struct conf_key *key, struct buf *out)
{
	if (key->choices != NULL) {
		append_choices(key, " and ", out);
	} else if (key->type == CONF_ADDRESSES) {
		buf_append_str(out, "host:port, [v6]:port or unix:PATH");
	} else {
		const char *allowed = key->check != NULL ? key->check("") : NULL;
		buf_append_str(out, allowed != NULL ? allowed : "texts");
	}
	buf_append_str(out, ", separated by commas");
}

static void append_text_range(const struct conf_key *key, struct buf *out)
{
	const char *allowed = key->check != NULL ? key->check("") : NULL;
	if (allowed != NULL) {
		buf_append_str(out, allowed);
		return;
	}
	buf_append_str(out, key->type == CONF_PATH  ? "a path"
			    : key->type == CONF_PEM ? "a PEM file"
						    : "text");
	if (key->max != 0) {
		buf_printf(out, " of at most %llu bytes", (unsigned long long)key->max);
	}
}

void conf_key_range(const struct conf_key *key, struct buf *out)
{
	switch (key->type) {
	case CONF_BOOL:
		buf_append_str(out, "true or false");
		break;
	case CONF_ENUM:
		append_choices(key, " or ", out);
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		append_number_range(key, out);
		break;
	case CONF_LIST:
	case CONF_ADDRESSES:
		append_list_range(key, out);
		break;
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SECRET:
	case CONF_PEM:
		append_text_range(key, out);
		break;
	}
}
