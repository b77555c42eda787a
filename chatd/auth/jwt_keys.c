#include "chatd/auth/jwt_keys.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "chatd/auth/jwt.h"
#include "chatd/auth/jwt_claims.h"
#include "lib/base/err.h"

#define KEY_MAX 16384 /* bytes of a secret or a PEM text */
#define RSA_BITS_MIN 2048

static int judge_public_key(EVP_PKEY *key, enum key_kind *ret_kind, char *why)
{
	int type = EVP_PKEY_get_base_id(key);
	if (type == EVP_PKEY_RSA) {
		if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
			return jwt_refuse(why, ERR_CONFIG,
				"the RSA key of jwt_public_key is shorter than %d bits",
				RSA_BITS_MIN);
		}
		*ret_kind = KEY_RSA;
		return 0;
	}
	char group[32] = "";
	if (type == EVP_PKEY_EC) {
		EVP_PKEY_get_utf8_string_param(
			key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL);
	}
	if (bytes_eq(bytes_str(group), BYTES_LIT("prime256v1"))) {
		*ret_kind = KEY_EC;
		return 0;
	}
	return jwt_refuse(why, ERR_CONFIG, "jwt_public_key is neither RSA nor EC on P-256");
}

int jwt_check_public_key(struct bytes pem, enum key_kind *ret_kind, char *why)
{
	if (pem.len > KEY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "jwt_public_key is too long");
	}
	/* Without one, an encrypted PEM text would ask on the terminal. */
	char no_password[] = "";
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, no_password) : NULL;
	int err = 0;
	if (key == NULL) {
		err = jwt_refuse(why, ERR_CONFIG,
			"jwt_public_key is no PEM text with a PUBLIC KEY (a certificate or a "
			"private key will not do)");
	} else {
		err = judge_public_key(key, ret_kind, why);
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return err;
}

int jwt_check_secret(struct bytes secret, char *why)
{
	if (secret.len < JWT_SECRET_MIN) {
		return jwt_refuse(why, ERR_CONFIG,
			"jwt_secret is shorter than %d bytes, too little for HMAC-SHA-256",
			JWT_SECRET_MIN);
	}
	if (secret.len > KEY_MAX) {
		return jwt_refuse(why, ERR_CONFIG, "jwt_secret is too long");
	}
	/* A public key that served as a secret would let everybody sign. */
	if (bytes_starts(bytes_trim(secret), BYTES_LIT("-----BEGIN"))) {
		return jwt_refuse(why, ERR_CONFIG,
			"jwt_secret holds a PEM key; public keys go into jwt_public_key");
	}
	return 0;
}
