#include <p2p/planted.h>

#ifdef P2P_PLANTED
enum p2p_plant p2p_planted = P2P_PLANT_NOTHING;
#else
typedef int p2p_planted_nothing; /* a source has at least one declaration */
#endif
