#include <p2p/config.h>
