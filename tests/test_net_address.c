/* Socket addresses: what is parsed, what is printed, what counts as equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/address.h"

static gyre_address parse(const char *text, uint16_t port)
{
    gyre_address address;

    assert_int_equal(gyre_address_parse(&address, text, port), 0);
    return address;
}

static gyre_address parse_endpoint(const char *text)
{
    gyre_address address;

    assert_int_equal(gyre_address_parse_endpoint(&address, text), 0);
    return address;
}

static gyre_address unix_address(const char *path, size_t length)
{
    gyre_address address;

    assert_int_equal(gyre_address_unix(&address, path, length), 0);
    return address;
}

static void assert_printed(const gyre_address *address, const char *expected)
{
    char text[GYRE_ADDRESS_TEXT];

    assert_int_equal(gyre_address_print(address, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_parse_v4(void **state)
{
    gyre_address address = parse("127.0.0.1", 80);
    struct sockaddr_in v4;

    (void)state;
    memcpy(&v4, &address.storage, sizeof(v4));
    assert_int_equal(address.length, sizeof(v4));
    assert_int_equal(v4.sin_family, AF_INET);
    assert_int_equal(ntohl(v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(v4.sin_port), 80);
    assert_int_equal(gyre_address_family(&address), AF_INET);
    assert_int_equal(gyre_address_port(&address), 80);
    assert_printed(&address, "127.0.0.1:80");
}

static void test_parse_v6(void **state)
{
    gyre_address address = parse("2001:db8::1", 65535);

    (void)state;
    assert_int_equal(address.length, sizeof(struct sockaddr_in6));
    assert_int_equal(gyre_address_family(&address), AF_INET6);
    assert_int_equal(gyre_address_port(&address), 65535);
    assert_printed(&address, "[2001:db8::1]:65535");
    address = parse("::ffff:1.2.3.4", 1);
    assert_printed(&address, "[::ffff:1.2.3.4]:1");
}

static void test_parse_scopes(void **state)
{
    gyre_address by_name, by_number;
    char name[IF_NAMESIZE], text[64], expected[64];

    (void)state;
    if (!if_indextoname(1, name)) {
        print_message("no network interface\n");
        skip();
    }
    snprintf(text, sizeof(text), "fe80::1%%%s", name);
    by_name = parse(text, 5);
    by_number = parse("fe80::1%1", 5);
    assert_true(gyre_address_equal(&by_name, &by_number));
    snprintf(expected, sizeof(expected), "[fe80::1%%%s]:5", name);
    assert_printed(&by_number, expected);
    by_number = parse("fe80::1%4000000000", 5); /* a number that no interface has */
    assert_printed(&by_number, "[fe80::1%4000000000]:5");
    assert_int_equal(gyre_address_parse(&by_name, "fe80::1%no-such-if", 5), -ENODEV);
    assert_int_equal(gyre_address_parse(&by_name, "fe80::1%5000000000", 5), -ENODEV);
    assert_int_equal(gyre_address_parse(&by_name, "fe80::1%1x", 5), -ENODEV);
    assert_int_equal(gyre_address_parse(&by_name, "fe80::1%", 5), -EINVAL);
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "127.0.0.1:80",
        "127.1",
        "1.2.3.4.5",
        "256.0.0.1",
        "[::1]",
        ":::",
        "12345::1",
        "1.2.3.4 ",
        "127.0.0.1%lo",
        " ::1",
        "0x7f.0.0.1",
        "unix:/x",
        "1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8"};
    gyre_address address, untouched;

    (void)state;
    memset(&address, 0x55, sizeof(address));
    untouched = address;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(gyre_address_parse(&address, bad[i], 1), -EINVAL);
    assert_memory_equal(&address, &untouched, sizeof(address));
}

static void test_endpoints_read_back(void **state)
{
    static const char *const texts[] = {
        "1.2.3.4:80", "[::1]:80", "[2001:db8::1]:0", "0.0.0.0:65535", "unix:/run/x.sock",
        "unix:@name", "unix:a/b", "unix:",           "unix:./@odd",   "unix:@a@b"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        gyre_address address = parse_endpoint(texts[i]);

        assert_printed(&address, texts[i]);
    }
}

static void test_endpoint_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:x",
        "1.2.3.4:-1",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "[1.2.3.4]:80",
        "host:80",
        "[]:80",
        "[:80",
        ":80",
        "1.2.3.4:8 ",
        "1.2.3.4:+8",
        "[::1]:",
        "[",
        "]:1",
        "[1111111111111111111111111111111111111111111111111111111111111111111111111::]:1"};
    gyre_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(gyre_address_parse_endpoint(&address, bad[i]), -EINVAL);
}

static void test_unix_paths(void **state)
{
    gyre_address address = unix_address("/tmp/x", 6), other;
    struct sockaddr_un un;
    char path[109];

    (void)state;
    memcpy(&un, &address.storage, sizeof(un));
    assert_int_equal(address.length, offsetof(struct sockaddr_un, sun_path) + 7);
    assert_string_equal(un.sun_path, "/tmp/x");
    assert_printed(&address, "unix:/tmp/x");
    assert_int_equal(gyre_address_port(&address), 0);

    memset(path, 'p', sizeof(path));
    address = unix_address(path, 107);
    assert_int_equal(address.length, sizeof(un));
    assert_int_equal(gyre_address_unix(&address, path, 108), -ENAMETOOLONG);
    assert_int_equal(gyre_address_unix(&address, "a\0b", 3), -EINVAL);

    /* With its end or without, as getsockname() may give it. */
    address = unix_address("/tmp/x", 6);
    other = address;
    other.length--;
    assert_true(gyre_address_equal(&address, &other));
    assert_printed(&other, "unix:/tmp/x");
}

static void test_unix_abstract(void **state)
{
    gyre_address address = unix_address("\0name", 5), other = unix_address("\0name\0", 6);
    char name[109] = "";

    (void)state;
    assert_int_equal(address.length, offsetof(struct sockaddr_un, sun_path) + 5);
    assert_printed(&address, "unix:@name");
    assert_printed(&other, "unix:@name@");
    assert_false(gyre_address_equal(&address, &other));
    memset(name + 1, 'n', sizeof(name) - 1);
    address = unix_address(name, 108);
    assert_int_equal(address.length, sizeof(struct sockaddr_un));
    assert_int_equal(gyre_address_unix(&address, name, 109), -ENAMETOOLONG);
    memset(name, 'n', sizeof(name));
    memcpy(name, "@", 1);
    address = unix_address(name, 107);
    assert_int_equal(gyre_address_family(&address), AF_UNIX);
}

static void test_longest_texts_fit(void **state)
{
    gyre_address address;
    char path[107], text[GYRE_ADDRESS_TEXT];

    (void)state;
    memset(path, '@', sizeof(path)); /* printed with ./ before it */
    address = unix_address(path, sizeof(path));
    assert_true(gyre_address_print(&address, text, sizeof(text)) < GYRE_ADDRESS_TEXT);
    assert_int_equal(strlen(text), 5 + 2 + sizeof(path));
}

static void test_print_truncates(void **state)
{
    gyre_address address = parse("127.0.0.1", 80);
    char text[5] = "xxxx";

    (void)state;
    assert_int_equal(gyre_address_print(&address, text, sizeof(text)), 12);
    assert_string_equal(text, "127.");
    assert_int_equal(gyre_address_print(&address, NULL, 0), 12);
}

static void test_other_families(void **state)
{
    gyre_address none = {.length = 0}, other = {.length = 4};

    (void)state;
    other.storage.ss_family = AF_PACKET;
    assert_int_equal(gyre_address_family(&none), AF_UNSPEC);
    assert_printed(&none, "none");
    assert_printed(&other, "family 17");
    assert_int_equal(gyre_address_set_port(&none, 1), -EINVAL);
    assert_int_equal(gyre_address_port(&other), 0);
    assert_true(gyre_address_equal(&none, &none));
    assert_true(gyre_address_equal(&other, &other));
    assert_false(gyre_address_equal(&none, &other));
}

static void test_ports(void **state)
{
    gyre_address v4 = parse("1.2.3.4", 0), v6 = parse("::1", 0), path = unix_address("x", 1);

    (void)state;
    assert_int_equal(gyre_address_set_port(&v4, 81), 0);
    assert_int_equal(gyre_address_set_port(&v6, 82), 0);
    assert_int_equal(gyre_address_port(&v4), 81);
    assert_int_equal(gyre_address_port(&v6), 82);
    assert_printed(&v4, "1.2.3.4:81");
    assert_printed(&v6, "[::1]:82");
    assert_int_equal(gyre_address_set_port(&path, 83), -EINVAL);
}

static void test_equal(void **state)
{
    gyre_address a = parse("::1", 1), b = parse("::1", 1), v4 = parse("1.2.3.4", 1);
    gyre_address mapped = parse("::ffff:1.2.3.4", 1), other = parse("1.2.3.4", 2);
    struct sockaddr_in6 v6;

    (void)state;
    memcpy(&v6, &a.storage, sizeof(v6));
    v6.sin6_flowinfo = htonl(7); /* does not count */
    memcpy(&a.storage, &v6, sizeof(v6));
    assert_true(gyre_address_equal(&a, &b));
    assert_false(gyre_address_equal(&v4, &mapped));
    assert_false(gyre_address_equal(&v4, &other));
    assert_int_equal(gyre_address_set_port(&other, 1), 0);
    assert_true(gyre_address_equal(&v4, &other));
    assert_false(gyre_address_equal(&a, &mapped));
    b = parse("::1%7", 1);
    assert_false(gyre_address_equal(&a, &b));
}

static void test_from(void **state)
{
    gyre_address v4 = parse("1.2.3.4", 5), v6 = parse("::1", 5), path = unix_address("x", 1), copy;

    (void)state;
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&v4), v4.length), 0);
    assert_true(gyre_address_equal(&copy, &v4));
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&v4), v4.length - 1), -EINVAL);
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&v6), v4.length), -EINVAL);
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&v6), 200), -EINVAL);
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&v6), 0), -EINVAL);
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&path), path.length), 0);
    assert_printed(&copy, "unix:x");
    assert_int_equal(gyre_address_from(&copy, gyre_address_raw(&path), 2), 0);
    assert_printed(&copy, "unix:");
}

static void test_of_sockets(void **state)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    gyre_address any = parse("127.0.0.1", 0), bound, peer;
    int pair[2];

    (void)state;
    assert_int_equal(bind(listener, gyre_address_raw(&any), any.length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(gyre_address_local(listener, &bound), 0);
    assert_int_not_equal(gyre_address_port(&bound), 0);
    assert_int_equal(gyre_address_peer(client, &peer), -ENOTCONN);
    assert_int_equal(connect(client, gyre_address_raw(&bound), bound.length), 0);
    assert_int_equal(gyre_address_peer(client, &peer), 0);
    assert_true(gyre_address_equal(&peer, &bound));
    close(client);
    close(listener);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(gyre_address_local(pair[0], &bound), 0);
    assert_printed(&bound, "unix:");
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(gyre_address_local(-1, &bound), -EBADF);
    client = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(gyre_address_local(client, &bound), -ENOTSOCK);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_v4),
        cmocka_unit_test(test_parse_v6),
        cmocka_unit_test(test_parse_scopes),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_endpoints_read_back),
        cmocka_unit_test(test_endpoint_refuses),
        cmocka_unit_test(test_unix_paths),
        cmocka_unit_test(test_unix_abstract),
        cmocka_unit_test(test_longest_texts_fit),
        cmocka_unit_test(test_print_truncates),
        cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_of_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
