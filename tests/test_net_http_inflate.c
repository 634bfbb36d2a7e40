/*
 * gzip and deflate content: whole, byte by byte, through small buffers; cut off, damaged, too
 * large, in several members, bare.
 */
#include "support/unit.h"

#include <stdlib.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "../net/http_inflate_internal.h"

enum {
    TEXT_SIZE = 20000,
    PACKED_MOST = 40000,
    GZIP_BITS = 15 + 16,
    ZLIB_BITS = 15,
    RAW_BITS = -15
};

static char text[TEXT_SIZE];

static int make_text(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        random = random * 1103515245 + 12345;
        text[i] = (char)("etaoin shrdlu\n"[(random >> 16) % 14]);
    }
    return 0;
}

/* Compresses; gives the size. */
static size_t pack(const char *data, size_t size, int bits, char *out, size_t room)
{
    z_stream zlib = {0};

    assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    zlib.next_in = (Bytef *)(uintptr_t)data;
    zlib.avail_in = (uInt)size;
    zlib.next_out = (Bytef *)out;
    zlib.avail_out = (uInt)room;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    deflateEnd(&zlib);
    return room - zlib.avail_out;
}

/*
 * Decodes with `piece` bytes of input and `room` of output at a time. Gives the result of the end,
 * or the error; *out_size: bytes put in out.
 */
static int64_t unpack(enum gyre__http_coding coding, uint64_t limit, const char *in, size_t in_size,
                      size_t piece, size_t room, char *out, size_t *out_size)
{
    gyre__http_inflate decoder;
    size_t at = 0, end, consumed;
    int64_t result = 0;

    *out_size = 0;
    assert_int_equal(gyre__http_inflate_init(&decoder, coding, limit), 0);
    while (result >= 0) {
        end = at + piece < in_size ? at + piece : in_size;
        result =
            gyre__http_inflate_next(&decoder, in + at, end - at, &consumed, out + *out_size, room);
        assert_true(consumed <= end - at);
        at += consumed;
        if (result < 0)
            break;
        assert_true((size_t)result <= room);
        *out_size += (size_t)result;
        if (at == in_size && (size_t)result < room)
            break;
    }
    if (result >= 0)
        result = gyre__http_inflate_end(&decoder);
    else
        assert_int_equal(gyre__http_inflate_end(&decoder), result);
    gyre__http_inflate_fini(&decoder);
    gyre__http_inflate_fini(&decoder);
    return result;
}

/* The same result and the same bytes for all sizes of pieces. */
static int64_t unpack_all_ways(enum gyre__http_coding coding, uint64_t limit, const char *in,
                               size_t in_size, const char *expected, size_t expected_size)
{
    static const size_t sizes[][2] = {{100000, 100000}, {1, 100000}, {100000, 1}, {1, 1},
                                      {7, 3},           {3, 1000},   {1000, 999}};
    char *out = malloc(200000);
    int64_t first = 0;

    assert_non_null(out);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size;
        int64_t result = unpack(coding, limit, in, in_size, sizes[i][0], sizes[i][1], out, &size);

        if (i == 0)
            first = result;
        assert_int_equal(result, first);
        if (expected) {
            assert_int_equal(size, expected_size);
            assert_memory_equal(out, expected, expected_size);
        }
    }
    free(out);
    return first;
}

static void assert_unpacks(enum gyre__http_coding coding, int bits, size_t size)
{
    char packed[PACKED_MOST];
    size_t packed_size = pack(text, size, bits, packed, sizeof(packed));

    assert_int_equal(unpack_all_ways(coding, 0, packed, packed_size, text, size), 0);
    assert_int_equal(unpack_all_ways(coding, size ? size : 1, packed, packed_size, text, size), 0);
}

static void test_good(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 100, TEXT_SIZE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_unpacks(GYRE__HTTP_GZIP, GZIP_BITS, sizes[i]);
        assert_unpacks(GYRE__HTTP_DEFLATE, ZLIB_BITS, sizes[i]);
        assert_unpacks(GYRE__HTTP_DEFLATE, RAW_BITS, sizes[i]);
    }
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 0, "", 0, "", 0), 0);
}

static void test_truncated(void **state)
{
    static const struct {
        enum gyre__http_coding coding;
        int bits;
    } kinds[] = {{GYRE__HTTP_GZIP, GZIP_BITS},
                 {GYRE__HTTP_DEFLATE, ZLIB_BITS},
                 {GYRE__HTTP_DEFLATE, RAW_BITS}};
    char packed[PACKED_MOST], out[200];

    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        size_t size = pack(text, 100, kinds[kind].bits, packed, sizeof(packed)), out_size;

        for (size_t cut = 1; cut < size; cut++) {
            assert_int_equal(unpack(kinds[kind].coding, 0, packed, cut, size, 200, out, &out_size),
                             GYRE_EHTTPENCODING);
            assert_int_equal(unpack(kinds[kind].coding, 0, packed, cut, 1, 1, out, &out_size),
                             GYRE_EHTTPENCODING);
            assert_memory_equal(out, text, out_size);
        }
    }
}

static void test_corrupted(void **state)
{
    char packed[PACKED_MOST], out[100000];
    size_t size = pack(text, 500, GZIP_BITS, packed, sizeof(packed)), out_size;
    unsigned noticed = 0;

    (void)state;
    for (size_t at = 0; at < size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            int64_t result;

            packed[at] = (char)(packed[at] ^ (1 << bit));
            result = unpack(GYRE__HTTP_GZIP, 90000, packed, size, 50, 100, out, &out_size);
            packed[at] = (char)(packed[at] ^ (1 << bit));
            /* Some bits mean nothing: in the header, and behind the last block. */
            assert_true(result == GYRE_EHTTPENCODING || result == GYRE_ELIMIT ||
                        (result == 0 && out_size == 500 && memcmp(out, text, 500) == 0));
            noticed += result != 0;
        }
    }
    assert_true(noticed > (size - 12) * 8);
    assert_int_equal(unpack(GYRE__HTTP_GZIP, 0, "hello, world", 12, 12, 100, out, &out_size),
                     GYRE_EHTTPENCODING);
    assert_int_equal(unpack(GYRE__HTTP_DEFLATE, 0, "hello, world", 12, 12, 100, out, &out_size),
                     GYRE_EHTTPENCODING);
}

static void test_several_members(void **state)
{
    char packed[PACKED_MOST];
    size_t first = pack(text, 5000, GZIP_BITS, packed, sizeof(packed)), all, empty;

    (void)state;
    empty = first + pack("", 0, GZIP_BITS, packed + first, sizeof(packed) - first);
    all = empty + pack(text + 5000, 5000, GZIP_BITS, packed + empty, sizeof(packed) - empty);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 0, packed, all, text, 10000), 0);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 10000, packed, all, text, 10000), 0);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 9999, packed, all, text, 9999), GYRE_ELIMIT);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 0, packed, all - 1, text, 10000),
                     GYRE_EHTTPENCODING);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 0, packed, empty + 1, text, 5000),
                     GYRE_EHTTPENCODING);
    packed[empty] = 'x';
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 0, packed, all, text, 5000),
                     GYRE_EHTTPENCODING);
}

static void test_rubbish_behind(void **state)
{
    static const int bits[] = {ZLIB_BITS, RAW_BITS};
    char packed[PACKED_MOST];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t size = pack(text, 1000, bits[i], packed, sizeof(packed));

        packed[size] = 'x';
        assert_int_equal(unpack_all_ways(GYRE__HTTP_DEFLATE, 0, packed, size + 1, text, 1000),
                         GYRE_EHTTPENCODING);
    }
}

/* 100 MB of zeros in 100 KB: stopped at the limit, in little memory. */
static void test_bomb(void **state)
{
    const size_t zeros_size = 100000000, packed_most = 200000;
    char *zeros = calloc(1, zeros_size), *packed = malloc(packed_most), *out = malloc(1100000);
    size_t size, out_size;

    (void)state;
    assert_true(zeros && packed && out);
    size = pack(zeros, zeros_size, GZIP_BITS, packed, packed_most);
    assert_int_equal(unpack(GYRE__HTTP_GZIP, 1000000, packed, size, size, 65536, out, &out_size),
                     GYRE_ELIMIT);
    assert_int_equal(out_size, 1000000);
    assert_int_equal(unpack(GYRE__HTTP_GZIP, 1000000, packed, size, 100, 1000, out, &out_size),
                     GYRE_ELIMIT);
    assert_int_equal(out_size, 1000000);
    free(zeros);
    free(packed);
    free(out);
}

static void test_limit_is_exact(void **state)
{
    char packed[PACKED_MOST];
    size_t size = pack(text, 1000, GZIP_BITS, packed, sizeof(packed));

    (void)state;
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 1000, packed, size, text, 1000), 0);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 999, packed, size, text, 999), GYRE_ELIMIT);
    assert_int_equal(unpack_all_ways(GYRE__HTTP_GZIP, 1, packed, size, text, 1), GYRE_ELIMIT);
}

static void test_names_of_codings(void **state)
{
    (void)state;
    assert_int_equal(gyre__http_coding_find(NULL), GYRE__HTTP_IDENTITY);
    assert_int_equal(gyre__http_coding_find(""), GYRE__HTTP_IDENTITY);
    assert_int_equal(gyre__http_coding_find("Identity"), GYRE__HTTP_IDENTITY);
    assert_int_equal(gyre__http_coding_find("GZIP"), GYRE__HTTP_GZIP);
    assert_int_equal(gyre__http_coding_find("x-gzip"), GYRE__HTTP_GZIP);
    assert_int_equal(gyre__http_coding_find("deflate"), GYRE__HTTP_DEFLATE);
    assert_int_equal(gyre__http_coding_find("br"), GYRE_EUNSUPPORTED);
    assert_int_equal(gyre__http_coding_find("gzip, gzip"), GYRE_EUNSUPPORTED);
}

/* ---- memory that fails ---- */

static int left, live;

static void *failing_alloc(void *context, size_t size)
{
    (void)context;
    if (left-- <= 0)
        return NULL;
    live++;
    return malloc(size);
}

static void *failing_resize(void *context, void *block, size_t size)
{
    (void)context;
    return realloc(block, size);
}

static void counted_release(void *context, void *block)
{
    (void)context;
    live -= block != NULL;
    free(block);
}

static void test_memory_fails(void **state)
{
    static const gyre_allocator failing = {failing_alloc, failing_resize, counted_release, NULL};
    char packed[PACKED_MOST], out[TEXT_SIZE];
    size_t size = pack(text, TEXT_SIZE, GZIP_BITS, packed, sizeof(packed)), consumed;
    unsigned failures = 0;

    (void)state;
    gyre_set_allocator(&failing);
    for (int allowed = 0; allowed < 10; allowed++) {
        gyre__http_inflate decoder;
        int64_t result;

        left = allowed;
        result = gyre__http_inflate_init(&decoder, GYRE__HTTP_GZIP, 0);
        if (result == 0)
            /* In two halves: the window is made when output must be remembered. */
            result = gyre__http_inflate_next(&decoder, packed, size / 2, &consumed, out, 1000);
        if (result > 0)
            result = gyre__http_inflate_next(&decoder, packed + consumed, size - consumed,
                                             &consumed, out, sizeof(out));
        assert_true(result == -ENOMEM || result > 0);
        failures += result == -ENOMEM;
        gyre__http_inflate_fini(&decoder);
        assert_int_equal(live, 0);
    }
    gyre_set_allocator(NULL);
    assert_in_range(failures, 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_corrupted),      cmocka_unit_test(test_several_members),
        cmocka_unit_test(test_rubbish_behind), cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_limit_is_exact), cmocka_unit_test(test_names_of_codings),
        cmocka_unit_test(test_memory_fails),
    };

    return cmocka_run_group_tests(tests, make_text, NULL);
}
