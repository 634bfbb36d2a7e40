/*
 * A throw-away certificate authority for tests, in memory: certificates good and bad, revocation
 * lists, OCSP responses.
 *
 *     ca_cert *root = ca_make(&(ca_options){.common_name = "root", .authority = true});
 *     ca_cert *leaf = ca_make(&(ca_options){.issuer = root, .names = "DNS:www.example"});
 *     char *chain = ca_pem(leaf), *key = ca_key_pem(leaf, NULL);
 *
 * Whatever goes wrong in here ends the program with a message. Needs nothing of gyre.
 */
#ifndef GYRE_TESTS_SUPPORT_CA_H
#define GYRE_TESTS_SUPPORT_CA_H

#include <stdbool.h>
#include <stddef.h>

/* A certificate with its key, and a reference to its issuer. */
typedef struct ca_cert ca_cert;

/*
 * How a certificate shall be; all zero: self-signed, P-256, SHA-256, valid from yesterday to
 * tomorrow, no names. Extensions are in OpenSSL's words; NULL: as it should be, "": left out.
 */
typedef struct ca_options {
    const char *common_name; /* the subject is CN=this; NULL: empty */
    const char *names;       /* subjectAltName: "DNS:a.example,IP:127.0.0.1"; NULL: none */
    const char *raw_name;    /* one more DNS name, of raw_name_size bytes, whatever they are */
    size_t raw_name_size;
    ca_cert *issuer;                /* NULL: itself */
    ca_cert *same_key;              /* has the key of this one; NULL: a new key */
    bool authority;                 /* may sign certificates */
    const char *basic_constraints;  /* "critical,CA:TRUE,pathlen:0" */
    const char *key_usage;          /* "critical,digitalSignature" */
    const char *extended_key_usage; /* "serverAuth" */
    const char *name_constraints;   /* "critical,permitted;DNS:example" */
    const char *policy;             /* "critical,1.2.3.4" as certificatePolicies */
    const char *unknown_critical;   /* OID of a critical extension nobody knows */
    long begins_in, ends_in;        /* seconds from now; both 0: a day before and after */
    int rsa_bits;                   /* 0: P-256 */
    const char *digest;             /* "SHA1"; NULL: SHA256 */
    bool no_key_ids;                /* without subject and authority key identifiers */
    bool bad_signature;             /* the last bit of the signature is wrong */
} ca_options;

ca_cert *ca_make(const ca_options *options); /* its issuer lives as long */
void ca_free(ca_cert *cert);                 /* NULL is allowed */

/* PEM texts, malloc'ed: the certificate alone, its key (encrypted with a password, unless NULL). */
char *ca_pem(const ca_cert *cert);
char *ca_key_pem(const ca_cert *cert, const char *password);

/* Both texts one after the other, malloc'ed; the first is freed. */
char *ca_join(char *first, const char *second);

/*
 * A revocation list of `issuer` with `revoked` (NULL: nobody) on it, good until ends_in seconds
 * from now (0: tomorrow). PEM, malloc'ed.
 */
char *ca_crl(const ca_cert *issuer, const ca_cert *revoked, long ends_in);

typedef enum ca_ocsp_status { CA_OCSP_GOOD, CA_OCSP_REVOKED, CA_OCSP_UNKNOWN } ca_ocsp_status;

/*
 * An OCSP response about `cert`, signed by `signer` (its issuer, or somebody who should not), that
 * is good until ends_in seconds from now (0: tomorrow). DER, malloc'ed.
 */
unsigned char *ca_ocsp(const ca_cert *cert, const ca_cert *signer, ca_ocsp_status status,
                       long ends_in, size_t *out_size);

#endif
