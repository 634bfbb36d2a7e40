/* Certificates taken apart: names, dates, the fingerprint; and as PEM text. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tls_engine_internal.h"

/* What is known of a certificate, text after text; the offsets become pointers when all is there. */
struct parts {
    gyre__blocks *blocks;
    gyre__bytes text;
    size_t subject, issuer, serial, names; /* where they begin */
    size_t name_count;
    bool out_of_memory;
};

static void add(struct parts *parts, const void *data, size_t size)
{
    if (!gyre__bytes_append(&parts->text, parts->blocks, data, size))
        parts->out_of_memory = true;
}

/* Names come from strangers: what cannot be printed becomes \xx, so that nothing in them can end a text or a line. */
static void add_escaped(struct parts *parts, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char escaped[4];

        if (data[i] >= ' ' && data[i] < 0x7f && data[i] != '\\') {
            add(parts, &data[i], 1);
        } else {
            snprintf(escaped, sizeof(escaped), "\\%02X", data[i]);
            add(parts, escaped, 3);
        }
    }
}

static size_t add_name(struct parts *parts, const X509_NAME *name)
{
    size_t at = gyre__bytes_length(&parts->text), length;
    char buffer[1024];

    length = gyre__tls_name_text(name, buffer, sizeof(buffer));
    add(parts, buffer, length < sizeof(buffer) ? length : sizeof(buffer) - 1);
    add(parts, "", 1);
    return at;
}

static size_t add_serial(struct parts *parts, const ASN1_INTEGER *serial)
{
    size_t at = gyre__bytes_length(&parts->text);
    const unsigned char *data = ASN1_STRING_get0_data(serial);

    if (ASN1_STRING_type(serial) & V_ASN1_NEG)
        add(parts, "-", 1);
    for (int i = 0; i < ASN1_STRING_length(serial); i++) {
        char digits[3];

        snprintf(digits, sizeof(digits), "%02X", data[i]);
        add(parts, digits, 2);
    }
    add(parts, "", 1);
    return at;
}

static bool add_address(struct parts *parts, const ASN1_OCTET_STRING *address)
{
    int size = ASN1_STRING_length(address);
    char text[INET6_ADDRSTRLEN];

    if ((size != 4 && size != 16) || !inet_ntop(size == 4 ? AF_INET : AF_INET6,
                                                ASN1_STRING_get0_data(address), text, sizeof(text)))
        return false;
    add(parts, "IP:", 3);
    add(parts, text, strlen(text));
    return true;
}

static bool add_general_name(struct parts *parts, const GENERAL_NAME *name)
{
    static const char *const kinds[] = {
        [GEN_EMAIL] = "email:", [GEN_DNS] = "DNS:", [GEN_URI] = "URI:"};
    int type;
    const void *value = GENERAL_NAME_get0_value(name, &type);

    switch (type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI:
        add(parts, kinds[type], strlen(kinds[type]));
        add_escaped(parts, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        break;
    case GEN_IPADD:
        if (!add_address(parts, value))
            return false;
        break;
    default:
        return false; /* nothing that a host could be called by */
    }
    add(parts, "", 1);
    return true;
}

static void add_names(struct parts *parts, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    parts->names = gyre__bytes_length(&parts->text);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        parts->name_count += add_general_name(parts, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

/* One block: the struct, pointers to the names, the texts, the DER. */
static gyre_tls_certificate *put_together(const struct parts *parts, X509 *x509, size_t der_size)
{
    size_t length = gyre__bytes_length(&parts->text);
    gyre_tls_certificate *made =
        gyre_alloc_zeroed(sizeof(*made) + parts->name_count * sizeof(char *) + length + der_size);
    const char **names;
    char *text, *name;
    unsigned char *der, *end;

    if (!made)
        return NULL;
    names = (const char **)(void *)(made + 1);
    text = (char *)(names + parts->name_count);
    name = text + parts->names;
    der = end = (unsigned char *)text + length;
    memcpy(text, gyre__bytes_head(&parts->text), length);
    for (size_t i = 0; i < parts->name_count; i++) {
        names[i] = name;
        name += strlen(name) + 1;
    }
    i2d_X509(x509, &end);
    *made = (gyre_tls_certificate){
        .subject = text + parts->subject,
        .issuer = text + parts->issuer,
        .serial = text + parts->serial,
        .not_before = seconds_of(X509_get0_notBefore(x509)),
        .not_after = seconds_of(X509_get0_notAfter(x509)),
        .names = names,
        .name_count = parts->name_count,
        .der = der,
        .der_size = der_size,
    };
    if (!EVP_Digest(der, der_size, made->sha256, NULL, EVP_sha256(), NULL)) {
        gyre_free(made);
        return NULL;
    }
    return made;
}

int64_t gyre_tls_engine_certificate(const gyre_tls_engine *engine, size_t index,
                                    gyre_tls_certificate **out_certificate)
{
    X509 *x509 = gyre__tls_engine_x509(engine, index);
    struct parts parts = {.blocks = engine->blocks};
    int der_size;

    *out_certificate = NULL;
    if (!x509)
        return -ENOENT;
    parts.subject = add_name(&parts, X509_get_subject_name(x509));
    parts.issuer = add_name(&parts, X509_get_issuer_name(x509));
    parts.serial = add_serial(&parts, X509_get0_serialNumber(x509));
    add_names(&parts, x509);
    der_size = i2d_X509(x509, NULL);
    if (!parts.out_of_memory && der_size > 0)
        *out_certificate = put_together(&parts, x509, (size_t)der_size);
    gyre__bytes_clear(&parts.text, parts.blocks);
    return *out_certificate ? 0 : -ENOMEM;
}

void gyre_tls_certificate_free(gyre_tls_certificate *certificate)
{
    gyre_free(certificate);
}

int64_t gyre_tls_certificate_pem(const gyre_tls_certificate *certificate, char **out_text)
{
    enum { LINE_BYTES = 48 }; /* 64 characters */
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n",
                      end[] = "-----END CERTIFICATE-----\n";
    size_t lines = certificate->der_size / LINE_BYTES + 1;
    char *text = gyre_alloc(sizeof(begin) + sizeof(end) + lines * (LINE_BYTES / 3 * 4 + 1) + 1),
         *at = text;

    *out_text = text;
    if (!text)
        return -ENOMEM;
    at = stpcpy(at, begin);
    for (size_t i = 0; i < certificate->der_size; i += LINE_BYTES) {
        size_t size =
            certificate->der_size - i < LINE_BYTES ? certificate->der_size - i : LINE_BYTES;

        at += EVP_EncodeBlock((unsigned char *)at, certificate->der + i, (int)size);
        *at++ = '\n';
    }
    at = stpcpy(at, end);
    return at - text;
}
