/* Certificates of servers, good and bad, each with its exact verdict. */
#include "support/tls_scene.h"
#include "support/unit.h"

enum { DAY = 86400 };

/* The leaf that is right in everything, unless something follows. */
#define LEAF(...)     .leaf = {.common_name = "www.example", .names = "DNS:www.example", __VA_ARGS__}
#define NAMED(names_) .leaf = {.common_name = "leaf", .names = names_}
#define MIDDLE(...)   .middle = {.common_name = "Middle", .authority = true, __VA_ARGS__}

/* The client's verdict, and the alert that the server gets to see. */
#define REFUSED(text_, alert_)                                                                     \
    .client_code = GYRE_ETLSVERIFY, .client_text = text_, .server_code = GYRE_ETLSALERT,           \
    .server_text = "the peer sent the alert: " alert_
#define WRONG_HOST(text_)                                                                          \
    .client_code = GYRE_ETLSHOST, .client_text = text_, .server_code = GYRE_ETLSALERT,             \
    .server_text = "the peer sent the alert: bad certificate (42)"

static const scene scenes[] = {
    /* ---- time ---- */
    {"good", LEAF()},
    {"expired", LEAF(.begins_in = -2 * DAY, .ends_in = -DAY),
     REFUSED("www.example: certificate has expired (depth 0, subject CN=www.example)",
             "certificate expired (45)")},
    {"not yet valid", LEAF(.begins_in = DAY, .ends_in = 2 * DAY),
     REFUSED("www.example: certificate is not yet valid (depth 0, subject CN=www.example)",
             "bad certificate (42)")},
    {"the intermediate one expired", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.begins_in = -2 * DAY, .ends_in = -DAY),
     REFUSED("www.example: certificate has expired (depth 1, subject CN=Middle)",
             "certificate expired (45)")},
    {"the root expired", LEAF(),
     .root = {.common_name = "Root", .authority = true, .begins_in = -2 * DAY, .ends_in = -DAY},
     REFUSED("www.example: certificate has expired (depth 1, subject CN=Root)",
             "certificate expired (45)")},

    /* ---- names ---- */
    {"wrong host", NAMED("DNS:other.example"),
     WRONG_HOST("www.example: hostname mismatch: it is for other.example (depth 0, subject "
                "CN=leaf)")},
    {"wrong host of several", NAMED("DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:::1"),
     WRONG_HOST("www.example: hostname mismatch: it is for a.example, *.b.example, 127.0.0.1, ::1 "
                "(depth 0, subject CN=leaf)")},
    {"the last of several", NAMED("DNS:a.example,DNS:b.example,DNS:www.example")},
    {"common name only", .leaf = {.common_name = "www.example"},
     WRONG_HOST("www.example: hostname mismatch: it is for no host at all (depth 0, subject "
                "CN=www.example)")},
    {"common name only, allowed", .leaf = {.common_name = "www.example"},
     .client = {.insecure_common_name = true}},
    {"common name beside other names",
     .leaf = {.common_name = "www.example", .names = "DNS:other.example"},
     .client = {.insecure_common_name = true},
     WRONG_HOST("www.example: hostname mismatch: it is for other.example (depth 0, subject "
                "CN=www.example)")},
    {"wildcard", NAMED("DNS:*.example.org"), .host = "www.example.org"},
    {"wildcard is no empty label", NAMED("DNS:*.example.org"), .host = "example.org",
     WRONG_HOST("example.org: hostname mismatch: it is for *.example.org (depth 0, subject "
                "CN=leaf)")},
    {"wildcard is one label", NAMED("DNS:*.example.org"), .host = "a.b.example.org",
     WRONG_HOST("a.b.example.org: hostname mismatch: it is for *.example.org (depth 0, subject "
                "CN=leaf)")},
    {"wildcard of a top level", NAMED("DNS:*.org"), .host = "example.org",
     WRONG_HOST("example.org: hostname mismatch: it is for *.org (depth 0, subject CN=leaf)")},
    {"wildcard of all", NAMED("DNS:*"), .host = "localhost",
     WRONG_HOST("localhost: hostname mismatch: it is for * (depth 0, subject CN=leaf)")},
    {"wildcard inside", NAMED("DNS:www.*.org"), .host = "www.example.org",
     WRONG_HOST("www.example.org: hostname mismatch: it is for www.*.org (depth 0, subject "
                "CN=leaf)")},
    {"partial wildcard", NAMED("DNS:w*.example.org"), .host = "www.example.org",
     WRONG_HOST("www.example.org: hostname mismatch: it is for w*.example.org (depth 0, subject "
                "CN=leaf)")},
    {"partial wildcard, allowed", NAMED("DNS:w*.example.org"), .host = "www.example.org",
     .client = {.insecure_partial_wildcards = true}},
    {"wildcard of an A-label", NAMED("DNS:*.example.org"), .host = "xn--bcher-kva.example.org"},
    {"A-label", NAMED("DNS:xn--bcher-kva.example"), .host = "xn--bcher-kva.example"},
    {"U-label in the certificate", .host = "xn--bcher-kva.example",
     .leaf = {.common_name = "leaf",
              .raw_name = "b\xc3\xbc"
                          "cher.example",
              .raw_name_size = 15},
     WRONG_HOST("xn--bcher-kva.example: hostname mismatch: it is for b\\xc3\\xbccher.example "
                "(depth 0, subject CN=leaf)")},
    {"NUL in the name",
     .leaf = {.common_name = "leaf", .raw_name = "www.example\0.evil.example", .raw_name_size = 25},
     WRONG_HOST("www.example: hostname mismatch: it is for www.example\\x00.evil.example (depth 0, "
                "subject CN=leaf)")},
    {"empty name", .leaf = {.common_name = "leaf", .raw_name = "", .raw_name_size = 0},
     WRONG_HOST("www.example: hostname mismatch: it is for no host at all (depth 0, subject "
                "CN=leaf)")},
    {"dot before the name", NAMED("DNS:.example"),
     WRONG_HOST("www.example: hostname mismatch: it is for .example (depth 0, subject CN=leaf)")},
    {"other case", NAMED("DNS:WWW.Example"), .host = "wWw.eXample"},
    {"absolute name", LEAF(), .host = "www.example."},
    {"empty subject", .leaf = {.names = "DNS:www.example"}},
    {"empty subject, wrong host", .leaf = {.names = "DNS:other.example"},
     WRONG_HOST("www.example: hostname mismatch: it is for other.example (depth 0, subject none)")},
    {"other kinds of names only", NAMED("URI:https://www.example,email:www@www.example"),
     WRONG_HOST("www.example: hostname mismatch: it is for no host at all (depth 0, subject "
                "CN=leaf)")},

    /* ---- addresses ---- */
    {"IPv4 address", NAMED("IP:192.0.2.1"), .host = "192.0.2.1"},
    {"IPv6 address", NAMED("IP:2001:db8::1"), .host = "2001:db8:0::1"},
    {"IPv6 address in brackets", NAMED("IP:2001:db8::1"), .host = "[2001:DB8::1]"},
    {"wrong IPv4 address", NAMED("IP:192.0.2.1"), .host = "192.0.2.2", .client_code = GYRE_ETLSHOST,
     .client_text =
         "192.0.2.2: IP address mismatch: it is for 192.0.2.1 (depth 0, subject CN=leaf)",
     .server_code = GYRE_ETLSALERT, .server_text = "the peer sent the alert: bad certificate (42)"},
    {"IPv4 address, not mapped into IPv6", NAMED("IP:::ffff:192.0.2.1"), .host = "192.0.2.1",
     WRONG_HOST("192.0.2.1: IP address mismatch: it is for ::ffff:192.0.2.1 (depth 0, subject "
                "CN=leaf)")},
    {"address as a DNS name", NAMED("DNS:192.0.2.1"), .host = "192.0.2.1",
     WRONG_HOST("192.0.2.1: IP address mismatch: it is for 192.0.2.1 (depth 0, subject CN=leaf)")},
    {"address as the common name", .leaf = {.common_name = "192.0.2.1"}, .host = "192.0.2.1",
     WRONG_HOST("192.0.2.1: IP address mismatch: it is for no host at all (depth 0, subject "
                "CN=192.0.2.1)")},
    {"name where an address is", NAMED("IP:192.0.2.1"),
     WRONG_HOST("www.example: hostname mismatch: it is for 192.0.2.1 (depth 0, subject CN=leaf)")},

    /* ---- whom it is from ---- */
    {"self-signed", LEAF(), .by = BY_ITSELF,
     REFUSED("www.example: self-signed certificate (depth 0, subject CN=www.example)",
             "unknown certificate authority (48)")},
    {"self-signed, trusted", LEAF(), .by = BY_ITSELF, .trust_leaf = true},
    {"untrusted root", LEAF(), .by = BY_STRANGER,
     REFUSED("www.example: unable to get local issuer certificate (depth 0, subject "
             "CN=www.example)",
             "unknown certificate authority (48)")},
    {"intermediate authority", LEAF(), .by = BY_MIDDLE, MIDDLE()},
    {"incomplete chain", LEAF(), .by = BY_MIDDLE, MIDDLE(), .hide_middle = true,
     REFUSED("www.example: unable to get local issuer certificate (depth 0, subject "
             "CN=www.example)",
             "unknown certificate authority (48)")},
    {"only the intermediate one is trusted", LEAF(), .by = BY_MIDDLE, MIDDLE(),
     .trust_middle = true,
     REFUSED("www.example: unable to get issuer certificate (depth 1, subject CN=Middle)",
             "unknown certificate authority (48)")},
    {"only the intermediate one is trusted, allowed", LEAF(), .by = BY_MIDDLE, MIDDLE(),
     .trust_middle = true, .client = {.partial_chain = true}},
    {"CA flag missing", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.basic_constraints = "critical,CA:FALSE", .key_usage = "critical,digitalSignature"),
     REFUSED("www.example: invalid CA certificate (depth 1, subject CN=Middle)",
             "unknown certificate authority (48)")},
    {"no basic constraints", LEAF(), .by = BY_MIDDLE, MIDDLE(.basic_constraints = ""),
     REFUSED("www.example: invalid CA certificate (depth 1, subject CN=Middle)",
             "unknown certificate authority (48)")},
    {"basic constraints not critical", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.basic_constraints = "CA:TRUE"),
     REFUSED("www.example: Basic Constraints of CA cert not marked critical (depth 1, subject "
             "CN=Middle)",
             "certificate unknown (46)")},
    {"basic constraints not critical, lax", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.basic_constraints = "CA:TRUE"), .client = {.insecure_lax_certificates = true}},
    {"path too long", LEAF(), .by = BY_MIDDLE, MIDDLE(),
     .root = {.common_name = "Root",
              .authority = true,
              .basic_constraints = "critical,CA:TRUE,pathlen:0"},
     REFUSED("www.example: path length constraint exceeded (depth 2, subject CN=Root)",
             "unknown certificate authority (48)")},
    {"path long enough", LEAF(), .by = BY_MIDDLE, MIDDLE(),
     .root = {.common_name = "Root",
              .authority = true,
              .basic_constraints = "critical,CA:TRUE,pathlen:1"}},
    {"authority may not sign certificates", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.key_usage = "critical,cRLSign"),
     REFUSED("www.example: invalid CA certificate (depth 1, subject CN=Middle)",
             "unknown certificate authority (48)")},
    {"permitted by name constraints", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.name_constraints = "critical,permitted;DNS:example")},
    {"not permitted by name constraints", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.name_constraints = "critical,permitted;DNS:example.org"),
     REFUSED("www.example: permitted subtree violation (depth 0, subject CN=www.example)",
             "certificate unknown (46)")},
    {"excluded by name constraints", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.name_constraints = "critical,excluded;DNS:www.example"),
     REFUSED("www.example: excluded subtree violation (depth 0, subject CN=www.example)",
             "certificate unknown (46)")},
    {"bad signature", LEAF(.bad_signature = true),
     REFUSED("www.example: certificate signature failure (depth 0, subject CN=www.example)",
             "decrypt error (51)")},
    {"bad signature of the intermediate one", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.bad_signature = true),
     REFUSED("www.example: certificate signature failure (depth 1, subject CN=Middle)",
             "decrypt error (51)")},
    {"no key identifiers", LEAF(.no_key_ids = true),
     REFUSED("www.example: Missing Authority Key Identifier (depth 0, subject CN=www.example)",
             "certificate unknown (46)")},
    {"no key identifiers, lax", LEAF(.no_key_ids = true),
     .client = {.insecure_lax_certificates = true}},
    {"no verification", LEAF(.begins_in = -2 * DAY, .ends_in = -DAY), .by = BY_STRANGER,
     .host = "other.example", .client = {.insecure_no_verification = true}},
    {"any host", NAMED("DNS:other.example"), .client = {.insecure_no_hostname = true}},
    {"any host, but expired", LEAF(.begins_in = -2 * DAY, .ends_in = -DAY),
     .client = {.insecure_no_hostname = true},
     REFUSED("www.example: certificate has expired (depth 0, subject CN=www.example)",
             "certificate expired (45)")},

    /* ---- what it is for ---- */
    {"for clients only", LEAF(.extended_key_usage = "clientAuth"),
     REFUSED("www.example: unsuitable certificate purpose (depth 0, subject CN=www.example)",
             "unsupported certificate (43)")},
    {"for mail only", LEAF(.extended_key_usage = "emailProtection"),
     REFUSED("www.example: unsuitable certificate purpose (depth 0, subject CN=www.example)",
             "unsupported certificate (43)")},
    {"for anything", LEAF(.extended_key_usage = "")},
    {"authority for clients only", LEAF(), .by = BY_MIDDLE,
     MIDDLE(.extended_key_usage = "clientAuth"),
     REFUSED("www.example: unsuitable certificate purpose (depth 1, subject CN=Middle)",
             "unsupported certificate (43)")},
    {"unknown critical extension", LEAF(.unknown_critical = "1.2.3.4.5"),
     REFUSED("www.example: unhandled critical extension (depth 0, subject CN=www.example)",
             "certificate unknown (46)")},

    /* ---- strength ---- */
    {"RSA of 2048 bits", LEAF(.rsa_bits = 2048)},
    {"SHA-1", LEAF(), .by = BY_MIDDLE, MIDDLE(.digest = "SHA1"),
     .server = {.insecure_security_level = true},
     REFUSED("www.example: CA signature digest algorithm too weak (depth 1, subject CN=Middle)",
             "bad certificate (42)")},
    {"SHA-1, allowed", LEAF(), .by = BY_MIDDLE, MIDDLE(.digest = "SHA1"),
     .client = {.insecure_security_level = true}, .server = {.insecure_security_level = true}},
    {"RSA of 1024 bits", LEAF(.rsa_bits = 1024),
     .server = {.insecure_security_level = true, .security_level = 1},
     REFUSED("www.example: EE certificate key too weak (depth 0, subject CN=www.example)",
             "bad certificate (42)")},
    {"authority with RSA of 1024 bits", LEAF(), .by = BY_MIDDLE, MIDDLE(.rsa_bits = 1024),
     .server = {.insecure_security_level = true, .security_level = 1},
     REFUSED("www.example: CA certificate key too weak (depth 1, subject CN=Middle)",
             "bad certificate (42)")},

    /* ---- revocation ---- */
    {"not revoked", LEAF(), .crl = CRL_EMPTY},
    {"revoked", LEAF(), .crl = CRL_LEAF,
     REFUSED("www.example: certificate revoked (depth 0, subject CN=www.example)",
             "certificate revoked (44)")},
    {"revocation list too old", LEAF(), .crl = CRL_STALE,
     REFUSED("www.example: CRL has expired (depth 0, subject CN=www.example)",
             "certificate expired (45)")},
    {"revocation list of somebody else", LEAF(), .crl = CRL_OF_STRANGER,
     REFUSED("www.example: unable to get certificate CRL (depth 0, subject CN=www.example)",
             "unknown certificate authority (48)")},
    {"the intermediate one is revoked, not looked at", LEAF(), .by = BY_MIDDLE, MIDDLE(),
     .crl = CRL_MIDDLE},
    {"the intermediate one is revoked", LEAF(), .by = BY_MIDDLE, MIDDLE(), .crl = CRL_MIDDLE,
     .client = {.crl_check_chain = true},
     REFUSED("www.example: certificate revoked (depth 1, subject CN=Middle)",
             "certificate revoked (44)")},
    {"OCSP: good", LEAF(), .ocsp = OCSP_GOOD, .client = {.ocsp_required = true}},
    {"OCSP: not asked for", LEAF(), .ocsp = OCSP_REVOKED},
    {"OCSP: missing", LEAF(), .client = {.ocsp_required = true},
     REFUSED("www.example: OCSP verification needed (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
    {"OCSP: revoked", LEAF(), .ocsp = OCSP_REVOKED, .client = {.ocsp_required = true},
     REFUSED("www.example: certificate revoked (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
    {"OCSP: unknown", LEAF(), .ocsp = OCSP_UNKNOWN, .client = {.ocsp_required = true},
     REFUSED("www.example: OCSP unknown cert (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
    {"OCSP: too old", LEAF(), .ocsp = OCSP_STALE, .client = {.ocsp_required = true},
     REFUSED("www.example: OCSP verification failed (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
    {"OCSP: forged", LEAF(), .ocsp = OCSP_FORGED, .client = {.ocsp_required = true},
     REFUSED("www.example: OCSP verification failed (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
    {"OCSP: of another certificate", LEAF(), .ocsp = OCSP_OF_OTHER,
     .client = {.ocsp_required = true},
     REFUSED("www.example: OCSP unknown cert (depth 0, subject CN=www.example)",
             "bad certificate status response (113)")},
};

int main(void)
{
    return scene_run_all("tls_certificates", scenes, sizeof(scenes) / sizeof(scenes[0]), NULL, 0);
}
