/*
 * Fuzzes TLS engines: strangers' bytes into a server or a client, into a connection that is open,
 * and a conversation of two engines that is damaged on its way. Whatever comes: a clean error or a
 * wait for more, the same error ever after, and no byte of plaintext that the peer has not said.
 */
#include <errno.h>
#include <string.h>

#include "../../loop/error.h"
#include "../../net/tls_engine.h"
#include "../support/tls_world.h"
#include "fuzz.h"

enum mode { TO_SERVER, TO_CLIENT, TO_OPEN_SERVER, TO_OPEN_CLIENT, DAMAGED, MODES };

static const char said[] = "nothing but this";
static gyre_tls_context *server_context, *client_context;

static void make_contexts(void)
{
    tls_world world;

    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){.no_resumption = true});
    client_context = tls_world_client(&world, (gyre_tls_options){.no_resumption = true});
    tls_world_close(&world);
}

/* Two engines; what goes from one to the other may be damaged: pairs of a distance and a mask. */
struct talk {
    gyre_tls_engine *ends[2]; /* client, server */
    const uint8_t *damage;
    size_t left;
    size_t next; /* bytes until the next one that is damaged */
};

static void begin(struct talk *talk, const uint8_t *damage, size_t size)
{
    const gyre_tls_engine_options options = {.server_name = "localhost"};

    *talk = (struct talk){.damage = damage, .left = size};
    FUZZ_CHECK(gyre_tls_engine_new(client_context, &options, &talk->ends[0]) == 0);
    FUZZ_CHECK(gyre_tls_engine_new(server_context, NULL, &talk->ends[1]) == 0);
    if (size >= 2)
        talk->next = damage[0] * 4u;
}

static void end(struct talk *talk)
{
    gyre_tls_engine_free(talk->ends[0]);
    gyre_tls_engine_free(talk->ends[1]);
}

static void harm(struct talk *talk, uint8_t *data, size_t size)
{
    size_t at = 0;

    while (talk->left >= 2 && talk->next < size - at) {
        at += talk->next;
        data[at] ^= talk->damage[1];
        talk->damage += 2;
        talk->left -= 2;
        talk->next = talk->left >= 2 ? talk->damage[0] * 4u + 1 : 0;
    }
    if (talk->left >= 2)
        talk->next -= size - at;
}

static bool carry(struct talk *talk, int from)
{
    size_t size;
    const char *data = gyre_tls_engine_output(talk->ends[from], &size);
    uint8_t *copy;

    if (!size)
        return false;
    copy = malloc(size);
    FUZZ_CHECK(copy);
    memcpy(copy, data, size);
    harm(talk, copy, size);
    FUZZ_CHECK(gyre_tls_engine_feed(talk->ends[!from], copy, size) == 0);
    FUZZ_CHECK(gyre_tls_engine_sent(talk->ends[from], size) == 0);
    free(copy);
    return true;
}

static bool is_clean(int64_t rc)
{
    return rc >= 0 || rc == -EAGAIN || (rc <= GYRE_ETLS && rc >= GYRE_ETLSCLOSED);
}

/* One more step of an engine: what it reads can only be what was said. */
static void step(gyre_tls_engine *engine, size_t *heard)
{
    bool failed = gyre_tls_engine_error(engine) != 0;
    int64_t rc = gyre_tls_engine_handshake(engine), again;
    char buffer[64];

    FUZZ_CHECK(is_clean(rc));
    FUZZ_CHECK((rc == 0) == (gyre_tls_engine_is_ready(engine) && !failed));
    if (rc != 0) {
        again = gyre_tls_engine_read(engine, buffer, sizeof(buffer));
        FUZZ_CHECK(again == (rc == -EAGAIN ? GYRE_ESTATE : rc));
        return;
    }
    while ((rc = gyre_tls_engine_read(engine, buffer, sizeof(buffer))) > 0) {
        FUZZ_CHECK(*heard + (size_t)rc <= strlen(said));
        FUZZ_CHECK(memcmp(buffer, said + *heard, (size_t)rc) == 0);
        *heard += (size_t)rc;
    }
    FUZZ_CHECK(is_clean(rc));
    again = gyre_tls_engine_read(engine, buffer, sizeof(buffer));
    FUZZ_CHECK(again == rc);
}

static void converse(struct talk *talk)
{
    size_t heard[2] = {0, 0};
    bool told[2] = {false, false}, more = true;

    for (int rounds = 0; more; rounds++) {
        FUZZ_CHECK(rounds < 1000);
        more = false;
        for (int i = 0; i < 2; i++) {
            step(talk->ends[i], &heard[i]);
            if (!told[i] && gyre_tls_engine_is_ready(talk->ends[i]) &&
                !gyre_tls_engine_error(talk->ends[i])) {
                told[i] = true;
                FUZZ_CHECK(gyre_tls_engine_write(talk->ends[i], said, strlen(said)) ==
                           (int64_t)strlen(said));
            }
            more |= carry(talk, i);
        }
    }
}

/* In pieces of all sizes; the end of the transport comes last. */
static void feed(gyre_tls_engine *engine, const uint8_t *data, size_t size)
{
    size_t piece = 1 + fuzz_number(data, size) % 64, heard = strlen(said);

    for (size_t at = 0; at < size; at += piece) {
        FUZZ_CHECK(gyre_tls_engine_feed(engine, data + at, piece < size - at ? piece : size - at) ==
                   0);
        step(engine, &heard);
    }
    gyre_tls_engine_feed_eof(engine);
    step(engine, &heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk talk;
    enum mode mode;

    if (!client_context)
        make_contexts();
    if (!size)
        return 0;
    mode = data[0] % MODES;
    data++;
    size--;
    begin(&talk, data, mode == DAMAGED ? size : 0);
    if (mode == TO_OPEN_SERVER || mode == TO_OPEN_CLIENT || mode == DAMAGED)
        converse(&talk);
    if (mode == TO_CLIENT)
        FUZZ_CHECK(gyre_tls_engine_handshake(talk.ends[0]) == -EAGAIN);
    if (mode != DAMAGED)
        feed(talk.ends[mode == TO_SERVER || mode == TO_OPEN_SERVER], data, size);
    end(&talk);
    return 0;
}
