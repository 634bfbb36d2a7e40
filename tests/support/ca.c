/* The tests' certificate authority, made of OpenSSL's API. */
#include "ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

enum { DAY = 86400 };

struct ca_cert {
    X509 *x509;
    EVP_PKEY *key;
    const ca_cert *issuer; /* itself where it is self-signed */
};

/* Ends the program unless OpenSSL did as it was told. */
#define MUST(call_)                                                                                \
    do {                                                                                           \
        if (!(call_)) {                                                                            \
            fprintf(stderr, "ca.c:%d: %s\n", __LINE__, #call_);                                    \
            ERR_print_errors_fp(stderr);                                                           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- extensions ---- */

static void add_extension(X509 *x509, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (!value || !*value)
        return;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    MUST(extension = X509V3_EXT_nconf_nid(NULL, &context, kind, value));
    MUST(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

/* The names as OpenSSL reads them, and the raw one; critical where they are all there is. */
static void add_names(X509 *x509, const ca_options *options)
{
    GENERAL_NAMES *names = NULL;
    X509_EXTENSION *extension = NULL;

    if (!options->names && !options->raw_name)
        return;
    if (options->names) {
        MUST(extension = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, options->names));
        MUST(names = X509V3_EXT_d2i(extension));
        X509_EXTENSION_free(extension);
    } else {
        MUST(names = sk_GENERAL_NAME_new_null());
    }
    if (options->raw_name) {
        GENERAL_NAME *name;
        ASN1_IA5STRING *text;

        MUST(name = GENERAL_NAME_new());
        MUST(text = ASN1_IA5STRING_new());
        MUST(ASN1_STRING_set(text, options->raw_name, (int)options->raw_name_size));
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        MUST(sk_GENERAL_NAME_push(names, name));
    }
    MUST(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, !options->common_name, 0) == 1);
    GENERAL_NAMES_free(names);
}

static void add_unknown(X509 *x509, const char *oid)
{
    static const unsigned char null[] = {5, 0};
    ASN1_OBJECT *object;
    ASN1_OCTET_STRING *data;
    X509_EXTENSION *extension;

    if (!oid)
        return;
    MUST(object = OBJ_txt2obj(oid, 1));
    MUST(data = ASN1_OCTET_STRING_new());
    MUST(ASN1_OCTET_STRING_set(data, null, sizeof(null)));
    MUST(extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, data));
    MUST(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
}

static const char *or_default(const char *value, const char *usual)
{
    return value ? value : usual;
}

static void add_extensions(X509 *x509, X509 *issuer, const ca_options *options)
{
    bool ca = options->authority;

    add_extension(
        x509, issuer, NID_basic_constraints,
        or_default(options->basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
    add_extension(
        x509, issuer, NID_key_usage,
        or_default(options->key_usage, ca ? "critical,keyCertSign,cRLSign,digitalSignature"
                                          : "critical,digitalSignature"));
    add_extension(x509, issuer, NID_ext_key_usage,
                  or_default(options->extended_key_usage, ca ? "" : "serverAuth,clientAuth"));
    add_extension(x509, issuer, NID_name_constraints, options->name_constraints);
    add_extension(x509, issuer, NID_certificate_policies, options->policy);
    add_names(x509, options);
    add_unknown(x509, options->unknown_critical);
    if (!options->no_key_ids) {
        add_extension(x509, issuer, NID_subject_key_identifier, "hash");
        add_extension(x509, issuer, NID_authority_key_identifier, "keyid:always");
    }
}

/* ---- certificates ---- */

static EVP_PKEY *make_key(const ca_options *options)
{
    EVP_PKEY *key = options->same_key ? options->same_key->key : NULL;

    if (key)
        MUST(EVP_PKEY_up_ref(key));
    else if (options->rsa_bits)
        MUST(key = EVP_RSA_gen((unsigned)options->rsa_bits));
    else
        MUST(key = EVP_EC_gen("P-256"));
    return key;
}

static void set_subject(X509 *x509, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x509);

    if (common_name)
        MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                        (const unsigned char *)common_name, -1, -1, 0));
}

static void spoil_signature(X509 *x509)
{
    const ASN1_BIT_STRING *signature;

    X509_get0_signature(&signature, NULL, x509);
    ((unsigned char *)ASN1_STRING_get0_data(signature))[ASN1_STRING_length(signature) - 1] ^= 1;
}

ca_cert *ca_make(const ca_options *options)
{
    static long serial = 1000;
    bool ever = !options->begins_in && !options->ends_in;
    ca_cert *cert;
    X509 *x509;

    MUST(cert = calloc(1, sizeof(*cert)));
    cert->issuer = options->issuer ? options->issuer : cert;
    cert->key = make_key(options);
    MUST(x509 = cert->x509 = X509_new());
    MUST(X509_set_version(x509, X509_VERSION_3));
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial));
    MUST(X509_gmtime_adj(X509_getm_notBefore(x509), ever ? -DAY : options->begins_in));
    MUST(X509_gmtime_adj(X509_getm_notAfter(x509), ever ? DAY : options->ends_in));
    set_subject(x509, options->common_name);
    MUST(X509_set_issuer_name(x509, X509_get_subject_name(cert->issuer->x509)));
    MUST(X509_set_pubkey(x509, cert->key));
    add_extensions(x509, cert->issuer->x509, options);
    MUST(X509_sign(x509, cert->issuer->key,
                   EVP_get_digestbyname(options->digest ? options->digest : "SHA256")));
    if (options->bad_signature)
        spoil_signature(x509);
    return cert;
}

void ca_free(ca_cert *cert)
{
    if (!cert)
        return;
    X509_free(cert->x509);
    EVP_PKEY_free(cert->key);
    free(cert);
}

/* ---- as text ---- */

/* What was written to a memory BIO, with an end; frees the BIO. */
static char *take_bytes(BIO *bio, size_t *out_size)
{
    char *data, *copy;
    long size = BIO_get_mem_data(bio, &data);

    MUST(copy = malloc((size_t)size + 1));
    memcpy(copy, data, (size_t)size);
    copy[size] = '\0';
    if (out_size)
        *out_size = (size_t)size;
    BIO_free(bio);
    return copy;
}

static BIO *new_text(void)
{
    BIO *bio;

    MUST(bio = BIO_new(BIO_s_mem()));
    return bio;
}

char *ca_pem(const ca_cert *cert)
{
    BIO *bio = new_text();

    MUST(PEM_write_bio_X509(bio, cert->x509));
    return take_bytes(bio, NULL);
}

char *ca_key_pem(const ca_cert *cert, const char *password)
{
    BIO *bio = new_text();

    MUST(PEM_write_bio_PrivateKey(bio, cert->key, password ? EVP_aes_128_cbc() : NULL,
                                  (const unsigned char *)password,
                                  password ? (int)strlen(password) : 0, NULL, NULL));
    return take_bytes(bio, NULL);
}

char *ca_join(char *first, const char *second)
{
    size_t size = strlen(first), more = strlen(second) + 1;

    MUST(first = realloc(first, size + more));
    memcpy(first + size, second, more);
    return first;
}

/* ---- revocation ---- */

static ASN1_TIME *time_in(long seconds)
{
    ASN1_TIME *time;

    MUST(time = X509_gmtime_adj(NULL, seconds));
    return time;
}

char *ca_crl(const ca_cert *issuer, const ca_cert *revoked, long ends_in)
{
    BIO *bio = new_text();
    X509_CRL *crl;
    ASN1_TIME *made = time_in(-DAY), *next = time_in(ends_in ? ends_in : DAY);
    ASN1_INTEGER *number;
    X509V3_CTX context;
    X509_EXTENSION *extension;

    MUST(crl = X509_CRL_new());
    MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
    MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)));
    MUST(X509_CRL_set1_lastUpdate(crl, made) && X509_CRL_set1_nextUpdate(crl, next));
    if (revoked) {
        X509_REVOKED *entry;

        MUST(entry = X509_REVOKED_new());
        MUST(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x509)));
        MUST(X509_REVOKED_set_revocationDate(entry, made));
        MUST(X509_CRL_add0_revoked(crl, entry));
    }
    X509V3_set_ctx(&context, issuer->x509, NULL, NULL, crl, 0);
    MUST(extension = X509V3_EXT_nconf_nid(NULL, &context, NID_authority_key_identifier, "keyid"));
    MUST(X509_CRL_add_ext(crl, extension, -1));
    X509_EXTENSION_free(extension);
    MUST(number = ASN1_INTEGER_new());
    MUST(ASN1_INTEGER_set(number, 1));
    MUST(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
    ASN1_INTEGER_free(number);
    MUST(X509_CRL_sort(crl) && X509_CRL_sign(crl, issuer->key, EVP_sha256()));
    MUST(PEM_write_bio_X509_CRL(bio, crl));
    X509_CRL_free(crl);
    ASN1_TIME_free(made);
    ASN1_TIME_free(next);
    return take_bytes(bio, NULL);
}

unsigned char *ca_ocsp(const ca_cert *cert, const ca_cert *signer, ca_ocsp_status status,
                       long ends_in, size_t *out_size)
{
    static const int kinds[] = {[CA_OCSP_GOOD] = V_OCSP_CERTSTATUS_GOOD,
                                [CA_OCSP_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
                                [CA_OCSP_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN};
    ASN1_TIME *made = time_in(-DAY), *next = time_in(ends_in ? ends_in : DAY);
    OCSP_BASICRESP *basic;
    OCSP_RESPONSE *response;
    OCSP_CERTID *id;
    BIO *bio = new_text();

    MUST(basic = OCSP_BASICRESP_new());
    MUST(id = OCSP_cert_to_id(NULL, cert->x509, cert->issuer->x509));
    MUST(OCSP_basic_add1_status(basic, id, kinds[status], OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                status == CA_OCSP_REVOKED ? made : NULL, made, next));
    MUST(OCSP_basic_sign(basic, signer->x509, signer->key, EVP_sha256(), NULL, 0));
    MUST(response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic));
    MUST(i2d_OCSP_RESPONSE_bio(bio, response));
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ASN1_TIME_free(made);
    ASN1_TIME_free(next);
    return (unsigned char *)take_bytes(bio, out_size);
}
