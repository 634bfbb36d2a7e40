/* What is in the files: pseudorandom words, so that no two are alike and nothing compresses. */
#include "content.h"

#include <string.h>

/* The word at `index` of the file's text; splitmix64. */
static uint64_t word_at(unsigned number, size_t index)
{
    uint64_t word = ((uint64_t)number << 32 | index) * UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

void content_make(struct file file, unsigned char *out)
{
    for (size_t at = 0; at < file.size; at += sizeof(uint64_t)) {
        uint64_t word = word_at(file.number, at);
        size_t left = file.size - at;

        memcpy(out + at, &word, left < sizeof(word) ? left : sizeof(word));
    }
}

bool content_is(struct file file, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    if (size != file.size)
        return false;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word = word_at(file.number, at);
        size_t left = size - at;

        if (memcmp(bytes + at, &word, left < sizeof(word) ? left : sizeof(word)) != 0)
            return false;
    }
    return true;
}
