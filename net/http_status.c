/* The names of HTTP's statuses. */
#include "http_server.h"

static const char *of_success(unsigned status)
{
    static const char *const names[] = {
        "OK",
        "Created",
        "Accepted",
        "Non-Authoritative Information",
        "No Content",
        "Reset Content",
        "Partial Content",
        "Multi-Status",
        "Already Reported",
    };

    return status - 200 < sizeof(names) / sizeof(names[0]) ? names[status - 200] : "";
}

static const char *of_redirection(unsigned status)
{
    switch (status) {
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    default: return "";
    }
}

static const char *of_client_error(unsigned status)
{
    static const char *const names[] = {
        "Bad Request",
        "Unauthorized",
        "Payment Required",
        "Forbidden",
        "Not Found",
        "Method Not Allowed",
        "Not Acceptable",
        "Proxy Authentication Required",
        "Request Timeout",
        "Conflict",
        "Gone",
        "Length Required",
        "Precondition Failed",
        "Content Too Large",
        "URI Too Long",
        "Unsupported Media Type",
        "Range Not Satisfiable",
        "Expectation Failed",
    };

    if (status - 400 < sizeof(names) / sizeof(names[0]))
        return names[status - 400];
    switch (status) {
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    default: return "";
    }
}

static const char *of_server_error(unsigned status)
{
    static const char *const names[] = {
        "Internal Server Error",
        "Not Implemented",
        "Bad Gateway",
        "Service Unavailable",
        "Gateway Timeout",
        "HTTP Version Not Supported",
        "Variant Also Negotiates",
        "Insufficient Storage",
        "Loop Detected",
    };

    if (status - 500 < sizeof(names) / sizeof(names[0]))
        return names[status - 500];
    return status == 511 ? "Network Authentication Required" : "";
}

const char *gyre_http_reason(unsigned status)
{
    switch (status / 100) {
    case 1: return status == 100 ? "Continue" : status == 101 ? "Switching Protocols" : "";
    case 2: return of_success(status);
    case 3: return of_redirection(status);
    case 4: return of_client_error(status);
    case 5: return of_server_error(status);
    default: return "";
    }
}
