/* Fuzzes HTTP responses, some of them to HEAD. */
#include "fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_http((const char *)data, size, false);
    return 0;
}
