#include <p2p/log.h>
