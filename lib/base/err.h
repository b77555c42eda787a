/* Error numbers, and the one table of what each is called at every door. */
#ifndef LIB_BASE_ERR_H
#define LIB_BASE_ERR_H

/* Functions answer 0 or one of these. The names that clients see (err_code) are stable. */
enum err {
	ERR_INTERNAL = -1, /* our own fault */
	ERR_BAD_REQUEST = -2, /* malformed input */
	ERR_BAD_ROOM = -3, /* text that can be no room id or alias */
	ERR_BAD_CONTENT = -4, /* empty, too long, or no text */
	ERR_UNAUTHORIZED = -5, /* no token, or not a good one */
	ERR_FORBIDDEN = -6, /* known, but not allowed */
	ERR_NOT_FOUND = -7, /* missing, or invisible to the caller */
	ERR_NOT_MEMBER = -8, /* the room is visible, but the caller is not in it */
	ERR_CONFLICT = -9, /* same key, other content */
	ERR_EXISTS = -10, /* the name is taken */
	ERR_BUSY = -11, /* a bounded queue is full, or something is in use; nothing was done */
	ERR_UNAVAILABLE = -12, /* the store (or another part) is away; nothing was done */
	ERR_UNCERTAIN = -13, /* it may or may not have taken effect; ask again with the same id */
	ERR_RATE_LIMITED = -14, /* too many, later again */
	ERR_TOO_LARGE = -15, /* over a configured size */
	ERR_ARCHIVED = -16, /* the room can be read, not written */
	ERR_TIMEOUT = -17, /* a deadline passed */
	ERR_STORAGE_FULL = -18, /* no space left where the store lives; nothing was done */
	ERR_UNREACHABLE = -19, /* the peer does not answer or refuses the connection */
	ERR_NOT_SUPPORTED = -20, /* understood, but not offered here */
	ERR_CONFIG = -21, /* a setting, or the schema of the store */
	ERR_CORRUPT = -22, /* stored data is damaged */
	ERR_USAGE = -23, /* wrong command line */
	ERR_SYSTEM = -24, /* a system call failed; errno told why at the place */
	ERR_CLOSED = -25, /* the other side has gone */
	ERR_AGAIN = -26, /* more input is needed (parsers); never seen by clients */
	ERR_NOMEM = -27, /* a peer asked for more than we hold */
	ERR_MISMATCH = -28, /* the peer speaks another version */
	ERR_CANCELLED = -29, /* the caller withdrew it */
	ERR_PARTIAL = -30, /* some of it was done */
	ERR_PRECONDITION = -31, /* it has changed since the caller saw it */
	ERR_METHOD = -32, /* not this way (HTTP method) */
	ERR_MEDIA_TYPE = -33, /* the content came in a form that is not taken */
	ERR_NOT_ACCEPTABLE = -34, /* the form that was asked for is not offered */
};

/* The stable machine name, such as "not_found". Never NULL; "internal" for unknown numbers. */
const char *err_code(int err);

/* One sentence without final stop for people. Never NULL. */
const char *err_text(int err);

/* HTTP status of a problem+json answer: 400 to 599. */
int err_http_status(int err);

/* Exit code of chatctl: 1 to 8 (PRODUCT.md section 7). */
int err_exit_code(int err);

/* The number of a code that err_code() gives, ERR_INTERNAL for an unknown one. */
int err_from_code(const char *code);

#endif
