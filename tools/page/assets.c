#include "assets.h"

/* The assembler reads the files: a C array of the library would be five times as long, and slow to compile. */
#define BEGIN(symbol) ".section .rodata\n.globl " #symbol "\n.hidden " #symbol "\n" #symbol ":\n"
#define FILE_IN(path) ".incbin \"" path "\"\n"
#define END ".byte 0\n.previous\n"
#define APP(name) FILE_IN(PAGE_DIRECTORY "/app/" name ".js")

__asm__(BEGIN(page_asset_template) FILE_IN(PAGE_DIRECTORY "/page.html") END);
__asm__(BEGIN(page_asset_style) FILE_IN(PAGE_DIRECTORY "/style.css") END);
/* Later files use names of earlier ones. */
__asm__(BEGIN(page_asset_script) APP("data") APP("dom") APP("table") APP("time") APP("summary") APP("memory") APP("latency") APP("heat") APP("slabs")
          APP("flame") APP("sites") APP("incidents") APP("difference") APP("main") END);

#ifdef PAGE_LIBRARY
__asm__(BEGIN(page_asset_library) FILE_IN(PAGE_LIBRARY) END);
__asm__(BEGIN(page_asset_licence) FILE_IN(PAGE_LICENCE) END);
#else
__asm__(BEGIN(page_asset_library) END);
__asm__(BEGIN(page_asset_licence) END);
#endif
