/* File names from URLs. */
#include "name.h"

#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* ---- one name ---- */

/* Copies what may stand in a name, '_' for the rest; characters are never cut in two. */
static size_t copy_safe(char *name, size_t most, const char *text, size_t left)
{
    size_t used = 0, length;
    uint32_t code = 0;

    for (; left > 0; text += length, left -= length) {
        length = utf8_character(text, left, &code);
        if (used + (length ? length : 1) > most)
            break;
        if (length == 0 || utf8_is_hidden(code) || code == '/') {
            name[used++] = '_';
            length = length ? length : 1;
        } else {
            memcpy(name + used, text, length);
            used += length;
        }
    }
    name[used] = '\0';
    return used;
}

/* Where a name's suffix begins (".gz", ".tar.gz"), its end if it has none. */
static size_t suffix_at(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (!dot || dot == name || strlen(dot) > 16)
        return strlen(name);
    if (dot - name > 4 && strncmp(dot - 4, ".tar", 4) == 0)
        dot -= 4;
    return (size_t)(dot - name);
}

/* A long name loses its middle, so that its suffix stays. */
static void copy_long(char name[NAME_SIZE], const char *text, size_t size)
{
    char end[32];
    size_t suffix = 0;

    for (size_t i = 1; i <= 16 && i < size && suffix == 0; i++)
        suffix = text[size - i] == '.' ? i : 0;
    suffix = copy_safe(end, sizeof(end) - 1, text + size - suffix, suffix);
    copy_safe(name, NAME_MOST - suffix, text, size);
    strcat(name, end);
}

bool name_from_url(char name[NAME_SIZE], const gyre_url *url)
{
    const char *segment = strrchr(url->path, '/');
    size_t size = segment ? strlen(segment + 1) : 0;
    char *text;
    int64_t decoded;

    strcpy(name, "index.html");
    if (size == 0)
        return true;
    text = gyre_alloc(size);
    if (!text)
        return false;
    decoded = gyre_url_decode(text, size, segment + 1, size, GYRE_URL_SEGMENT);
    if (decoded > NAME_MOST)
        copy_long(name, text, (size_t)decoded);
    else if (decoded > 0)
        copy_safe(name, NAME_MOST, text, (size_t)decoded);
    gyre_free(text);
    if (name[0] == '.' || name[0] == '-' || name[0] == '~') /* hidden, an option, or a home */
        name[0] = '_';
    return true;
}

/* ---- each only once ---- */

struct name_entry {
    char *name;
    uint64_t hash;
    unsigned next; /* the number to try next when the name is wanted again */
};

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

/* The entry of a name, or the empty one where it would be. */
static struct name_entry *find(const struct name_set *set, const char *name, uint64_t hash)
{
    size_t i = hash & (set->size - 1);

    while (set->entries[i].name &&
           (set->entries[i].hash != hash || strcmp(set->entries[i].name, name) != 0))
        i = (i + 1) & (set->size - 1);
    return &set->entries[i];
}

/* Room for three more, at most half of the table in use. */
static bool make_room(struct name_set *set)
{
    struct name_set larger = {.count = set->count, .size = set->size ? set->size * 2 : 64};

    if (set->size && (set->count + 3) * 2 <= set->size)
        return true;
    larger.entries = gyre_alloc_zeroed(larger.size * sizeof(*larger.entries));
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < set->size; i++) {
        if (set->entries[i].name)
            *find(&larger, set->entries[i].name, set->entries[i].hash) = set->entries[i];
    }
    gyre_free(set->entries);
    set->entries = larger.entries;
    set->size = larger.size;
    return true;
}

static bool is_taken(const struct name_set *set, const char *name, const char *behind)
{
    char whole[NAME_SIZE + sizeof(NAME_INFO)];

    snprintf(whole, sizeof(whole), "%s%s", name, behind);
    return find(set, whole, hash_of(whole))->name != NULL;
}

static bool take(struct name_set *set, const char *name, const char *behind)
{
    char whole[NAME_SIZE + sizeof(NAME_INFO)];
    struct name_entry *entry;
    uint64_t hash;

    snprintf(whole, sizeof(whole), "%s%s", name, behind);
    hash = hash_of(whole);
    entry = find(set, whole, hash);
    entry->name = gyre_strdup(whole);
    if (!entry->name)
        return false;
    entry->hash = hash;
    entry->next = 2;
    set->count++;
    return true;
}

static bool is_free(const struct name_set *set, const char *name)
{
    return !is_taken(set, name, "") && (!set->with_parts || (!is_taken(set, name, NAME_PART) &&
                                                             !is_taken(set, name, NAME_INFO)));
}

bool name_claim(struct name_set *set, char name[NAME_SIZE])
{
    char numbered[NAME_SIZE];
    int before = (int)suffix_at(name);
    struct name_entry *entry;
    unsigned number = 2;

    if (!make_room(set))
        return false;
    if (!is_free(set, name)) {
        entry = find(set, name, hash_of(name));
        if (entry->name)
            number = entry->next;
        do {
            snprintf(numbered, sizeof(numbered), "%.*s-%u%s", before, name, number++,
                     name + before);
        } while (!is_free(set, numbered));
        if (entry->name)
            entry->next = number;
        strcpy(name, numbered);
    }
    return take(set, name, "") &&
           (!set->with_parts || (take(set, name, NAME_PART) && take(set, name, NAME_INFO)));
}

void name_set_fini(struct name_set *set)
{
    for (size_t i = 0; i < set->size; i++)
        gyre_free(set->entries[i].name);
    gyre_free(set->entries);
}
