/*
 * Messages, malformed and not, each with its exact verdict; whole, byte by byte and split in two at
 * every place the verdict is the same.
 */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../loop/error.h"
#include "support/http_cases.h"
#include "support/http_transcript.h"

static const gyre__http_limits limits = {
    .line = 128, .header_count = 10, .header_bytes = 512, .body = 64};

static void print_input(const http_case *c)
{
    for (size_t i = 0; i < c->size; i++) {
        unsigned char byte = (unsigned char)c->data[i];

        if (byte >= 32 && byte < 127)
            fputc(byte, stderr);
        else
            fprintf(stderr, byte == '\r' ? "\\r" : byte == '\n' ? "\\n" : "\\x%02x", byte);
    }
    fputc('\n', stderr);
}

static bool passes(const http_case *c, bool request)
{
    http_input input = {c->data, c->size, request, false, &limits};
    http_verdict verdict;
    bool good = http_splits_agree(&input, &verdict);

    good = good && verdict.code == c->code && verdict.status == c->status &&
           verdict.messages == c->messages;
    if (!good) {
        fprintf(stderr, "expected %s %u after %u, got %s %u after %u: ", gyre_err_name(c->code),
                c->status, c->messages, gyre_err_name(verdict.code), verdict.status,
                verdict.messages);
        print_input(c);
    }
    return good;
}

static void run_table(const http_case *cases, size_t count, bool request)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += !passes(&cases[i], request);
    assert_int_equal(wrong, 0);
}

static void test_request_lines(void **state)
{
    (void)state;
    run_table(http_request_lines, http_request_lines_count, true);
}

static void test_request_fields(void **state)
{
    (void)state;
    run_table(http_request_fields, http_request_fields_count, true);
}

static void test_request_framing(void **state)
{
    (void)state;
    run_table(http_request_framing, http_request_framing_count, true);
}

static void test_chunked_bodies(void **state)
{
    (void)state;
    run_table(http_chunked_bodies, http_chunked_bodies_count, true);
}

static void test_responses(void **state)
{
    (void)state;
    run_table(http_responses, http_responses_count, false);
}

static int compare(const void *a, const void *b)
{
    const http_case *x = *(const http_case *const *)a, *y = *(const http_case *const *)b;
    int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* How many different inputs there are; 300 at least is what was promised. */
static void test_cases_are_many_and_distinct(void **state)
{
    const http_case *all[2000];
    size_t count = 0, bad = 0, same = 0;

    (void)state;
    for (size_t i = 0; i < http_request_lines_count; i++)
        all[count++] = &http_request_lines[i];
    for (size_t i = 0; i < http_request_fields_count; i++)
        all[count++] = &http_request_fields[i];
    for (size_t i = 0; i < http_request_framing_count; i++)
        all[count++] = &http_request_framing[i];
    for (size_t i = 0; i < http_chunked_bodies_count; i++)
        all[count++] = &http_chunked_bodies[i];
    for (size_t i = 0; i < http_responses_count; i++)
        all[count++] = &http_responses[i];
    qsort(all, count, sizeof(all[0]), compare);
    for (size_t i = 0; i < count; i++) {
        bad += all[i]->code != 0;
        if (i && compare(&all[i - 1], &all[i]) == 0) {
            same++;
            print_input(all[i]);
        }
    }
    print_message("%zu cases, %zu of them malformed\n", count, bad);
    assert_true(bad - same >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_lines),   cmocka_unit_test(test_request_fields),
        cmocka_unit_test(test_request_framing), cmocka_unit_test(test_chunked_bodies),
        cmocka_unit_test(test_responses),       cmocka_unit_test(test_cases_are_many_and_distinct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
