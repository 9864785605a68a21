#include <p2p/file.h>
