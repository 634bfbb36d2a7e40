/*
 * Fuzzes two TLS engines that talk to each other, with somebody in the middle: the input is a
 * script of who does what, and of what happens to the bytes on their way.
 *
 * Whatever is done to them, each side hears only what the other one said, in order, and the end
 * only where the other one ended. If nothing was done, both hear everything.
 */
#include "../../net/tls_engine_internal.h"
#include "fuzz_tls_engine.h"

enum { RESUME = FUZZ_TLS_KINDS, MOST_STEPS = 200, MOST_SETTLING = 1000 };

struct side {
    gyre_tls_engine *engine;
    uint64_t said, heard; /* bytes of plaintext */
    bool ended;           /* heard the end */
    bool cut;             /* its transport has ended */
    bool spoilt;          /* asked for what engines never ask for: its state says nothing */
};

struct talk {
    struct side sides[2]; /* client, server */
    unsigned kind;
    bool disturbed; /* something was done to them */
    const uint8_t *script;
    size_t left;
};

/* What side number `who` says at that place. */
static unsigned char word(unsigned who, uint64_t at)
{
    return (unsigned char)(at * 7 + at / 251 + who * 128);
}

static unsigned next(struct talk *talk)
{
    if (!talk->left)
        return 0;
    talk->left--;
    return *talk->script++;
}

/* ---- what a side does ---- */

static void shake(struct talk *talk, unsigned who)
{
    gyre_tls_engine *engine = talk->sides[who].engine;
    bool ready = gyre_tls_engine_is_ready(engine);
    int64_t rc = gyre_tls_engine_handshake(engine);

    FUZZ_CHECK(rc == 0 || rc == -EAGAIN || fuzz_tls_is_error(rc));
    FUZZ_CHECK(rc != 0 || gyre_tls_engine_is_ready(engine));
    FUZZ_CHECK(rc != -EAGAIN || !gyre_tls_engine_is_ready(engine));
    FUZZ_CHECK(!ready || gyre_tls_engine_is_ready(engine));
    FUZZ_CHECK(rc >= 0 || rc == -EAGAIN || talk->disturbed);
}

static void listen_to(struct talk *talk, unsigned who, size_t size)
{
    struct side *self = &talk->sides[who], *other = &talk->sides[!who];
    unsigned char buffer[20000];
    int64_t rc = gyre_tls_engine_read(self->engine, buffer, size);

    if (rc > 0) {
        FUZZ_CHECK((size_t)rc <= size && !self->ended && gyre_tls_engine_is_ready(self->engine));
        FUZZ_CHECK(self->heard + (uint64_t)rc <= other->said);
        for (int64_t i = 0; i < rc; i++)
            FUZZ_CHECK(buffer[i] == word(!who, self->heard++));
    } else if (rc == 0 && size) {
        /* The other one's end, or by option that of the transport. */
        FUZZ_CHECK(gyre_tls_engine_peer_closed(self->engine) ||
                   (self->cut && talk->kind & FUZZ_TLS_TRUNCATION));
        if (gyre_tls_engine_peer_closed(self->engine)) {
            FUZZ_CHECK(gyre_tls_engine_is_closed(other->engine) && self->heard == other->said);
            self->ended = true;
        }
    } else if (rc == GYRE_ESTATE) {
        FUZZ_CHECK(!gyre_tls_engine_is_ready(self->engine));
    } else if (rc != 0 && rc != -EAGAIN) {
        FUZZ_CHECK(fuzz_tls_is_error(rc) && talk->disturbed);
    }
    FUZZ_CHECK(!self->ended || rc <= 0);
    FUZZ_CHECK(!self->cut || rc != -EAGAIN);
}

static void say(struct talk *talk, unsigned who, size_t size)
{
    struct side *self = &talk->sides[who];
    static unsigned char buffer[70000];
    int64_t rc;

    for (size_t i = 0; i < size; i++)
        buffer[i] = word(who, self->said + i);
    rc = gyre_tls_engine_write(self->engine, buffer, size);
    if (rc >= 0) {
        FUZZ_CHECK((size_t)rc == size && gyre_tls_engine_is_ready(self->engine));
        self->said += size;
    } else if (rc == GYRE_ESTATE) {
        FUZZ_CHECK(!gyre_tls_engine_is_ready(self->engine));
    } else if (rc == GYRE_ETLSCLOSED) {
        FUZZ_CHECK(gyre_tls_engine_is_closed(self->engine));
    } else {
        FUZZ_CHECK(fuzz_tls_is_error(rc) && rc == gyre_tls_engine_error(self->engine));
    }
}

static void finish(struct talk *talk, unsigned who)
{
    gyre_tls_engine *engine = talk->sides[who].engine;
    int64_t rc = gyre_tls_engine_close(engine);

    FUZZ_CHECK((rc == 0) == gyre_tls_engine_is_closed(engine) || gyre_tls_engine_error(engine));
    FUZZ_CHECK(rc == 0 || rc == GYRE_ESTATE || rc == gyre_tls_engine_error(engine));
}

/* What programs cannot ask for, but peers may do. */
static void surprise(struct talk *talk, unsigned who, unsigned which)
{
    gyre_tls_engine *engine = talk->sides[who].engine;
    bool old = talk->kind & FUZZ_TLS_OLD;

    if (!gyre_tls_engine_is_ready(engine) || gyre_tls_engine_error(engine) ||
        gyre_tls_engine_is_closed(engine))
        return;
    if (!old && which % 3 != 2) {
        if (SSL_key_update(engine->ssl,
                           which % 3 ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED))
            FUZZ_CHECK(SSL_do_handshake(engine->ssl) == 1);
    } else if (!old && who) {
        if (SSL_new_session_ticket(engine->ssl))
            FUZZ_CHECK(SSL_do_handshake(engine->ssl) == 1);
    } else if (old) {
        /* It is refused, and the one that asks is of no use afterwards. */
        talk->disturbed = talk->sides[who].spoilt = true;
        SSL_clear_options(engine->ssl, SSL_OP_NO_RENEGOTIATION);
        if (SSL_renegotiate(engine->ssl))
            SSL_do_handshake(engine->ssl);
    }
}

/* ---- what happens on the way ---- */

enum deed { AS_IT_IS, CHANGED, LOST, TWICE };

/* Carries `size` bytes of what `from` has (all there are, if that is less) to the other side. */
static bool carry(struct talk *talk, unsigned from, size_t size, enum deed deed, unsigned detail)
{
    gyre_tls_engine *source = talk->sides[from].engine;
    struct side *target = &talk->sides[!from];
    size_t have;
    const char *data = gyre_tls_engine_output(source, &have);
    uint8_t *copy;

    size = size < have ? size : have;
    if (!size)
        return false;
    copy = malloc(size);
    FUZZ_CHECK(copy);
    memcpy(copy, data, size);
    if (deed != AS_IT_IS)
        talk->disturbed = true;
    if (deed == CHANGED)
        copy[(size - 1) * (detail >> 4) / 15] ^= (uint8_t)(1u << detail % 8);
    for (int times = deed == LOST ? 0 : deed == TWICE ? 2 : 1; times && !target->cut; times--)
        FUZZ_CHECK(gyre_tls_engine_feed(target->engine, copy, size) == 0);
    FUZZ_CHECK(gyre_tls_engine_sent(source, size) == 0);
    free(copy);
    return true;
}

static void insert(struct talk *talk, unsigned to, size_t size)
{
    if (size > talk->left)
        size = talk->left;
    if (!size)
        return;
    talk->disturbed = true;
    if (!talk->sides[to].cut)
        FUZZ_CHECK(gyre_tls_engine_feed(talk->sides[to].engine, talk->script, size) == 0);
    talk->script += size;
    talk->left -= size;
}

static void cut(struct talk *talk, unsigned who)
{
    talk->disturbed = talk->sides[who].cut = true;
    gyre_tls_engine_feed_eof(talk->sides[who].engine);
}

/* ---- the script ---- */

/* Everything goes its way until nothing moves any more. */
static void settle(struct talk *talk)
{
    bool moved = true;

    for (unsigned i = 0; moved; i++) {
        FUZZ_CHECK(i < MOST_SETTLING);
        moved = false;
        for (unsigned who = 0; who < 2; who++) {
            struct side *self = &talk->sides[who];
            uint64_t heard = self->heard;

            shake(talk, who);
            do {
                heard = self->heard;
                listen_to(talk, who, 20000);
            } while (self->heard != heard);
            moved |= carry(talk, who, SIZE_MAX, AS_IT_IS, 0);
        }
    }
}

static void step(struct talk *talk)
{
    unsigned what = next(talk), who = what >> 7, amount = next(talk);
    size_t size = amount < 128 ? amount : (amount - 127) * 256u;

    switch (what % 16) {
    case 0:
        settle(talk);
        break;
    case 1:
    case 2:
        carry(talk, who, size, AS_IT_IS, 0);
        break;
    case 3:
        carry(talk, who, size, CHANGED, next(talk));
        break;
    case 4:
        carry(talk, who, size, LOST, 0);
        break;
    case 5:
        carry(talk, who, size, TWICE, 0);
        break;
    case 6:
        insert(talk, who, amount);
        break;
    case 7:
        cut(talk, who);
        break;
    case 8:
        shake(talk, who);
        break;
    case 9:
    case 10:
        say(talk, who, amount < 250 ? size : size * 2);
        break;
    case 11:
    case 12:
        listen_to(talk, who, size < 20000 ? size : 20000);
        break;
    case 13:
        finish(talk, who);
        break;
    case 14:
        surprise(talk, who, amount);
        break;
    default:
        carry(talk, who, SIZE_MAX, CHANGED, amount);
        break;
    }
}

static void check_end(struct talk *talk)
{
    for (unsigned who = 0; who < 2; who++) {
        struct side *self = &talk->sides[who], *other = &talk->sides[!who];

        if (!self->spoilt)
            fuzz_tls_check_state(self->engine, talk->kind);
        if (talk->disturbed)
            continue;
        FUZZ_CHECK(gyre_tls_engine_is_ready(self->engine) && !gyre_tls_engine_error(self->engine));
        FUZZ_CHECK(self->heard == other->said);
        FUZZ_CHECK(self->ended == gyre_tls_engine_is_closed(other->engine));
        FUZZ_CHECK(self->ended || gyre_tls_engine_unused(self->engine) == 0);
    }
}

static void open_both(struct talk *talk)
{
    for (unsigned who = 0; who < 2; who++)
        talk->sides[who] = (struct side){.engine = fuzz_tls_engine(who, talk->kind)};
}

static void close_both(struct talk *talk)
{
    gyre_tls_engine_free(talk->sides[0].engine);
    gyre_tls_engine_free(talk->sides[1].engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk talk = {.script = data, .left = size};
    unsigned head = next(&talk);

    talk.kind = head % FUZZ_TLS_KINDS;
    gyre_tls_context_forget_sessions(fuzz_tls_context(false, talk.kind));
    gyre_tls_context_forget_sessions(fuzz_tls_context(true, talk.kind));
    fuzz_tls_repeat(2);
    if (head & RESUME) {
        open_both(&talk);
        settle(&talk);
        finish(&talk, 0);
        finish(&talk, 1);
        settle(&talk);
        close_both(&talk);
    }
    open_both(&talk);
    for (unsigned i = 0; i < MOST_STEPS && talk.left; i++)
        step(&talk);
    settle(&talk);
    if (!talk.disturbed)
        FUZZ_CHECK(gyre_tls_engine_resumed(talk.sides[0].engine) == !!(head & RESUME));
    check_end(&talk);
    cut(&talk, 0);
    cut(&talk, 1);
    settle(&talk);
    for (unsigned who = 0; who < 2; who++)
        if (!talk.sides[who].spoilt)
            fuzz_tls_check_state(talk.sides[who].engine, talk.kind);
    close_both(&talk);
    gyre_error_clear();
    return 0;
}
