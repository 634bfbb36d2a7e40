/* An await in a function that is no coroutine. */
// must not compile: gcc clang
#include <gyre/gyre.h>

static int64_t plain(void)
{
#ifdef MISUSE
    GYRE_TRY(gyre_sleep(0));
#endif
    return 0;
}

int main(void)
{
    return (int)plain();
}
