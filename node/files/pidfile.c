#include <p2p/pidfile.h>
