// plugin.cc: opened and closed by throws.cc; calls back through a frame of its own, and makes another exception of
// the one that passes through it.
#include <stdexcept>
#include <string>
#include <vector>

static std::vector<std::string> words(1000, std::string(50, 'w')); // given back by a destructor of the object

extern "C" void plugin_run(void (*call)()) {
  std::vector<std::string> more(words);
  try {
    call();
  } catch (const std::exception &e) {
    throw std::runtime_error("plugin: " + std::string(e.what()) + " " + std::to_string(more.size()));
  }
}
