/* More releases than holds. */
// must abort: gyre_loop_release: more releases than holds
#include <gyre/gyre.h>

int main(void)
{
    gyre_loop *loop;

    if (gyre_loop_new(NULL, &loop) < 0)
        return 1;
    gyre_loop_hold(loop);
    gyre_loop_release(loop);
    gyre_loop_release(loop);
    return 0;
}
