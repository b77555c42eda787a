#include "chatd/run/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatd/auth/jwt.h"
#include "chatd/run/key_source.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/conf/conf.h"

/* Random bytes of a secret of our own, and its text. */
#define SECRET_BYTES 48
#define SECRET_TEXT 64

static int fail(struct buf *why, const char *what, const char *path)
{
	buf_printf(why, "%s %s: %s", what, path, strerror(errno));
	return ERR_SYSTEM;
}

static int secret_make(const char *path, char text[SECRET_TEXT], struct buf *why)
{
	uint8_t raw[SECRET_BYTES];
	random_bytes(raw, sizeof(raw));
	base64url_encode(bytes_of(raw, sizeof(raw)), text);
	mem_wipe(raw, sizeof(raw));
	struct buf fresh = {0};
	buf_printf(&fresh, "%s.new", path);
	(void)unlink(buf_cstr(&fresh)); /* what a start that was cut off left */
	int fd = open(buf_cstr(&fresh), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		buf_finish(&fresh);
		return fail(why, "cannot make the signing secret", path);
	}
	errno = ENOSPC; /* of a short write */
	bool good = write(fd, text, SECRET_TEXT) == SECRET_TEXT && fsync(fd) == 0;
	close(fd);
	/* Under its name it is whole, whenever the power goes. */
	good = good && rename(buf_cstr(&fresh), path) == 0;
	int err = good ? 0 : fail(why, "cannot write the signing secret", path);
	if (!good) {
		(void)unlink(buf_cstr(&fresh));
	}
	buf_finish(&fresh);
	return err;
}

static int secret_read(const char *path, char text[SECRET_TEXT], struct buf *why)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return errno == ENOENT ? ERR_NOT_FOUND
				       : fail(why, "cannot open the signing secret", path);
	}
	ssize_t got = read(fd, text, SECRET_TEXT);
	int err = fstat(fd, &about) == 0 ? 0 : fail(why, "cannot look at", path);
	close(fd);
	if (err == 0 && got != SECRET_TEXT) {
		buf_printf(why, "the signing secret in %s is damaged: remove it to get a new one",
			path);
		return ERR_CONFIG;
	}
	if (err == 0 && (about.st_mode & 077) != 0) {
		buf_printf(
			why, "the signing secret in %s can be read by others: chmod 600 it", path);
		return ERR_CONFIG;
	}
	return err;
}

static int own_secret(
	const struct conf *conf, char text[SECRET_TEXT], bool *ret_made, struct buf *why)
{
	struct buf path = {0};
	buf_printf(&path, "%s/jwt-secret", conf->server.state_dir);
	int err = secret_read(buf_cstr(&path), text, why);
	if (err == ERR_NOT_FOUND) {
		err = secret_make(buf_cstr(&path), text, why);
		*ret_made = err == 0;
	}
	buf_finish(&path);
	return err;
}

static void join_list(struct buf *out, const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_printf(out, "%s%s", i > 0 ? "," : "", list->items[i]);
	}
}

int keys_load(const struct conf *conf, struct key_source *source,
	struct jwt_verifier **ret_verifier, bool *ret_made, struct buf *why)
{
	char secret[SECRET_TEXT];
	bool made = false;
	struct buf algorithms = {0};
	struct buf audience = {0};
	join_list(&algorithms, &conf->auth.algorithms);
	join_list(&audience, &conf->auth.audience);
	struct jwt_params params = {
		.algorithms = buf_bytes(&algorithms),
		.secret = bytes_str(conf->auth.jwt_secret),
		.public_key = bytes_str(conf->auth.jwt_public_key),
		.has_key_url = conf->auth.jwks_url[0] != '\0',
		.keys = key_source_keys(source, conf),
		.on_unknown_key = key_source_want,
		.on_unknown_ctx = source,
		.issuer = bytes_str(conf->auth.issuer),
		.audience = buf_bytes(&audience),
		.leeway_s = (int64_t)(conf->auth.leeway_us / 1000000),
		.user_id_claim = bytes_str(conf->auth.user_id_claim),
		.admin_role = bytes_str(conf->auth.admin_role),
	};
	int err = 0;
	if (params.secret.len == 0 && params.public_key.len == 0 && !params.has_key_url) {
		err = own_secret(conf, secret, &made, why);
		params.secret = bytes_of(secret, sizeof(secret));
	}
	if (err == 0) {
		char text[JWT_WHY_SIZE];
		err = jwt_verifier_create(&params, ret_verifier, text);
		if (err != 0) {
			buf_printf(why, "auth: %s", text);
		}
	}
	if (ret_made != NULL) {
		*ret_made = made;
	}
	mem_wipe(secret, sizeof(secret));
	buf_finish(&algorithms);
	buf_finish(&audience);
	return err;
}
