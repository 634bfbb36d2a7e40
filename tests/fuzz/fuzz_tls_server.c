/* Fuzzes a server's TLS engine with bytes of a client, or of somebody in the middle. */
#include "fuzz_tls_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tls_bytes(true, data, size);
    return 0;
}
