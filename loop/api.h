/* Export macro, C linkage and attributes shared by all public headers. */
#ifndef GYRE_LOOP_API_H
#define GYRE_LOOP_API_H

#ifdef __cplusplus
#define GYRE_BEGIN_DECLS extern "C" {
#define GYRE_END_DECLS }
#else
#define GYRE_BEGIN_DECLS
#define GYRE_END_DECLS
#endif

/* Everything else in the shared library is hidden. */
#define GYRE_API __attribute__((visibility("default")))

/* The result owns something or says whether the call worked: ignoring it is a bug. */
#define GYRE_MUST_USE __attribute__((warn_unused_result))

#define GYRE_PRINTF(format_, first_) __attribute__((format(printf, format_, first_)))

#endif
