/* From the text of a script to bodies made of statements. */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

enum { MOST_WORDS = 4096, MOST_OPS = 256 };

typedef struct parser {
    runner *runner;
    char *rest; /* of the text */
    unsigned line;
    char *words[MOST_WORDS];
    unsigned count;
    body *body;
    unsigned depth, loops;
    body **bodies_end;
} parser;

/* ---- operations by name ---- */

static const op *ops[MOST_OPS];
static size_t op_count;

static int compare_ops(const void *a, const void *b)
{
    return strcmp((*(const op *const *)a)->name, (*(const op *const *)b)->name);
}

static void collect_ops(void)
{
    const op *const tables[] = {flow_ops,  task_ops,  future_ops, loop_ops,     combine_ops,
                                scope_ops, queue_ops, lock_ops,   generator_ops};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const op *o = tables[i]; o->name; o++)
            ops[op_count++] = o;
    }
    qsort(ops, op_count, sizeof(ops[0]), compare_ops);
}

static const op *find_op(const char *name)
{
    const op key = {.name = name}, *wanted = &key;
    const op **found;

    if (!op_count)
        collect_ops();
    found = bsearch(&wanted, ops, op_count, sizeof(ops[0]), compare_ops);
    return found ? *found : NULL;
}

/* ---- words and names ---- */

static void fail_parse(parser *p, const char *why)
{
    if (!p->runner->problem)
        p->runner->problem = format(p->runner, "line %u: %s: %s", p->line, p->words[0], why);
}

/* The words of the next line that has any; false at the end of the text. */
static bool next_line(parser *p)
{
    while (*p->rest) {
        char *line = p->rest, *end = strchr(line, '\n'), *state, *word;

        p->line++;
        p->rest = end ? end + 1 : line + strlen(line);
        if (end)
            *end = '\0';
        p->count = 0;
        for (word = strtok_r(line, " \t\r", &state); word && p->count < MOST_WORDS;
             word = strtok_r(NULL, " \t\r", &state))
            p->words[p->count++] = word;
        if (word)
            fail_parse(p, "too many words");
        if (p->count > 0 && p->words[0][0] != '#')
            return true;
    }
    return false;
}

static symbol *find_symbol(parser *p, const char *name)
{
    runner *r = p->runner;
    unsigned hash = 0;
    symbol *s;

    for (const char *c = name; *c; c++)
        hash = hash * 31 + (unsigned char)*c;
    hash %= sizeof(r->symbols) / sizeof(r->symbols[0]);
    for (s = r->symbols[hash]; s; s = s->next) {
        if (strcmp(s->name, name) == 0)
            return s;
    }
    s = take(r, sizeof(*s));
    *s = (symbol){.name = name, .next = r->symbols[hash]};
    r->symbols[hash] = s;
    return s;
}

/* ---- operands ---- */

static int64_t parse_number(parser *p, const char *word)
{
    char *end;
    int64_t number = strtoll(word, &end, 10);

    if (*end || end == word)
        fail_parse(p, "number expected");
    return number;
}

static void parse_value(parser *p, operand *o, const char *word)
{
    if (strcmp(word, "_") == 0)
        o->value = IS_ACCUMULATOR;
    else if (strcmp(word, "$") == 0)
        o->value = IS_ARGUMENT;
    else if (strcmp(word, "-") == 0)
        o->never = true;
    else if (strcmp(word, "%") != 0)
        o->number = parse_number(p, word);
    else if (p->loops > 0)
        *o = (operand){.value = IS_COUNTER, .number = p->loops - 1};
}

static void parse_call(parser *p, operand *o, char *word)
{
    char *colon = strchr(word, ':');

    if (colon) {
        *colon = '\0';
        parse_value(p, o, colon + 1);
    }
    o->call = true;
    o->symbol = find_symbol(p, word + 1);
}

static int64_t parse_mode(parser *p, const char *word)
{
    if (strcmp(word, "first") == 0)
        return GYRE_FIRST_COMPLETED;
    if (strcmp(word, "exc") == 0)
        return GYRE_FIRST_EXCEPTION;
    if (strcmp(word, "all") != 0)
        fail_parse(p, "unknown mode");
    return GYRE_ALL_COMPLETED;
}

/* kind: the first of those that are still to come. What may be unset is S, say, not S= or S*. */
static operand parse_operand(parser *p, const char *kind, size_t length, char *word)
{
    operand o = {.number = 0};

    if (strchr("VTN", *kind) && strncmp(kind, "VAR", 3) != 0) {
        parse_value(p, &o, word);
    } else if (length == 1 && *kind == 'E') {
        o.number = gyre_code(parse_number(p, word));
    } else if (*kind == 'M') {
        o.number = parse_mode(p, word);
    } else if (*kind == 'I' && *word == '!') {
        parse_call(p, &o, word);
    } else if ((*kind == 'K' || *kind == 'S') && strcmp(word, "self") == 0) {
        o.self = true;
        o.slot = true;
    } else {
        o.symbol = find_symbol(p, word);
        o.slot = strchr("SPKIHXWYZG", *kind) && length == 1;
    }
    o.given = true;
    return o;
}

/* Operands as the signature says: kinds separated by spaces; `?` optional, `*` any number. */
static void parse_operands(parser *p, node *n)
{
    const char *kind = n->op->operands;
    unsigned word = 1;

    n->args = take(p->runner, (p->count + strlen(kind) + 1) * sizeof(operand));
    while (*kind) {
        size_t length = strcspn(kind, " ");
        char last = kind[length - 1];

        do {
            operand *o = &n->args[n->count];

            if (word < p->count)
                *o = parse_operand(p, kind, length, p->words[word++]);
            else if (last != '?' && last != '*')
                fail_parse(p, "operand missing");
            else if (last == '*')
                break;
            n->count++;
        } while (last == '*');
        kind += length;
        kind += strspn(kind, " ");
    }
    if (word < p->count)
        fail_parse(p, "too many operands");
}

/* ---- statements ---- */

static bool is_word(const parser *p, const char *word)
{
    return strcmp(p->words[0], word) == 0;
}

static const node *parse_block(parser *p);

/* The line that ended the last part begins the next one, or the block is over. */
static bool next_part(parser *p, part *next)
{
    if (p->runner->problem || is_word(p, "end"))
        return false;
    *next = (part){.line = p->line};
    if (is_word(p, "else")) {
        next->kind = PART_ELSE;
    } else if (is_word(p, "finally")) {
        next->kind = PART_FINALLY;
    } else {
        next->kind = PART_EXCEPT;
        if (p->count != 2)
            fail_parse(p, "one operand expected");
        else if (strcmp(p->words[1], "any") == 0)
            next->code = EXCEPT_ANY;
        else if (strcmp(p->words[1], "all") == 0)
            next->code = EXCEPT_ALL;
        else
            next->code = parse_number(p, p->words[1]);
    }
    return true;
}

static void parse_parts(parser *p, node *n)
{
    bool loop = strcmp(n->op->name, "repeat") == 0 || strcmp(n->op->name, "afor") == 0;
    part next = {.kind = PART_BODY, .line = n->line}, **end = &n->parts;

    if (++p->depth > p->body->depth)
        p->body->depth = p->depth;
    if (loop && ++p->loops > p->body->loops)
        p->body->loops = p->loops;
    do {
        part *new = take(p->runner, sizeof(*new));

        *new = next;
        new->first = parse_block(p);
        *end = new;
        end = &new->next;
    } while (next_part(p, &next));
    p->depth--;
    p->loops -= loop;
}

/* Statements up to a line that ends the part: that line's words stay in the parser. */
static const node *parse_block(parser *p)
{
    node *first = NULL, *last = NULL;

    while (next_line(p)) {
        node *n;

        if (is_word(p, "end") || is_word(p, "else") || is_word(p, "except") ||
            is_word(p, "finally"))
            return first;
        n = take(p->runner, sizeof(*n));
        *n = (node){.op = find_op(p->words[0]), .line = p->line};
        if (!n->op) {
            fail_parse(p, "unknown operation");
            return first;
        }
        parse_operands(p, n);
        if (n->op->leave)
            parse_parts(p, n);
        if (last)
            last->next = n;
        else
            first = n;
        last = n;
        if (p->runner->problem)
            return first;
    }
    fail_parse(p, "missing end");
    return first;
}

/* ---- declarations ---- */

static bool body_kind_of(const char *word, enum body_kind *out_kind)
{
    static const char *const words[] = {"script", "coro", "callback", "gen", "agen"};

    for (int i = 0; i < 5; i++) {
        if (strcmp(words[i], word) == 0) {
            *out_kind = (enum body_kind)i;
            return true;
        }
    }
    return false;
}

static void parse_body(parser *p, enum body_kind kind)
{
    body *b = take(p->runner, sizeof(*b));

    *b = (body){.kind = kind, .name = "", .line = p->line, .runner = p->runner};
    if (kind == BODY_SCRIPT) {
        p->runner->script = b;
    } else if (p->count < 2) {
        fail_parse(p, "name expected");
        return;
    } else {
        b->name = p->words[1];
        b->who = format(p->runner, "@%s", b->name);
        find_symbol(p, b->name)->body = b;
    }
    p->body = b;
    p->depth = p->loops = 0;
    b->first = parse_block(p);
}

static void parse_object(parser *p)
{
    const char *kind = p->words[0];
    symbol *s, *lock = NULL;
    int64_t size = 0, rc;

    if (p->count < 2) {
        fail_parse(p, "name expected");
        return;
    }
    s = find_symbol(p, p->words[1]);
    if (strcmp(kind, "var") == 0)
        return;
    if (p->count > 2 && strcmp(kind, "cond") == 0)
        lock = find_symbol(p, p->words[2]);
    else if (p->count > 2)
        size = parse_number(p, p->words[2]);
    rc = declare_queue(p->runner, s, kind, size);
    if (rc < 0)
        rc = declare_lock(p->runner, s, kind, size, lock);
    if (rc < 0)
        fail_parse(p, "no such declaration");
}

/* Without `script`, the script is `run !main`. */
static void add_script(parser *p)
{
    runner *r = p->runner;
    node *n = take(r, sizeof(*n));
    body *b = take(r, sizeof(*b));

    *n = (node){.op = find_op("run"), .count = 1, .args = take(r, sizeof(operand))};
    *n->args = (operand){.call = true, .given = true, .symbol = find_symbol(p, "main")};
    *b = (body){.kind = BODY_SCRIPT, .name = "", .first = n, .runner = r};
    r->script = b;
    if (!n->args->symbol->body)
        r->problem = "neither script nor main";
}

bool parse(runner *r, char *script)
{
    parser p = {.runner = r, .rest = script};
    enum body_kind kind;

    while (!r->problem && next_line(&p)) {
        if (body_kind_of(p.words[0], &kind))
            parse_body(&p, kind);
        else if (!is_word(&p, "require"))
            parse_object(&p);
    }
    if (!r->problem && !r->script)
        add_script(&p);
    return !r->problem;
}
