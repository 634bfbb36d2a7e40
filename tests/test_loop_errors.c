/* Error codes and details: texts, names, groups, references, the current detail. */
#include "support/unit.h"

static void codes_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(gyre_strerror(0), "no error");
    assert_string_equal(gyre_strerror(5), "no error");
    assert_string_equal(gyre_strerror(GYRE_ECANCELLED), "cancelled");
    assert_string_equal(gyre_err_name(GYRE_ECANCELLED), "GYRE_ECANCELLED");
    assert_string_equal(gyre_err_name(GYRE_ETIMEOUT), "GYRE_ETIMEOUT");
    assert_string_equal(gyre_err_name(-ECONNREFUSED), "ECONNREFUSED");
    assert_string_equal(gyre_strerror(-ECONNREFUSED), "Connection refused");
    assert_string_equal(gyre_err_name(GYRE_EUSER(0)), "GYRE_EUSER");
    assert_string_equal(gyre_err_name(GYRE_EUSER(INT32_MAX)), "GYRE_EUSER");
    assert_string_equal(gyre_strerror(GYRE_EUSER(77)), "error of the application");
    assert_string_equal(gyre_err_name(-9999), "unknown");
    assert_string_equal(gyre_strerror(-20000), "unknown error");
    assert_string_equal(gyre_strerror(INT64_MIN), "error of the application");
    assert_string_equal(gyre_err_name(INT64_MAX), "OK");
}

/* Every code has a number, a name and a text of its own, and none collides with an errno. */
static void codes_are_distinct(void **state)
{
    static const struct {
        int64_t code;
        const char *name, *text;
    } codes[] = {
#define X(name_, number_, text_) {GYRE_E##name_, "GYRE_E" #name_, text_},
        GYRE_ERROR_MAP(X)
#undef X
    };
    const size_t count = sizeof(codes) / sizeof(codes[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(codes[i].code < -4096 && codes[i].code > GYRE_EUSER(0));
        assert_string_equal(gyre_err_name(codes[i].code), codes[i].name);
        assert_string_equal(gyre_strerror(codes[i].code), codes[i].text);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(codes[i].code, codes[k].code);
    }
}

static void details_are_counted(void **state)
{
    gyre_error *error = gyre_error_newf(-EIO, "%s %d", "disk", 7);

    (void)state;
    assert_int_equal(gyre_error_code(error), -EIO);
    assert_string_equal(gyre_error_text(error), "disk 7");
    assert_int_equal(gyre_error_count(error), 0);
    assert_int_equal(gyre_error_at(error, 0).code, 0);
    gyre_error_unref(gyre_error_ref(error));
    assert_string_equal(gyre_error_text(error), "disk 7");
    gyre_error_unref(error);
    assert_null(gyre_error_ref(NULL));
    gyre_error_unref(NULL);
    assert_int_equal(gyre_error_code(NULL), 0);
    assert_string_equal(gyre_error_text(NULL), "");
    assert_int_equal(gyre_error_count(NULL), 0);
    assert_null(gyre_error_at(NULL, 3).detail);
    error = gyre_error_new(-EIO, NULL);
    assert_string_equal(gyre_error_text(error), "");
    gyre_error_unref(error);
}

static void long_texts(void **state)
{
    char text[3000];
    gyre_error *error;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error = gyre_error_newf(-EIO, "%s!", text);
    assert_int_equal(strlen(gyre_error_text(error)), 3000);
    gyre_error_unref(error);
}

static void groups_hold_their_members(void **state)
{
    gyre_error *member = gyre_error_new(GYRE_EUSER(1), "member");
    gyre_error *group = gyre_error_new_group(
        "group", 2, (gyre_error_item[]){{GYRE_EUSER(1), member}, {-EPIPE, NULL}});
    gyre_error *outer = gyre_error_new_group(NULL, 1, (gyre_error_item[]){{GYRE_EGROUP, group}});

    (void)state;
    gyre_error_unref(member);
    gyre_error_unref(group);
    assert_int_equal(gyre_error_code(outer), GYRE_EGROUP);
    assert_string_equal(gyre_error_text(outer), "");
    assert_int_equal(gyre_error_count(outer), 1);
    group = gyre_error_at(outer, 0).detail;
    assert_int_equal(gyre_error_count(group), 2);
    assert_string_equal(gyre_error_text(gyre_error_at(group, 0).detail), "member");
    assert_int_equal(gyre_error_at(group, 1).code, -EPIPE);
    assert_int_equal(gyre_error_at(group, 2).code, 0);
    gyre_error_unref(outer);
}

static void the_current_detail_of_a_thread(void **state)
{
    (void)state;
    assert_null(gyre_error_current());
    assert_int_equal(gyre_raise(gyre_error_new(GYRE_EUSER(3), "raised")), GYRE_EUSER(3));
    assert_string_equal(gyre_error_text(gyre_error_current()), "raised");
    assert_int_equal(gyre_raise(gyre_error_new(-EIO, "later")), -EIO);
    assert_string_equal(gyre_error_text(gyre_error_current()), "later");
    gyre_error_clear();
    assert_null(gyre_error_current());
    gyre_error_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_names_and_texts),
        cmocka_unit_test(codes_are_distinct),
        cmocka_unit_test(details_are_counted),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(groups_hold_their_members),
        cmocka_unit_test(the_current_detail_of_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
