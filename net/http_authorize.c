/* Authorization headers: Basic and Bearer. */
#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "http_client_internal.h"

static void add_base64(gyre__http_text *text, const unsigned char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)data[i] << 16;
        char out[4] = "====";

        if (left > 1)
            group |= (unsigned)data[i + 1] << 8;
        if (left > 2)
            group |= data[i + 2];
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
            out[k] = digits[group >> (18 - 6 * k) & 63];
        gyre__http_text_addn(text, out, 4);
    }
}

static int64_t refuse(const char *why)
{
    return gyre__http_raise(GYRE_EHTTPHEADER, why);
}

/* RFC 7617: no controls in either, no colon in the user's name. */
static int64_t check(const char *user, size_t user_size, const char *password, size_t password_size)
{
    for (size_t i = 0; i < user_size; i++)
        if ((unsigned char)user[i] < 32 || user[i] == 127 || user[i] == ':')
            return refuse("a colon or a control character in the user's name");
    for (size_t i = 0; i < password_size; i++)
        if ((unsigned char)password[i] < 32 || password[i] == 127)
            return refuse("a control character in the password");
    return 0;
}

static int64_t add_basic(gyre__http_text *text, const char *user, size_t user_size,
                         const char *password, size_t password_size)
{
    gyre__http_text both = {.data = NULL};
    int64_t rc = check(user, user_size, password, password_size);

    if (rc < 0)
        return rc;
    gyre__http_text_addn(&both, user, user_size);
    gyre__http_text_addn(&both, ":", 1);
    gyre__http_text_addn(&both, password, password_size);
    gyre__http_text_add(text, "Basic ");
    if (!both.failed)
        add_base64(text, (const unsigned char *)both.data, both.size);
    rc = both.failed || text->failed ? -ENOMEM : 0;
    gyre__http_text_fini(&both);
    return rc;
}

int64_t gyre__http_compose_userinfo(gyre__http_text *text, const char *userinfo)
{
    size_t size = strlen(userinfo);
    const char *colon = strchr(userinfo, ':');
    size_t user_part = colon ? (size_t)(colon - userinfo) : size;
    char *plain = gyre_alloc(size + 1);
    int64_t user_size, password_size = 0, rc;

    if (!plain)
        return -ENOMEM;
    rc = user_size = gyre_url_decode(plain, size, userinfo, user_part, GYRE_URL_USERINFO);
    if (rc >= 0 && colon)
        rc = password_size = gyre_url_decode(plain + user_size, size - (size_t)user_size, colon + 1,
                                             size - user_part - 1, GYRE_URL_USERINFO);
    if (rc >= 0)
        rc = add_basic(text, plain, (size_t)user_size, plain + user_size, (size_t)password_size);
    gyre_free(plain);
    return rc;
}

static int64_t set(gyre_http_headers *headers, gyre__http_text *text, int64_t rc)
{
    if (rc >= 0)
        rc = gyre__http_text_end(text) ? gyre_http_headers_set(headers, "Authorization", text->data)
                                       : -ENOMEM;
    gyre__http_text_fini(text);
    return rc;
}

int64_t gyre_http_authorize_basic(gyre_http_headers *headers, const char *user,
                                  const char *password)
{
    gyre__http_text text = {.data = NULL};

    return set(headers, &text, add_basic(&text, user, strlen(user), password, strlen(password)));
}

int64_t gyre_http_authorize_bearer(gyre_http_headers *headers, const char *token)
{
    gyre__http_text text = {.data = NULL};

    for (const char *at = token; *at; at++)
        if ((unsigned char)*at <= 32 || (unsigned char)*at >= 127)
            return refuse("a token has neither spaces nor control characters");
    if (!*token)
        return refuse("the token is empty");
    gyre__http_text_add(&text, "Bearer ");
    gyre__http_text_add(&text, token);
    return set(headers, &text, 0);
}
