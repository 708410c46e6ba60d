// operators FORM COUNT: calls a form of operator new and its delete COUNT times, for callgrind to count.
#include <cstdlib>
#include <cstring>
#include <new>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const char form = argv[1][0]; // of plain, array, sized, nothrow
  void *volatile p;
  for (long i = std::atol(argv[2]); i > 0; i--) {
    if (form == 'p') p = ::operator new(40), ::operator delete(p);
    else if (form == 'a') p = ::operator new[](40), ::operator delete[](p);
    else if (form == 's') p = ::operator new(40), ::operator delete(p, static_cast<std::size_t>(40));
    else p = ::operator new(40, std::nothrow), ::operator delete(p, std::nothrow);
  }
}
