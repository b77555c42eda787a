/* A main() for a fuzz harness that feeds it the files and folders named on the command line, each
 * once whole, so that what fuzzing has found stays found without clang. Prints one TAP line per
 * file; a fault ends the program. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void die(const char *what, const char *path)
{
	fprintf(stderr, "replay: %s %s: %s\n", what, path, strerror(errno));
	exit(2);
}

/* The input is a block of exactly its size, so that a sanitizer sees the first byte read behind it.
 */
static void replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		die("open", path);
	}
	uint8_t *data = malloc(size > 0 ? size : 1);
	if (!data) {
		die("hold", path);
	}
	uint8_t *input = size > 0 ? data : data + 1;
	if (fread(input, 1, size, file) != size) {
		die("read", path);
	}
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
	free(data);
	printf("ok - %s\n", path);
	fflush(stdout);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_path(const char *path)
{
	struct stat info;
	if (stat(path, &info) != 0) {
		die("find", path);
	}
	if (!S_ISDIR(info.st_mode)) {
		replay_file(path, (size_t)info.st_size);
		return;
	}
	struct dirent **entries;
	int count = scandir(path, &entries, is_visible, alphasort);
	if (count < 0) {
		die("list", path);
	}
	for (int i = 0; i < count; i++) {
		char child[4096];
		int length = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
		if (length < 0 || (size_t)length >= sizeof(child)) {
			errno = ENAMETOOLONG;
			die("name", path);
		}
		replay_path(child);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		replay_path(argv[i]);
	}
	return 0;
}
