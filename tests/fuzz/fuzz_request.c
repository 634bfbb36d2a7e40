/* Fuzzes HTTP requests, one behind the other as on a connection. */
#include "fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_http((const char *)data, size, true);
    return 0;
}
