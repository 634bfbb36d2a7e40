/*
 * Error codes and error details.
 *
 * Results are int64_t everywhere: >= 0 is a value, < 0 an error. An error is -errno, one of the
 * GYRE_E... codes below, or a code of the user's own made with GYRE_EUSER(n). A code is all most
 * programs need. Where more is known (the message of a cancellation, the errors of a task group, the
 * certificate check that failed) a gyre_error, a small counted object, travels beside the code.
 *
 * Python names: the exception classes of asyncio; gyre_error is the exception object.
 */
#ifndef GYRE_LOOP_ERROR_H
#define GYRE_LOOP_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"

GYRE_BEGIN_DECLS

/* X(name, number, text). Numbers are part of the ABI: append, never renumber. */
#define GYRE_ERROR_MAP(X)                                                                          \
    X(CANCELLED, 1, "cancelled")                                      /* CancelledError */         \
    X(TIMEOUT, 2, "timed out")                                        /* TimeoutError */           \
    X(INVALIDSTATE, 3, "not allowed in this state of the future")     /* InvalidStateError */      \
    X(EOF, 4, "end of file")                                          /* EOFError */               \
    X(INCOMPLETE, 5, "end of file before enough bytes were read")     /* IncompleteReadError */    \
    X(LIMIT, 6, "limit exceeded")                                     /* LimitOverrunError */      \
    X(QEMPTY, 7, "queue is empty")                                    /* QueueEmpty */             \
    X(QFULL, 8, "queue is full")                                      /* QueueFull */              \
    X(QSHUTDOWN, 9, "queue is shut down")                             /* QueueShutDown */          \
    X(BROKENBARRIER, 10, "barrier is broken")                         /* BrokenBarrierError */     \
    X(NOTHELD, 11, "lock is not held")                                /* RuntimeError */           \
    X(OVERRELEASE, 12, "released more often than acquired")           /* ValueError */             \
    X(SELFAWAIT, 13, "task awaits itself")                            /* RuntimeError */           \
    X(LOOPCLOSED, 14, "event loop is closed")                         /* RuntimeError */           \
    X(LOOPRUNNING, 15, "event loop is already running")               /* RuntimeError */           \
    X(LOOPSTOPPED, 16, "event loop stopped before the future was done") /* RuntimeError */         \
    X(DEADLOCK, 17, "deadlock: tasks wait and nothing can wake them") /* no equivalent */          \
    X(STOPITERATION, 18, "generator has finished")                    /* StopIteration */          \
    X(STOPASYNCITERATION, 19, "asynchronous iterator has finished")   /* StopAsyncIteration */     \
    X(GENERATOREXIT, 20, "generator is being closed")                 /* GeneratorExit */          \
    X(GENERATORRUNNING, 21, "generator is already running")           /* ValueError, RuntimeError */ \
    X(GENERATORIGNOREDEXIT, 22, "generator yielded while being closed") /* RuntimeError */         \
    X(GROUP, 23, "one or more tasks of the group failed")             /* ExceptionGroup */         \
    X(GROUPSTATE, 24, "task group is not active")                     /* RuntimeError */           \
    X(TASKDONE, 25, "task_done called more often than there were items") /* ValueError */          \
    X(WRONGLOOP, 26, "object belongs to another event loop")          /* RuntimeError */           \
    X(NOTASK, 27, "no task is running here")                          /* RuntimeError */           \
    X(STATE, 28, "not allowed in this state")                         /* RuntimeError */           \
    X(UNSUPPORTED, 29, "not supported by this kernel or build")       /* NotImplementedError */    \
    X(NORING, 30, "io_uring is not available")                        /* OSError */                \
    X(FORKED, 31, "event loop was made before fork()")                /* RuntimeError */           \
    X(NOSENDFILE, 32, "sendfile is not available here")               /* SendfileNotAvailableError */ \
    X(GENERATORRAISEDSTOP, 33, "generator raised a stop code")        /* RuntimeError */           \
    X(TYPE, 34, "value of a kind that is not allowed here")           /* TypeError */              \
    X(EXECUTORSHUTDOWN, 40, "executor has been shut down")            /* RuntimeError */           \
    X(WORKERDIED, 50, "worker process died while it had the job")     /* BrokenProcessPool */      \
    X(NOTEMPLATE, 51, "no template for worker processes")             /* BrokenProcessPool */      \
    X(DNSNAME, 60, "host name is not known")                          /* socket.gaierror */        \
    X(DNSAGAIN, 61, "name server does not answer; try again")         /* socket.gaierror */        \
    X(DNSFAIL, 62, "name server failed")                              /* socket.gaierror */        \
    X(DNSFAMILY, 63, "host has no address of this family")            /* socket.gaierror */        \
    X(TLS, 70, "TLS failed")                                          /* ssl.SSLError */           \
    X(TLSVERIFY, 71, "certificate of the peer was not accepted")      /* SSLCertVerificationError */ \
    X(TLSHOST, 72, "certificate of the peer is for another host")     /* SSLCertVerificationError */ \
    X(TLSTRUNCATED, 73, "connection ended without TLS close_notify")  /* ssl.SSLEOFError */        \
    X(TLSALERT, 74, "peer ended TLS with an alert")                   /* ssl.SSLError */           \
    X(TLSCERT, 75, "certificate or key cannot be used")               /* ssl.SSLError */           \
    X(TLSALPN, 76, "no application protocol in common")               /* ssl.SSLError */           \
    X(TLSCLOSED, 77, "TLS is closed in this direction")               /* ssl.SSLZeroReturnError */ \
    X(URL, 90, "URL is not valid")                                    /* ValueError */             \
    X(HTTPHEADER, 91, "HTTP header field that is not allowed")        /* ValueError */             \
    X(HTTPSYNTAX, 92, "HTTP message is malformed")                    /* BadStatusLine */          \
    X(HTTPFRAMING, 93, "length of the HTTP message is ambiguous")     /* no equivalent */          \
    X(HTTPHOST, 94, "HTTP Host field is missing or wrong")            /* no equivalent */          \
    X(HTTPVERSION, 95, "HTTP version is not supported")               /* UnknownProtocol */        \
    X(HTTPMETHOD, 96, "HTTP method is not known")                     /* no equivalent */          \
    X(HTTPCODING, 97, "HTTP transfer coding is not supported")        /* UnknownTransferEncoding */ \
    X(HTTPLINE, 98, "start line of the HTTP message is too long")     /* LineTooLong */            \
    X(HTTPFIELDS, 99, "HTTP header fields are too many or too large") /* HTTPException */          \
    X(HTTPBODY, 100, "HTTP body is larger than allowed")              /* no equivalent */          \
    X(HTTPINCOMPLETE, 101, "connection ended within an HTTP message") /* IncompleteRead */         \
    X(HTTPENCODING, 102, "compressed HTTP content is damaged")        /* zlib.error */             \
    X(HTTPLENGTH, 103, "HTTP body is not as long as announced")       /* no equivalent */          \
    X(HTTPSCHEME, 104, "URL is not one of http or https")             /* ValueError */             \
    X(HTTPREDIRECT, 105, "HTTP redirect cannot be followed")          /* HTTPError */              \
    X(HTTPDOWNGRADE, 106, "HTTP redirect from https to http")         /* no equivalent */          \
    X(HTTPREPLAY, 107, "HTTP body cannot be sent again")              /* no equivalent */          \
    X(HTTPPROXY, 108, "HTTP proxy refused")                           /* OSError */                \
    X(HTTPNOANSWER, 109, "HTTP handler gave no answer")               /* no equivalent */

enum gyre_error_code {
    GYRE__EBASE = -10000, /* below every -errno */
#define GYRE__X(name, number, text) GYRE_E##name = GYRE__EBASE - (number),
    GYRE_ERROR_MAP(GYRE__X)
#undef GYRE__X
    GYRE__EUSER = -100000
};

/* A code of the user's own; n from 0 up to 2^31 - 1. */
#define GYRE_EUSER(n) (GYRE__EUSER - (int64_t)(n))

/* Text of an error code, in English, static. A value >= 0 gives "no error". Any thread. */
GYRE_API const char *gyre_strerror(int64_t code);

/* Name of an error code: "GYRE_ECANCELLED", "ECONNREFUSED", "GYRE_EUSER", static. Any thread. */
GYRE_API const char *gyre_err_name(int64_t code);

/* ---- details ---- */

/* An error code with what is known about it. Immutable, counted, not bound to a loop or thread. */
typedef struct gyre_error gyre_error;

/*
 * A detail for `code` (< 0) with a text (copied; may be NULL).
 * Gives a new reference, or NULL when memory is short; every function here takes NULL as "no detail".
 */
GYRE_API GYRE_MUST_USE gyre_error *gyre_error_new(int64_t code, const char *text);

/* The same with a printf format. */
GYRE_API GYRE_MUST_USE gyre_error *gyre_error_newf(int64_t code, const char *format, ...)
    GYRE_PRINTF(2, 3);

/* One member of a group: a code and its detail, if it has one. */
typedef struct gyre_error_item {
    int64_t code;
    gyre_error *detail;
} gyre_error_item;

/* A GYRE_EGROUP detail of n errors (copied; the details get a new reference). ExceptionGroup. */
GYRE_API GYRE_MUST_USE gyre_error *gyre_error_new_group(const char *text, size_t n,
                                                        const gyre_error_item *items);

GYRE_API gyre_error *gyre_error_ref(gyre_error *error);  /* new reference to the same; NULL stays NULL */
GYRE_API void gyre_error_unref(gyre_error *error);       /* gives one reference back */
GYRE_API int64_t gyre_error_code(const gyre_error *error);     /* the code; 0 for NULL */
GYRE_API const char *gyre_error_text(const gyre_error *error); /* borrowed; "" where there is none */
GYRE_API size_t gyre_error_count(const gyre_error *error);     /* members of a group, else 0 */
GYRE_API gyre_error_item gyre_error_at(const gyre_error *error, size_t index); /* borrowed */

/*
 * The detail of the error that the running task (or, outside tasks, this thread) met last: of the last
 * await, GYRE_CALL or gyre_future_result() that failed. Borrowed, NULL where there is none.
 * It travels on by itself: a coroutine or callback that returns the same code passes it along.
 */
GYRE_API gyre_error *gyre_error_current(void);

/*
 * Raises `error` (moved) in the running task or callback: makes it the current detail and gives its code,
 * as in  GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(7), "no such user")));
 * For NULL the answer is -ENOMEM: that is what a failed gyre_error_new() means.
 */
GYRE_API int64_t gyre_raise(gyre_error *error);

/* Forgets the current detail, so that an error of the same code starts without one. */
GYRE_API void gyre_error_clear(void);

GYRE_END_DECLS

#endif
