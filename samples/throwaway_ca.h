/* For the TLS samples: a certificate authority that lives as long as the program, and one server it vouches for. */
#ifndef THROWAWAY_CA_H
#define THROWAWAY_CA_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

/* PEM texts, as gyre_tls_options takes them. */
struct throwaway_ca {
    char root[4096];     /* whom clients shall trust */
    char identity[4096]; /* the server's certificate and its key */
};

static bool throwaway_extend(X509 *cert, X509 *issuer, int what, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool done;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
    done = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return done;
}

/* A certificate for an hour, signed with the issuer's key; issuer NULL: an authority, signed with its own. */
static X509 *throwaway_certify(EVP_PKEY *key, const char *name, const char *names, X509 *issuer,
                               EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new(), *by = issuer ? issuer : cert;
    X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

    if (!subject || !key || !X509_set_version(cert, X509_VERSION_3) ||
        !X509_set_pubkey(cert, key) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -60) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), 3600) ||
        !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                    -1, 0) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(by)) ||
        !throwaway_extend(cert, by, NID_subject_key_identifier, "hash") ||
        !throwaway_extend(cert, by, NID_basic_constraints,
                          issuer ? "critical,CA:FALSE" : "critical,CA:TRUE") ||
        !throwaway_extend(cert, by, NID_key_usage,
                          issuer ? "critical,digitalSignature" : "critical,keyCertSign") ||
        (issuer && (!throwaway_extend(cert, by, NID_authority_key_identifier, "keyid:always") ||
                    !throwaway_extend(cert, by, NID_ext_key_usage, "serverAuth") ||
                    !throwaway_extend(cert, by, NID_subject_alt_name, names))) ||
        !X509_sign(cert, issuer_key, EVP_sha256())) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool throwaway_print(char *text, int size, X509 *cert, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = 0;

    if (bio && PEM_write_bio_X509(bio, cert) &&
        (!key || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)))
        n = BIO_read(bio, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
    return n > 0 && n < size - 1;
}

/* names: "DNS:localhost,IP:127.0.0.1". False if OpenSSL would not. */
static bool throwaway_ca_make(struct throwaway_ca *ca, const char *names)
{
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *root = throwaway_certify(root_key, "Throw-away CA", NULL, NULL, root_key);
    X509 *cert = root ? throwaway_certify(key, "sample server", names, root, root_key) : NULL;
    bool made = cert && throwaway_print(ca->root, sizeof(ca->root), root, NULL) &&
                throwaway_print(ca->identity, sizeof(ca->identity), cert, key);

    X509_free(root);
    X509_free(cert);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(key);
    return made;
}

#endif
