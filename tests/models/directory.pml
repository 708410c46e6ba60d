/*
 * directory.pml: the entries of one unit in the directory (src/slabs/directory.c), on a processor that reorders loads and stores, as aarch64 does.
 *
 * A thread enters slab 1, removes it, and enters slab 2 at the same unit. Two threads read the unit at any time, with a pointer that they guessed. A third
 * one got its pointer from the program after slab 1 was entered.
 *
 * The processor: a store waits in `store` until it is performed. Stores to one place are performed in order. Any other order is possible, but a release
 * follows all stores before it. Loads are performed in any order, but after an acquire, or after the load that their address depends on. All processors see
 * a store at the same moment: that holds for aarch64 and x86-64, not for Power.
 *
 * fault NO_RELEASE: directory_enter stores the code relaxed
 * fault CODE_FIRST: directory_enter stores the code before the slab
 * fault SLAB_RELAXED: directory_enter stores the slab relaxed: a reader with the former slab's code may see the next slab, whose descriptor is not there yet
 * fault NO_ACQUIRE: directory_slab reads the code relaxed
 * fault ENTRY_LATE: second_code stores the code of the further unit before its entry in directory_further
 */
#define FIRST 3  /* code of a class's second unit; its entry in directory_further is `entry` */
#define SECOND 5 /* any other code */

byte mem[6];     /* memory, by place: */
#define SLAB 0   /* leaf->slab[unit] */
#define CODE 1   /* leaf->code[unit] */
#define DESC1 2  /* the descriptor of slab 1: 1 if slab_init has filled it in */
#define DESC2 3
#define ENTRY 4  /* the entry of directory_further for the code FIRST */
#define GIVEN 5  /* the program has passed on a pointer into slab 1 */

/* The writer's stores, in the order of the program. */
#define STORES 9
typedef pending { byte place, value; bool release, done }
pending store[STORES];
byte issued;

inline put(p, v, r) {
  d_step { store[issued].place = p; store[issued].value = v; store[issued].release = r; issued++ }
}

#ifdef NO_RELEASE
#define CODE_ORDER false
#else
#define CODE_ORDER true
#endif
#ifdef SLAB_RELAXED
#define SLAB_ORDER false
#else
#define SLAB_ORDER true
#endif

/* directory_enter */
inline enter(slab, code) {
#ifdef CODE_FIRST
  put(CODE, code, CODE_ORDER);
  put(SLAB, slab, SLAB_ORDER)
#else
  put(SLAB, slab, SLAB_ORDER);
  put(CODE, code, CODE_ORDER)
#endif
}

proctype writer() {
  put(DESC1, 1, false);       /* slab_init */
#ifdef ENTRY_LATE
  enter(1, FIRST);
  put(ENTRY, 1, false);
#else
  put(ENTRY, 1, false);       /* second_code, called by code_of within directory_enter */
  enter(1, FIRST);
#endif
  put(GIVEN, 1, true);        /* the program's own synchronisation */
  put(CODE, 0, true);         /* directory_leave */
  put(DESC2, 1, false);       /* slab_init of the next slab of these units */
  enter(2, SECOND)
}

/* Performs the stores. Store i may be performed if those before it to the same place are done; a release, if all before it are. */
proctype processor() {
  byte i, k, done;
  bool ready;
  do
  :: done < STORES ->
    atomic {
      select(i : 0 .. STORES - 1);
      ready = i < issued && !store[i].done;
      k = 0;
      do
      :: ready && k < i -> if :: !store[k].done && (store[i].release || store[k].place == store[i].place) -> ready = false :: else fi; k++
      :: else -> break
      od;
      if :: ready -> mem[store[i].place] = store[i].value; store[i].done = true; done++ :: else fi;
      i = 0; k = 0; ready = false
    }
  :: done == STORES -> break
  od
}

/* directory_slab, and what its callers read of the slab. */
proctype reader() {
  byte code, slab, desc;
#ifdef NO_ACQUIRE
  if /* the second load may be performed first */
  :: slab = mem[SLAB]; if :: slab != 0 -> desc = mem[DESC1 + slab - 1] :: else fi; code = mem[CODE]; goto judge
  :: skip
  fi;
#endif
  code = mem[CODE];
  if :: code == 0 -> goto end :: else fi;
  slab = mem[SLAB];
  if :: slab != 0 -> desc = mem[DESC1 + slab - 1] :: else fi;
judge:
  assert(code == 0 || (slab != 0 && desc == 1));
end:
  skip
}

/* free of a pointer that the program passed on: directory_code and directory_class_by. Both loads are relaxed; the second depends on the first. */
proctype receiver() {
  byte code, row;
  if :: mem[GIVEN] == 0 -> goto end :: else fi; /* acquire: the program's */
  code = mem[CODE];
  if :: code == FIRST -> row = mem[ENTRY]; assert(row == 1) :: else fi;
end:
  skip
}

/* The same with any pointer. */
proctype guesser() {
  byte code, row;
  code = mem[CODE];
  if :: code == FIRST -> row = mem[ENTRY]; assert(row == 1) :: else fi
}

init { atomic { run writer(); run processor(); run reader(); run reader(); run receiver(); run guesser() } }
