#include "lib/store/model.h"

#include "lib/base/err.h"

static const char *const room_types[] = {
	[ROOM_GROUP] = "Group",
	[ROOM_DIRECT] = "Direct",
};

static const char *const visibilities[] = {
	[ROOM_PUBLIC] = "Public",
	[ROOM_PRIVATE] = "Private",
};

static const char *const roles[] = {
	[ROLE_NONE] = "",
	[ROLE_MEMBER] = "Member",
	[ROLE_ADMIN] = "Admin",
	[ROLE_OWNER] = "Owner",
};

static const char *const message_types[] = {
	[MESSAGE_TEXT] = "Text",
	[MESSAGE_IMAGE] = "Image",
	[MESSAGE_FILE] = "File",
	[MESSAGE_SYSTEM] = "System",
	[MESSAGE_ASSISTANT] = "Assistant",
	[MESSAGE_EDIT] = "Edit",
	[MESSAGE_DELETE] = "Delete",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The numbers come from a file that somebody may have edited: an unknown one has no name, but does
 * no harm. */
static const char *name_of(const char *const *names, size_t count, unsigned number)
{
	return number < count ? names[number] : "";
}

const char *model_room_type_name(enum room_type type)
{
	return name_of(room_types, COUNT(room_types), (unsigned)type);
}

const char *model_visibility_name(enum room_visibility visibility)
{
	return name_of(visibilities, COUNT(visibilities), (unsigned)visibility);
}

const char *model_role_name(enum member_role role)
{
	return name_of(roles, COUNT(roles), (unsigned)role);
}

const char *model_message_type_name(enum message_type type)
{
	return name_of(message_types, COUNT(message_types), (unsigned)type);
}

int model_role_parse(struct bytes name, enum member_role *ret_role)
{
	for (size_t i = ROLE_MEMBER; i < COUNT(roles); i++) {
		if (bytes_eq_nocase(name, bytes_str(roles[i]))) {
			*ret_role = (enum member_role)i;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

int model_message_type_parse(struct bytes name, enum message_type *ret_type)
{
	for (size_t i = 0; i < COUNT(message_types); i++) {
		if (bytes_eq(name, bytes_str(message_types[i]))) {
			*ret_type = (enum message_type)i;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

#undef COUNT

static bool is_alias_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alias_char(char c)
{
	return is_alias_start(c) || c == '.' || c == '_' || c == '-';
}

int model_alias_fold(struct bytes text, char out[65])
{
	char folded[65];
	struct uuid id;

	if (text.len == 0 || text.len > 64 || uuid_parse(text, &id) == 0) {
		return ERR_BAD_ROOM;
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c >= 'A' && c <= 'Z') {
			c = (char)(c - 'A' + 'a');
		}
		if (i == 0 ? !is_alias_start(c) : !is_alias_char(c)) {
			return ERR_BAD_ROOM;
		}
		folded[i] = c;
	}
	folded[text.len] = '\0';
	memcpy(out, folded, text.len + 1);
	return 0;
}
