/* Fuzzes bodies in chunks: the input follows a good head. */
#include "fuzz_http.h"

static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t head_size = sizeof(head) - 1;
    char *all = malloc(head_size + size);

    FUZZ_CHECK(all);
    memcpy(all, head, head_size);
    if (size)
        memcpy(all + head_size, data, size);
    fuzz_http(all, head_size + size, true);
    free(all);
    return 0;
}
