/* What --help and --version print: a screen, and a line. */
#include "help.h"

#include <gyre/gyre.h>
#include <stdio.h>

static const char text[] =
    "usage: gyre-fetch [OPTION]... URL...\n"
    "Fetches URLs (http, https), many at a time; each file appears when it is whole.\n"
    "\n"
    "  -c N              fetch N URLs at a time (8)\n"
    "  -o DIR            put the files into DIR, which is made if need be\n"
    "  -O FILE           the name for the file of the only URL; '-': stdout\n"
    "  -i LIST           fetch the URLs in the file LIST, one a line; '-': stdin\n"
    "  -H 'NAME: VALUE'  send a header\n"
    "  --cacert FILE     trust the certificates in FILE, not the system's\n"
    "  --insecure        accept every certificate\n"
    "  --retry N         try again up to N times what may work then (2)\n"
    "  --max-time S      give each URL S seconds in all\n"
    "  --max-redirs N    follow up to N redirects (10)\n"
    "  --resolve HOST:PORT:ADDR  connect to ADDR for HOST and PORT\n"
    "  --resume          keep what was fetched (FILE.part), go on from there\n"
    "  -s                say nothing but errors\n"
    "  --json            print one JSON object a line for each URL\n"
    "  -h, --help        print this        --version  print the version\n"
    "\n"
    "Exit status: 0 all were fetched, 1 some were not, 2 the command line is wrong.\n";

static bool print(const char *line)
{
    return fputs(line, stdout) >= 0 && fflush(stdout) == 0;
}

bool help_print(void)
{
    return print(text);
}

bool help_print_version(void)
{
    char line[64];

    snprintf(line, sizeof(line), "gyre-fetch %s\n", gyre_version());
    return print(line);
}
