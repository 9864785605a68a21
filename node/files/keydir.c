#include <p2p/keydir.h>
