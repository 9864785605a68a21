#include <p2p/store.h>
