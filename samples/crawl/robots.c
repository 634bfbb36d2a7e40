/* robots.txt, read and asked. */
#include "robots.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct robots_rule {
    const char *pattern; /* '*' stands for anything, '$' at its end for the end */
    size_t length;
    bool allow;
};

/* Groups that are for us by name count more than those for everybody. */
enum { FOR_OTHERS, FOR_ALL, FOR_US };

/* A line "name: value": cuts it up in place; false for anything else. */
static bool split(char *line, char **name, char **value)
{
    char *colon;

    line[strcspn(line, "#")] = '\0';
    colon = strchr(line, ':');
    if (!colon)
        return false;
    *colon = '\0';
    *name = line + strspn(line, " \t");
    (*name)[strcspn(*name, " \t")] = '\0';
    *value = colon + 1 + strspn(colon + 1, " \t");
    for (char *end = *value + strlen(*value); end > *value && strchr(" \t\r", end[-1]);)
        *--end = '\0';
    return true;
}

static int addressee(const char *value, const char *agent)
{
    if (strcmp(value, "*") == 0)
        return FOR_ALL;
    return strncasecmp(value, agent, strlen(agent)) == 0 ? FOR_US : FOR_OTHERS;
}

static bool add(struct robots *robots, const char *pattern, bool allow)
{
    struct robots_rule *more = realloc(robots->rules, (robots->count + 1) * sizeof(*robots->rules));

    if (!more)
        return false;
    robots->rules = more;
    robots->rules[robots->count++] = (struct robots_rule){pattern, strlen(pattern), allow};
    return true;
}

/* Gathers the rules for us. Lines of user agents in a row share the rules below them. */
static bool read_lines(struct robots *robots, const char *agent)
{
    int best = FOR_ALL, group = FOR_OTHERS;
    bool in_heading = false;
    char *rest = robots->text, *line, *name, *value;

    while ((line = strsep(&rest, "\r\n")) != NULL) {
        if (!split(line, &name, &value))
            continue;
        if (strcasecmp(name, "user-agent") == 0) {
            int who = addressee(value, agent);

            group = !in_heading || who > group ? who : group;
            in_heading = true;
            if (group > best) { /* the first by our name: what was for all does not count */
                best = group;
                robots->count = 0;
            }
        } else if (strcasecmp(name, "allow") == 0 || strcasecmp(name, "disallow") == 0) {
            in_heading = false;
            if (group == best && *value && !add(robots, value, (*name | 0x20) == 'a'))
                return false;
        }
    }
    return true;
}

bool robots_read(struct robots *robots, const char *text, size_t size, const char *agent)
{
    *robots = (struct robots){.text = malloc(size + 1)};
    if (!robots->text)
        return false;
    memcpy(robots->text, text, size);
    robots->text[size] = '\0';
    if (read_lines(robots, agent))
        return true;
    robots_fini(robots);
    return false;
}

/* Whether the target begins as the pattern says. Goes back to the last '*' only: never slow. */
static bool fits(const char *pattern, const char *target)
{
    const char *star = NULL, *retry = NULL;

    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = target;
        } else if (*pattern == '\0' || (*pattern == '$' && !pattern[1] && !*target)) {
            return true;
        } else if (*target && *pattern == *target) {
            pattern++;
            target++;
        } else if (star && *retry) {
            pattern = star;
            target = ++retry;
        } else {
            return false;
        }
    }
}

bool robots_allow(const struct robots *robots, const char *target)
{
    size_t longest = 0;
    bool allow = true;

    for (size_t i = 0; i < robots->count; i++) {
        const struct robots_rule *rule = &robots->rules[i];

        if (rule->length < longest || (rule->length == longest && !rule->allow && longest))
            continue;
        if (fits(rule->pattern, target)) {
            longest = rule->length;
            allow = rule->allow;
        }
    }
    return allow;
}

void robots_fini(struct robots *robots)
{
    free(robots->rules);
    free(robots->text);
    *robots = (struct robots){.count = 0};
}
