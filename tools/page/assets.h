/*
 * assets.h: the files that the page is made of, as they were when the program was built.
 */
#ifndef HAKMEM_TOOLS_ASSETS_H
#define HAKMEM_TOOLS_ASSETS_H

/* A(symbol, "NAME in page.html"). Each ends with a NUL. */
#define PAGE_ASSETS(A) \
  A(page_asset_style, "STYLE") \
  A(page_asset_library, "LIBRARY") \
  A(page_asset_licence, "LICENCE") \
  A(page_asset_script, "SCRIPT")
#define PAGE_ASSET_DECLARE(symbol, name) extern const char symbol[];
PAGE_ASSETS(PAGE_ASSET_DECLARE)
extern const char page_asset_template[];

#endif
