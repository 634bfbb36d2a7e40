/* What is told of a crawl: a line for each page, and the summary. On stdout. */
#ifndef CRAWL_REPORT_H
#define CRAWL_REPORT_H

#include "crawl.h"

void report_page(const struct page *page);

/* Gives how many pages failed. */
size_t report_summary(const struct crawl *crawl);

#endif
