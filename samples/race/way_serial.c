/* One after the other: the program everybody writes first. */
#include "blocking.h"
#include "ways.h"

bool way_serial(const struct race *race, unsigned count)
{
    SSL_CTX *trust = blocking_trust(race);
    struct blocking connection;
    bool fine = false;

    if (trust) {
        fine = blocking_open(&connection, race, trust);
        for (unsigned i = 0; fine && i < count; i++)
            fine = blocking_get(&connection, race_file(race, i));
        blocking_close(&connection);
    }
    SSL_CTX_free(trust);
    return fine;
}
