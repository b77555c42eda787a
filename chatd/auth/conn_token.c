#include "chatd/auth/conn_token.h"

#include <assert.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/err.h"

#define TOKEN_VERSION 1

/* Offsets of the fields. */
enum {
	AT_VERSION = 0,
	AT_INCARNATION = 1,
	AT_WORKER = 9,
	AT_ID = 11,
	AT_ISSUED = 27,
	AT_FLAGS = 35,
	AT_USER = 36,
	AT_MAC = 44,
	TOKEN_BYTES = 60,
	MAC_BYTES = 16,
};

static const char mac_label[] = "chatd:connection-token:1:";
static const char user_label[] = "chatd:connection-user:";

static void put_number(uint8_t *out, size_t len, uint64_t n)
{
	for (size_t i = len; i-- > 0; n >>= 8) {
		out[i] = (uint8_t)n;
	}
}

static uint64_t get_number(const uint8_t *in, size_t len)
{
	uint64_t n = 0;
	for (size_t i = 0; i < len; i++) {
		n = n << 8 | in[i];
	}
	return n;
}

/* The label keeps apart what else is signed under the fleet secret. */
static void token_mac(struct bytes secret, const uint8_t token[TOKEN_BYTES], uint8_t out[32])
{
	char input[sizeof(mac_label) - 1 + AT_MAC];
	memcpy(input, mac_label, sizeof(mac_label) - 1);
	memcpy(input + sizeof(mac_label) - 1, token, AT_MAC);
	digest_hmac_sha256(secret, bytes_of(input, sizeof(input)), out);
}

void conn_token_issue(
	struct bytes secret, const struct conn_token *token, char out[CONN_TOKEN_SIZE])
{
	assert(secret.len >= 16 && token->issued_ms >= 0);
	uint8_t raw[TOKEN_BYTES];
	uint8_t mac[32];
	raw[AT_VERSION] = TOKEN_VERSION;
	put_number(raw + AT_INCARNATION, 8, token->incarnation);
	put_number(raw + AT_WORKER, 2, token->worker);
	memcpy(raw + AT_ID, token->id.b, 16);
	put_number(raw + AT_ISSUED, 8, (uint64_t)token->issued_ms);
	raw[AT_FLAGS] = token->flags;
	memcpy(raw + AT_USER, token->user_hash, 8);
	token_mac(secret, raw, mac);
	memcpy(raw + AT_MAC, mac, MAC_BYTES);
	size_t len = base64url_encode(bytes_of(raw, sizeof(raw)), out);
	assert(len == CONN_TOKEN_LEN);
	out[len] = '\0';
}

int conn_token_open(struct bytes secret, struct bytes text, struct conn_token *ret_token)
{
	uint8_t raw[TOKEN_BYTES];
	uint8_t mac[32];
	size_t len = 0;
	if (text.len != CONN_TOKEN_LEN || base64url_decode(text, (char *)raw, &len) != 0 ||
		len != sizeof(raw) || raw[AT_VERSION] != TOKEN_VERSION) {
		return ERR_NOT_FOUND;
	}
	token_mac(secret, raw, mac);
	if (!digest_equal(mac, raw + AT_MAC, MAC_BYTES)) {
		return ERR_NOT_FOUND;
	}
	struct conn_token token = {
		.incarnation = get_number(raw + AT_INCARNATION, 8),
		.worker = (uint16_t)get_number(raw + AT_WORKER, 2),
		.issued_ms = (int64_t)get_number(raw + AT_ISSUED, 8),
		.flags = raw[AT_FLAGS],
	};
	memcpy(token.id.b, raw + AT_ID, 16);
	memcpy(token.user_hash, raw + AT_USER, 8);
	*ret_token = token;
	return 0;
}

bool conn_token_is_fresh(const struct conn_token *token, int64_t now_ms, int64_t life_ms)
{
	int64_t age = now_ms - token->issued_ms;
	return age < life_ms && age > -life_ms;
}

void conn_token_user_hash(const struct uuid *user_id, uint8_t out[8])
{
	uint8_t hash[32];
	const struct bytes parts[] = {BYTES_LIT(user_label), uuid_bytes(user_id)};
	digest_sha256_parts(parts, 2, hash);
	memcpy(out, hash, 8);
}

bool conn_token_is_for(const struct conn_token *token, const struct uuid *user_id)
{
	uint8_t hash[8];
	conn_token_user_hash(user_id, hash);
	return digest_equal(hash, token->user_hash, sizeof(hash));
}

void conn_id_format(const struct uuid *id, char out[CONN_ID_SIZE])
{
	size_t len = base64url_encode(uuid_bytes(id), out);
	assert(len == CONN_ID_LEN);
	out[len] = '\0';
}

int conn_id_parse(struct bytes text, struct uuid *ret_id)
{
	struct uuid id;
	size_t len = 0;
	if (text.len != CONN_ID_LEN || base64url_decode(text, (char *)id.b, &len) != 0 ||
		len != sizeof(id.b)) {
		return ERR_BAD_REQUEST;
	}
	*ret_id = id;
	return 0;
}
