/* The address that public keys are fetched from. */
#ifndef LIB_CONF_KEY_URL_H
#define LIB_CONF_KEY_URL_H

/* For a row of the table of settings: NULL where the text may be such an address, else what is
 * allowed. Who can change what comes from there can sign tokens, so that it is https, or http where
 * nothing leaves the machine. */
const char *key_url_check(const char *text);

#endif
