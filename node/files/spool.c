#include <p2p/spool.h>
