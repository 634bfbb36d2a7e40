/* Names that gyre-fetch gives its files: safe whatever the URL says, and each only once. */
#include "../../samples/fetch/name.h"

#include <string.h>

#include "../support/unit.h"

static void assert_name(const char *text, const char *wanted)
{
    char name[NAME_SIZE];
    gyre_url url;

    assert_int_equal(gyre_url_parse(&url, text, strlen(text), NULL), 0);
    memset(name, '#', sizeof(name));
    assert_true(name_from_url(name, &url));
    assert_string_equal(name, wanted);
    gyre_url_fini(&url);
}

static void test_the_last_segment(void **state)
{
    (void)state;
    assert_name("http://a.example/b/c.tar.gz", "c.tar.gz");
    assert_name("http://a.example/b/c.txt?d=/e/f#g", "c.txt");
    assert_name("http://a.example", "index.html");
    assert_name("http://a.example/", "index.html");
    assert_name("http://a.example/b/?c", "index.html");
    assert_name("http://a.example/a%20b.txt", "a b.txt");
    assert_name("http://a.example/%C3%A4.txt", "\xc3\xa4.txt");
}

static void test_what_is_dangerous(void **state)
{
    (void)state;
    assert_name("http://a.example/..", "_.");
    assert_name("http://a.example/.", "_");
    assert_name("http://a.example/a/%2e%2e", "_.");
    assert_name("http://a.example/%2e%2e%2fetc%2fpasswd", "_._etc_passwd");
    assert_name("http://a.example/%2Fetc%2Fpasswd", "_etc_passwd");
    assert_name("http://a.example/.bashrc", "_bashrc");
    assert_name("http://a.example/-rf", "_rf");
    assert_name("http://a.example/~root", "_root");
    assert_name("http://a.example/a%00b", "a_b");
    assert_name("http://a.example/a%0Ab%1B%5B31m%7F", "a_b_[31m_");
    assert_name("http://a.example/%FF%C0%AF%ED%A0%80", "______");
    assert_name("http://a.example/a%C2%9Bb", "a_b");              /* a control of 8-bit terminals */
    assert_name("http://a.example/txt.%E2%80%AEexe", "txt._exe"); /* right to left */
}

static void test_long_names_keep_their_end(void **state)
{
    char url[2000] = "http://a.example/", name[NAME_SIZE];
    gyre_url parsed;

    (void)state;
    for (int i = 0; i < 300; i++)
        strcat(url, "%C3%A4");                 /* two bytes each */
    strcpy(url + 17 + 299 * 6 + 3, ".tar.gz"); /* cuts the last one in two: not UTF-8 any more */
    assert_int_equal(gyre_url_parse(&parsed, url, strlen(url), NULL), 0);
    assert_true(name_from_url(name, &parsed));
    gyre_url_fini(&parsed);
    assert_true(strlen(name) <= NAME_MOST && strlen(name) > NAME_MOST - 4);
    assert_string_equal(name + strlen(name) - 3, ".gz");
    assert_memory_equal(name, "\xc3\xa4\xc3\xa4", 4);
}

static void claim(struct name_set *set, const char *text, const char *wanted)
{
    char name[NAME_SIZE];

    strcpy(name, text);
    assert_true(name_claim(set, name));
    assert_string_equal(name, wanted);
}

static void test_collisions(void **state)
{
    struct name_set set = {.entries = NULL};

    (void)state;
    claim(&set, "a.txt", "a.txt");
    claim(&set, "a.txt", "a-2.txt");
    claim(&set, "a-3.txt", "a-3.txt");
    claim(&set, "a.txt", "a-4.txt");
    claim(&set, "a-2.txt", "a-2-2.txt");
    claim(&set, "b.tar.gz", "b.tar.gz");
    claim(&set, "b.tar.gz", "b-2.tar.gz");
    claim(&set, "README", "README");
    claim(&set, "README", "README-2");
    claim(&set, "a.txt.part", "a.txt.part");
    name_set_fini(&set);
}

static void test_collisions_with_what_is_kept(void **state)
{
    struct name_set set = {.with_parts = true};

    (void)state;
    claim(&set, "a", "a");
    claim(&set, "a.part", "a-2.part");
    claim(&set, "a.part.info", "a.part-2.info");
    claim(&set, "b.part", "b.part");
    claim(&set, "b", "b-2");
    name_set_fini(&set);
}

static void test_many_of_the_same(void **state)
{
    struct name_set set = {.entries = NULL};
    char name[NAME_SIZE];

    (void)state;
    for (int i = 0; i < 50000; i++) {
        strcpy(name, "index.html");
        assert_true(name_claim(&set, name));
    }
    assert_string_equal(name, "index-50000.html");
    name_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_segment),
        cmocka_unit_test(test_what_is_dangerous),
        cmocka_unit_test(test_long_names_keep_their_end),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_collisions_with_what_is_kept),
        cmocka_unit_test(test_many_of_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
