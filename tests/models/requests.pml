/*
 * requests.pml: requests of `hakmem set` through the statistics file (tools/control/ask.c, instrumentation/control/control.c, read_requests and
 * write_answers in instrumentation/statistics/stats_file.c).
 *
 *   asker --- request, then `asked` ---> file --- read_requests ---> memory --- handle_all ---> memory --- answer, then `done` ---> file ---> asker
 *
 * One asker at a time writes (a lock of the file). It asks three times, in two slots. Two threads of the process come to their slow paths: each may write
 * and read the file (`writing`), and handle requests (`handling`).
 *
 * Rules: each request is done once, as it was asked. The answer that the asker reads is that to its request.
 *
 * fault ASKED_FIRST: the asker writes `asked` before the request
 * fault REQUESTS_FIRST: read_requests reads the requests before `asked`
 * fault DONE_FIRST: write_answers writes `done` before the answers
 * fault DONE_LATE: write_answers reads `done` after it has copied the answers
 * fault TWO_HANDLE: control_tick does not take `handling`
 */
#define SLOTS 2
#define REQUESTS 3

/* The file. A request is its number; so is its answer. */
byte file_asked, file_request[SLOTS], file_done, file_answer[SLOTS];
/* The process's memory: struct control. */
byte asked, request[SLOTS], done, answer[SLOTS], answered;
bool writing, handling;
byte times[REQUESTS + 1];
bool over;

active proctype asker() {
  byte n;
  do
  :: n < REQUESTS ->
    n++;
#ifdef ASKED_FIRST
    file_asked = n;
    file_request[n % SLOTS] = n;
#else
    file_request[n % SLOTS] = n;
    file_asked = n;
#endif
    file_done >= n;
    assert(file_answer[n % SLOTS] == n)
  :: else -> break
  od;
  over = true;
  assert(times[1] == 1 && times[2] == 1 && times[3] == 1)
}

inline read_requests() {
#ifdef REQUESTS_FIRST
  copy[0] = file_request[0]; copy[1] = file_request[1];
  seen = file_asked;
#else
  seen = file_asked;
  copy[0] = file_request[0]; copy[1] = file_request[1];
#endif
  if
  :: seen != asked -> request[0] = copy[0]; request[1] = copy[1]; asked = seen
  :: else
  fi
}

inline write_answers() {
#ifndef DONE_LATE
  seen = done;
#else
  seen = 255;
#endif
  if
  :: seen != answered ->
#ifdef DONE_FIRST
    file_done = seen;
#endif
    file_answer[0] = answer[0]; file_answer[1] = answer[1];
#ifdef DONE_LATE
    seen = done;
#endif
    file_done = seen;
    answered = seen
  :: else
  fi
}

inline handle_all() {
  last = asked;
  seen = done;
  do
  :: seen != last ->
    seen++;
    assert(request[seen % SLOTS] == seen);
    times[seen]++;
    answer[seen % SLOTS] = 0;    /* handle writes the answer in pieces */
    answer[seen % SLOTS] = seen
  :: else -> break
  od;
  done = seen
}

active [2] proctype thread() {
  byte seen, last, copy[SLOTS];
  do
  :: atomic { !over && !writing -> writing = true }; /* write_once */
    read_requests();
    write_answers();
    writing = false;
    seen = 0
  :: asked != done ->                                /* control_tick */
#ifdef TWO_HANDLE
    handle_all();
#else
    if
    :: atomic { !handling -> handling = true }; handle_all(); handling = false
    :: handling
    fi;
#endif
    seen = 0; last = 0
  :: over -> break
  od
}
