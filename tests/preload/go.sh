#!/bin/sh
# Go with cgo: blocks of C's malloc that many goroutines make, grow, hand over and free, beside the memory of Go's own collector.
MODES=${MODES:-default full debug guard}
. "$(dirname "$0")/common.sh"
need go gcc
export HOME="$place" GOCACHE="$place/cache" GOPATH="$place/go" GOFLAGS=-mod=mod GO111MODULE=off CGO_ENABLED=1 GOTOOLCHAIN=local

mkdir "$place/source"
cat >"$place/source/work.go" <<'END'
package main

/*
#include <stdlib.h>
#include <string.h>
static char *make(size_t size, int fill) { char *p = malloc(size); memset(p, fill, size); return p; }
static char *grow(char *p, size_t from, size_t to, int fill) {
  p = realloc(p, to);
  if (to > from) memset(p + from, fill, to - from);
  return p;
}
static unsigned long sum(const char *p, size_t size) {
  unsigned long s = 0;
  for (size_t i = 0; i < size; i++) s = s * 31 + (unsigned char)p[i];
  return s;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

type block struct {
	at   *C.char
	size C.size_t
}

func main() {
	sums := make([]uint64, 8)
	blocks := make(chan block, 100)
	var makers, takers sync.WaitGroup
	for m := 0; m < 8; m++ {
		makers.Add(1)
		go func(m int) {
			defer makers.Done()
			if m%2 == 0 {
				runtime.LockOSThread()
			}
			for i := 0; i < 2000; i++ {
				size := C.size_t(i*m%5000 + 1)
				at := C.make(size, C.int(i))
				if i%3 == 0 {
					at = C.grow(at, size, size*2, C.int(m))
					size *= 2
				}
				sums[m] += uint64(C.sum(at, size))
				blocks <- block{at, size}
				_ = make([]byte, i%1000)
			}
		}(m)
	}
	var total uint64
	var lock sync.Mutex
	for t := 0; t < 3; t++ {
		takers.Add(1)
		go func() {
			defer takers.Done()
			for b := range blocks {
				s := uint64(C.sum(b.at, b.size))
				C.free(unsafe.Pointer(b.at))
				lock.Lock()
				total += s
				lock.Unlock()
			}
		}()
	}
	makers.Wait()
	close(blocks)
	takers.Wait()
	var made uint64
	for _, s := range sums {
		made += s
	}
	runtime.GC()
	text := C.CString("from C and back")
	fmt.Println(total, made == total, C.GoString(text))
	C.free(unsafe.Pointer(text))
}
END
(cd "$place/source" && go build -o "$place/work" work.go) >"$place/build" 2>&1 || { tail -n 5 "$place/build"; skip "go cannot build a program with cgo here"; }
work() { under "$place/work"; }

used "$place/work"
compare work
