/* The tally: pieces, their results, the first error. */
#include "tally.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct tally *tally;

int64_t tally_make(void)
{
    void *memory =
        mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    tally = memory; /* all zero */
    return 0;
}

void tally_clear(void)
{
    atomic_store(&tally->pieces, 0);
    atomic_store(&tally->sum, 0);
    atomic_store(&tally->error, 0);
    atomic_store(&tally->slow_steps, 0);
}

int64_t tally_add(int64_t result)
{
    long long none = 0;

    if (result < 0) {
        atomic_compare_exchange_strong(&tally->error, &none, result);
        return result;
    }
    atomic_fetch_add(&tally->pieces, 1);
    atomic_fetch_add(&tally->sum, result);
    return result;
}
