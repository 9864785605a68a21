#include <p2p/copy.h>
