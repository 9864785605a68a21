/* Always-on assertions: what must be true if this program is right. Never applied to what
 * peers, people or disks give us. NDEBUG does not remove them; the condition has no side
 * effects. */
#ifndef P2P_ASSERT_H
#define P2P_ASSERT_H

_Noreturn void p2p_assert_failed(const char *condition, const char *file, int line);

#define p2p_assert(cond) ((cond) ? (void)0 : p2p_assert_failed(#cond, __FILE__, __LINE__))

#endif
