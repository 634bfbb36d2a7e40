/* Names in TLS: those of servers as they are asked for, those in certificates as they are shown. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "address.h"
#include "tls_context_internal.h"

enum { LONGEST_NAME = 253, LONGEST_LABEL = 63 };

/* ---- names of servers ---- */

/* Says what is wrong with a host name; NULL: nothing. */
static const char *name_problem(const char *name, size_t length)
{
    size_t label = 0;

    if (length == 0)
        return "is empty";
    if (length > LONGEST_NAME)
        return "is longer than 253 bytes";
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c >= 0x80)
            return "is not ASCII: an international name is given by its A-labels (xn--...)";
        if (c == '.') {
            if (label == 0)
                return "has an empty label";
            label = 0;
            continue;
        }
        if (!isalnum(c) && c != '-' && c != '_')
            return "has a character that host names do not have";
        if (++label > LONGEST_LABEL)
            return "has a label longer than 63 bytes";
    }
    return label == 0 ? "has an empty label" : NULL;
}

/* The address without brackets and scope, as inet_ntop writes it. */
static bool parse_address(const char *name, size_t length, char text[INET6_ADDRSTRLEN])
{
    char copy[GYRE_ADDRESS_TEXT];
    gyre_address address;
    const void *raw;

    if (length >= 2 && name[0] == '[' && name[length - 1] == ']') {
        name++;
        length -= 2;
    }
    length = strcspn(name, "%") < length ? strcspn(name, "%") : length;
    if (length >= sizeof(copy))
        return false;
    memcpy(copy, name, length);
    copy[length] = '\0';
    if (gyre_address_parse(&address, copy, 0) < 0)
        return false;
    raw = gyre_address_family(&address) == AF_INET
              ? (const void *)&((const struct sockaddr_in *)gyre_address_raw(&address))->sin_addr
              : (const void *)&((const struct sockaddr_in6 *)gyre_address_raw(&address))->sin6_addr;
    return inet_ntop(gyre_address_family(&address), raw, text, INET6_ADDRSTRLEN) != NULL;
}

int64_t gyre__tls_name(const char *server_name, char **out_name, bool *out_address)
{
    size_t length = strlen(server_name);
    char address[INET6_ADDRSTRLEN], shown[80];
    const char *problem;

    if (length > 1 && server_name[length - 1] == '.')
        length--; /* an absolute name: the same host */
    *out_address = parse_address(server_name, length, address);
    if (*out_address) {
        *out_name = gyre_strdup(address);
        return *out_name ? 0 : -ENOMEM;
    }
    problem = name_problem(server_name, length);
    if (problem) {
        gyre__tls_append(shown, 0, sizeof(shown), server_name, length);
        return gyre__tls_invalid("server name \"%s\" %s", shown, problem);
    }
    *out_name = gyre_alloc(length + 1);
    if (!*out_name)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++)
        (*out_name)[i] = (char)tolower((unsigned char)server_name[i]);
    (*out_name)[length] = '\0';
    return 0;
}

/* ---- texts for people ---- */

size_t gyre__tls_append(char *buffer, size_t used, size_t size, const char *text, size_t length)
{
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c < 0x7f)
            buffer[used++] = (char)c;
        else if (used + 4 < size)
            used += (size_t)snprintf(buffer + used, size - used, "\\x%02x", c);
        else
            break;
    }
    buffer[used] = '\0';
    return used;
}

size_t gyre__tls_name_text(const X509_NAME *name, char *buffer, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long length = 0;
    size_t used = 0;

    buffer[0] = '\0';
    /* ASN1_STRFLGS_ESC_CTRL and ESC_MSB are among these: what comes is printable ASCII. */
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        length = BIO_get_mem_data(bio, &text);
    if (length > 0)
        used = gyre__tls_append(buffer, 0, size, text, (size_t)length);
    BIO_free(bio);
    return used;
}

static size_t append_name(const GENERAL_NAME *name, char *buffer, size_t used, size_t size)
{
    const ASN1_STRING *string = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const char *data = (const char *)ASN1_STRING_get0_data(string);
    size_t length = (size_t)ASN1_STRING_length(string);
    char address[INET6_ADDRSTRLEN];

    if (used)
        used = gyre__tls_append(buffer, used, size, ", ", 2);
    if (name->type == GEN_DNS)
        return gyre__tls_append(buffer, used, size, data, length);
    if ((length != 4 && length != 16) ||
        !inet_ntop(length == 4 ? AF_INET : AF_INET6, data, address, sizeof(address)))
        return gyre__tls_append(buffer, used, size, "malformed address", 17);
    return gyre__tls_append(buffer, used, size, address, strlen(address));
}

size_t gyre__tls_certificate_names(X509 *certificate, char *buffer, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;

    buffer[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS || name->type == GEN_IPADD)
            used = append_name(name, buffer, used, size);
    }
    GENERAL_NAMES_free(names);
    return used;
}
