/*
 * Runs a fuzz harness without a fuzzer, as a test: over the files named, or those in the folders
 * named, as they are, cut off after each byte, and with each byte changed in a few ways.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { SEED_MOST = 1 << 20, VARIED_MOST = 600 };

static unsigned seeds, tries;

static void try_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* of its own, so that reading beyond is seen */

    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    tries++;
}

static void try_variations(uint8_t *data, size_t size)
{
    static const uint8_t others[] = {0, '\n', '\r', ' ', ':', '0', 'a', 0xFF};

    try_input(data, size);
    if (size > VARIED_MOST)
        return;
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = data[i];

        try_input(data, i);
        data[i] = others[fuzz_number(data, i) % sizeof(others)];
        try_input(data, size);
        data[i] = kept ^ 0x20;
        try_input(data, size);
        data[i] = kept;
    }
}

static void try_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(SEED_MOST);
    size_t size;

    if (!file || !data) {
        perror(path);
        exit(1);
    }
    size = fread(data, 1, SEED_MOST, file);
    fclose(file);
    seeds++;
    try_variations(data, size);
    free(data);
}

static void try_path(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char inside[4096];

    if (!folder) {
        try_file(path);
        return;
    }
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        try_file(inside);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        try_path(argv[i]);
    printf("%u inputs made of %u seeds\n", tries, seeds);
    printf("%u passed, 0 failed, 0 skipped\n", seeds);
    return seeds == 0;
}
