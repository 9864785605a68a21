/* Custody: at most one release, modelled for Spin.
 *
 * Three ports pass the power to release one container from hand to hand over a network that loses, repeats and
 * reorders. Four witnesses cosign the ports' feeds; one of them is byzantine. This file states the rules of custody
 * as guarded steps and lets Spin try every order of them. simulations/CUSTODY.md says which part of the rules each
 * instance covers, what is left out and why that loses nothing, what was measured, and what the model taught.
 *
 *     simulations/custody.sh             every small instance and every known mistake
 *     spin -DRESTORE=0 -DWRONG=7 -a custody.pml
 *     gcc -w -DSAFETY -DBFS -DNOREDUCE -DVECTORSZ=512 -o pan pan.c && ./pan; ./pan -S custody.pml.trail
 *
 * Instances (one -D each): PASS offer, accept, refuse · RESTORE=p port p loses its disk · REASSIGN a lost holder is
 * replaced · CUT a cut point below a custody step · OPENS two opens for one container · BRIBED=p port p equivocates.
 * WRONG=n makes the n-th mistake below; without it the environment variable WRONG does, 0 being the rules as they
 * are.
 *
 * Invariants, asserted at each release and by the process `monitor` in every state:
 *   - a container is released only while it stands there, so at most once per visit;
 *   - at most one honest port could release at any instant, and none once the container is gone;
 *   - whoever acts as holder does so at a higher epoch than every other holder before.
 */

#if !defined(PASS) && !defined(RESTORE) && !defined(REASSIGN) && !defined(CUT) && !defined(OPENS) && !defined(BRIBED)
#define PASS
#endif
#ifndef OFFERS
#define OFFERS 2 /* offers of honest ports */
#endif
#ifndef ENTRIES
#define ENTRIES 1 /* charter entries about this token, at most 2 */
#endif
#ifndef SECOND
#define SECOND 1 /* whom the second reassign replaces: 1, to whom the token was offered, or 2, the new holder */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef BRIBED
#define BRIBED 9 /* which port is bribed; 9: none */
#endif

/* Which feeds reach the other ports, and which get cosigned, at any time or never; the others at once. Where holding
 * more can only allow an honest port more, "at once" loses no run: whoever would have heard later acts later instead
 * (CUSTODY.md). -DSLOW makes all of them slow. */
#if defined(SLOW)
#define SLOW_TO_PORTS(f) 1
#define SLOW_TO_WITNESSES(f) 1
#elif defined(RESTORE)
#define SLOW_TO_PORTS(f) ((f) == RESTORE)
#define SLOW_TO_WITNESSES(f) ((f) == RESTORE)
#elif defined(REASSIGN)
#define SLOW_TO_PORTS(f) 0
#define SLOW_TO_WITNESSES(f) ((f) == 0 || ENTRIES > 1 && (f) == SECOND)
#elif defined(CUT)
#define SLOW_TO_PORTS(f) ((f) != 0)
#define SLOW_TO_WITNESSES(f) 0
#elif defined(OPENS)
#define SLOW_TO_PORTS(f) 1
#define SLOW_TO_WITNESSES(f) 0
#elif BRIBED != 9
#define SLOW_TO_PORTS(f) 0 /* the bribed port's branches arrive and are cosigned slowly by themselves */
#define SLOW_TO_WITNESSES(f) 0
#else
#define SLOW_TO_PORTS(f) 0
#define SLOW_TO_WITNESSES(f) 0
#endif

/* --- the mistakes --------------------------------------------------------------------------------------------- */

#define NONE 0
#define TIMEOUT_TAKES_BACK 1     /* a holder whose offer stays unanswered takes the token back */
#define RELEASE_WHILE_OFFERED 2  /* a holder releases although it has offered the token */
#define QUORUM_2_OF_4 3          /* k = 2 instead of 3 */
#define REFUSE_WITHOUT_QUORUM 4  /* the old holder resumes on a refuse that no quorum cosigned */
#define OFFER_WITHOUT_QUORUM 5   /* an offer is accepted that no quorum cosigned */
#define ACCEPT_WITHOUT_QUORUM 6  /* the new holder acts before its accept is quorum-cosigned */
#define NO_COPY_RULE 7           /* a node restored from a backup goes on as if restarted */
#define COPY_AFTER_USE 8         /* the answer leaves before the copy of the checkpoint is synced */
#define NO_RECOUNT 9             /* a frozen token is thawed without looking at the yard */
#define LOOK_EARLY 10            /* the yard is looked at before the wait is over */
#define NO_WAIT 11               /* the new holder does not wait for the old one's lease */
#define NO_SEALING 12            /* witnesses that hold a reassign go on cosigning */
#define OFFER_IGNORED 13         /* a reassign takes effect although the token is offered at the sealed size */
#define LEASE_FROM_ANSWER 14     /* the lease counts from the answers, not from the question */
#define HOLDER_GOES_ON 15        /* a holder that knows the reassign goes on until it knows the witnesses' `seen` */
#define VOID_RESUMES 16          /* an old holder resumes because one quorum's sizes make the reassign void */
#define WITNESS_NO_COPY 17       /* a restored witness goes on cosigning with its old key */
#define CUT_BELOW_ACCEPTED 18    /* a cut point undoes an offer that was accepted */
#define CUT_RESUMES 19           /* a cut point below an unanswered offer gives the token back */
#define CUT_UNDOES_USE 20        /* a cut point takes a token out of RELEASED */
#define OPEN_JUDGED_LATE 21      /* a second open is judged by what is known now, not at the open */
#define OPENS_NOT_FROZEN 22      /* two concurrent opens do not freeze each other */
#define RESTART_ENDS_WAIT 23     /* a new holder that restarts takes its wait for over */
#define CUT_UNDOES_ACCEPT 24     /* a cut point below an accept that nothing carries lets the port answer again */
#define REFUSED_WITHOUT_QUORUM 25 /* an offer is refused that no quorum cosigned: its epoch may come back */

/* --- state ---------------------------------------------------------------------------------------------------- */

#define PORTS 3
#define FEEDS 4  /* feed p < 3: generation 1 of port p. Feed 3: generation 2 of port `owner3`, or, where that
                  * port is bribed, the other branch of its generation 1. */
#define ROOM 4   /* records in a feed */
#define NOBODY 9
#ifndef LEASE
#define LEASE 2  /* ticks */
#endif
#define WAIT (LEASE + 1) /* the least whole number of ticks that is 1.1 leases */

#define OFFER 1
#define ACCEPT 2
#define REFUSE 3
#define USE 4
#define OPEN 5
#define WITHDRAW 6

#define REASSIGN_ENTRY 1
#define CLOSE_ENTRY 2
#define CUT_ENTRY 3
#define SETTLE_ENTRY 4

#define LIVE 0
#define RESTORED 1
#define NEW_GENERATION 2

#define HELD 1
#define OFFERED 2

byte wrong = NONE;

/* What was written. A record is kind + 8 * recipient + 32 * epoch; of an OPEN the epoch's place holds how much of
 * the other opener's feed is in its Before. */
byte feed[FEEDS * ROOM];
byte size[FEEDS];
byte owner3 = BRIBED;
byte sealed3 = ROOM; /* where generation 1 of `owner3` ends, as the first record of its generation 2 says */

/* The charter's entries about this token, in order: kind, old holder or cut feed, new holder or cut index, and for
 * a cut the size of the quorum-cosigned checkpoint it carries. */
byte entries;
byte entry_kind[2], entry_old[2], entry_new[2], entry_carries[2];

/* What a port holds: a prefix of each feed and of the charter. */
byte known[PORTS * FEEDS];
byte charter[PORTS];
byte status[PORTS];
byte looked[PORTS];  /* at the yard: 0 not yet, 1 the container stood there, 2 it was gone */
byte thawed[PORTS];  /* 0 no, 1 + n: by a recount, under charter entry n */
byte question[PORTS]; /* ticks until the lease asked for would end; 0: none asked for */
byte named[PORTS];   /* the largest charter that a quorum's answers to it name */
byte lease[PORTS];   /* ticks left */
byte waited[PORTS];  /* 0: the wait has not begun, n: n - 1 ticks ago */
bool took_back[PORTS];

/* What an honest witness holds, packed and kept sorted, since they are alike: 3 bits of size cosigned per feed, 2 of
 * charter, 3 of size named by its `seen` for each entry, a bit per `seen`. */
int witness[3];

byte offers, crashes, restores; /* so far */

/* What nobody in the model can see. */
bool gone;         /* the container has left the yard */
byte visits = 1;
bool unaware;      /* the release was by an opener who could not know of the other */
byte top_epoch = 1, top_port = NOBODY;

/* --- witnesses ------------------------------------------------------------------------------------------------ */

#define GET(w, at, mask) ((witness[w] >> (at)) & (mask))
#define PUT(w, at, mask, value) witness[w] = (witness[w] & ~((mask) << (at))) | ((value) << (at))

#define COSIGNED(w, f) GET(w, 3 * (f), 7)
#define HAS_CHARTER(w) GET(w, 12, 3)
#define NAMED(w, e) GET(w, 14 + 3 * (e), 7)
#define SEEN(w, e) GET(w, 20 + (e), 1)

/* Honest witnesses that a quorum takes beside the byzantine one, which signs whatever helps. */
#define HONEST (wrong == QUORUM_2_OF_4 -> 1 : 2)

#define COSIGNED_BY_QUORUM(f, n) \
    ((COSIGNED(0, f) >= (n)) + (COSIGNED(1, f) >= (n)) + (COSIGNED(2, f) >= (n)) >= HONEST)

/* There is a quorum whose `seen` records of entry e name n as their largest size: enough honest ones name at most n,
 * and the byzantine one names n. */
#define SEALED_AT(e, n) \
    ((SEEN(0, e) && NAMED(0, e) <= (n)) + (SEEN(1, e) && NAMED(1, e) <= (n)) + \
         (SEEN(2, e) && NAMED(2, e) <= (n)) >= HONEST)

/* There is a quorum of which none holds more than n charter entries. */
#define CHARTER_AT_MOST(n) ((HAS_CHARTER(0) <= n) + (HAS_CHARTER(1) <= n) + (HAS_CHARTER(2) <= n) >= HONEST)

#define SEALS(e, f) (entry_kind[e] != 0 && entry_kind[e] != CUT_ENTRY && entry_old[e] == (f))
/* What is barred is a size with a later step by which the token is let go; a closed generation at every size. A `use`
 * is none: nobody else can do anything by it, and it counts wherever it stands. */
#define LETS_GO(e, r) (KIND(r) == OFFER || KIND(r) == WITHDRAW && entry_kind[e] == REASSIGN_ENTRY)
#define STANDS_ABOVE(w, e, f, i, s) ((i) >= NAMED(w, e) && (i) < (s) && LETS_GO(e, feed[(f) * ROOM + (i)]))
#define BARS(w, e, f, s) \
    (HAS_CHARTER(w) > (e) && SEALS(e, f) && \
     (entry_kind[e] == CLOSE_ENTRY || STANDS_ABOVE(w, e, f, 0, s) || STANDS_ABOVE(w, e, f, 1, s) || \
      STANDS_ABOVE(w, e, f, 2, s) || STANDS_ABOVE(w, e, f, 3, s)))
#define MAY_COSIGN(w, f, s) \
    (wrong == NO_SEALING || !(BARS(w, 0, f, s) || BARS(w, 1, f, s))) && \
        (BRIBED == 9 || ((f) != BRIBED || COSIGNED(w, 3) == 0) && ((f) != 3 || COSIGNED(w, BRIBED) == 0))

int swap; /* scratch, like all v_ below: 0 between steps */
inline order(a, b)
{
    if
    :: witness[a] > witness[b] -> swap = witness[a]; witness[a] = witness[b]; witness[b] = swap
    :: else
    fi
}
inline sort()
{
    order(0, 1); order(1, 2); order(0, 1);
    swap = 0
}

/* --- what a port concludes from what it holds ----------------------------------------------------------------- */

#define KNOWN(p, f) known[(p) * FEEDS + (f)]
#define KIND(r) ((r) & 7)
#define TO(r) (((r) >> 3) & 3)
#define EPOCH(r) ((r) >> 5)

byte v_holder, v_epoch, v_state, v_to;    /* the token, as far as offers, accepts and refuses tell */
byte v_released, v_frozen, v_cut;
byte v_offer_feed, v_offer_at;            /* the newest offer */
byte v_accept_feed, v_accept_at;          /* the accept that made the holder; NOBODY: it opened the token */
byte v_feed, v_at, v_record, v_kind;      /* what scan() found */
byte v_round, v_f, v_i;
byte v_accepted, v_sought;
byte limit_feed, limit_size;              /* judge as if this feed ended there */

inline no_limit()
{
    limit_feed = NOBODY;
    limit_size = 0
}

#define END(p, f) \
    ((f) == limit_feed && limit_size < KNOWN(p, f) \
         -> limit_size \
         : ((f) == owner3 && sealed3 < KNOWN(p, f) && (KNOWN(p, 3) > 0 || (p) == owner3) -> sealed3 : KNOWN(p, f)))

#define CUT_HITS(p, f, i) (charter[p] > 0 && entry_kind[0] == CUT_ENTRY && entry_old[0] == (f) && (i) >= entry_new[0])
#define CARRIED(i) ((i) < entry_carries[0])

/* v_accepted: p knows an accept at epoch v_sought. */
inline look_for_accept(p)
{
    v_accepted = false;
    v_f = 0;
    do
    :: v_f < PORTS ->
        v_i = 0;
        do
        :: v_i < KNOWN(p, v_f) ->
            v_accepted = v_accepted || feed[v_f * ROOM + v_i] == ACCEPT + 32 * v_sought;
            v_i++
        :: else -> break
        od;
        v_f++
    :: else -> break
    od
}

/* A cut takes no custody step's effect away: it freezes the token where the step put it. By mistake it does, for the
 * record in hand (v_record at v_at), of which v_accepted says whether a known accept carries it. */
#define CUT_VOIDS \
    (KIND(v_record) == OFFER \
         -> (v_accepted -> wrong == CUT_BELOW_ACCEPTED : wrong == CUT_RESUMES && !CARRIED(v_at)) \
         : wrong == CUT_UNDOES_ACCEPT && KIND(v_record) == ACCEPT && !v_accepted && !CARRIED(v_at))

/* The first record of author `h` at this epoch that is one of two kinds, to v_kind (0: none), v_feed, v_at. */
inline scan(p, h, epoch, one, other)
{
    v_kind = 0;
    v_feed = h;
    v_at = 0;
    do
    :: v_kind == 0 && v_at < END(p, v_feed) ->
        v_record = feed[v_feed * ROOM + v_at];
        if
        :: EPOCH(v_record) == (epoch) && (KIND(v_record) == one || KIND(v_record) == other) ->
            if
            :: CUT_HITS(p, v_feed, v_at) ->
                v_sought = (KIND(v_record) == OFFER -> epoch : epoch + 1);
                look_for_accept(p);
                if
                :: CUT_VOIDS -> v_at++
                :: else ->
                    v_kind = KIND(v_record);
                    v_frozen = true;
                    v_cut = v_kind == OFFER && !v_accepted && !CARRIED(v_at)
                fi
            :: else -> v_kind = KIND(v_record)
            fi
        :: else -> v_at++
        fi
    :: v_kind == 0 && v_at >= END(p, v_feed) && v_feed == (h) && owner3 == (h) -> v_feed = 3; v_at = 0
    :: else -> break
    od
}

/* RELEASED is final: a known `use` decides, whatever became of the steps before it. It can only forbid, so where
 * records arrive at once the `use` of others is the one kind that never does. */
#define HEARS_OF_USE(p, f) (SLOW_TO_PORTS(f) || (f) == (p) || (f) == 3 && owner3 == (p))
inline look_for_use(p)
{
    v_released = false;
    v_f = 0;
    do
    :: v_f < FEEDS ->
        v_i = 0;
        do
        :: v_i < KNOWN(p, v_f) ->
            if
            :: KIND(feed[v_f * ROOM + v_i]) == USE && HEARS_OF_USE(p, v_f) &&
               !(wrong == CUT_UNDOES_USE && CUT_HITS(p, v_f, v_i)) ->
                v_released = true
            :: else
            fi;
            v_i++
        :: else -> break
        od;
        v_f++
    :: else -> break
    od
}

/* Accept and refuse both rest on the offer, and so on the quorum-cosigned checkpoint that has it. */
#define OFFER_COSIGNED COSIGNED_BY_QUORUM(v_offer_feed, v_offer_at + 1)

/* The token as port p sees it: HELD by v_holder at v_epoch, or OFFERED by it to v_to at v_epoch + 1. */
inline judge(p)
{
    v_holder = 0;
    v_epoch = 1;
    v_state = HELD;
    v_to = NOBODY;
    v_frozen = false;
    v_cut = false;
    v_accept_feed = NOBODY;
    v_accept_at = 0;
    v_round = 0;
    look_for_use(p);
    do
    :: v_round < 4 ->
        v_round++;
        scan(p, v_holder, v_epoch + 1, OFFER, OFFER);
        if
        :: v_kind == 0 -> break
        :: else
        fi;
        v_to = TO(v_record);
        v_offer_feed = v_feed;
        v_offer_at = v_at;
        scan(p, v_to, v_epoch + 1, ACCEPT, REFUSE);
        if
        :: v_kind == ACCEPT && (wrong == OFFER_WITHOUT_QUORUM || OFFER_COSIGNED) ->
            v_holder = v_to;
            v_epoch++;
            v_accept_feed = v_feed;
            v_accept_at = v_at
        :: v_kind == REFUSE && (wrong == REFUSED_WITHOUT_QUORUM || OFFER_COSIGNED) &&
           (wrong == REFUSE_WITHOUT_QUORUM || COSIGNED_BY_QUORUM(v_feed, v_at + 1)) ->
            v_epoch = v_epoch + 2;
            v_frozen = false
        :: else -> v_state = OFFERED; break
        fi
    :: else -> break
    od
}

#define MAY_APPEND(p) (status[p] != RESTORED)
#define OWN(p) (status[p] == NEW_GENERATION -> 3 : (p))

#define MOVES_TOKEN(e) (entry_kind[e] == REASSIGN_ENTRY || entry_kind[e] == SETTLE_ENTRY)

/* A port that knows an entry naming it as the old holder, or one later than the entry that made it holder, stops. */
#define NAMED_OLD(p, e) \
    (charter[p] > (e) && MOVES_TOKEN(e) && entry_old[e] == (p) && \
     wrong != HOLDER_GOES_ON && !(wrong == VOID_RESUMES && KIND(feed[(p) * ROOM]) == OFFER && SEALED_AT(e, 1)))
#define STOPPED(p) (NAMED_OLD(p, 0) || NAMED_OLD(p, 1))

#define TAKEN_OVER(p) (thawed[p] > 0 && entry_kind[thawed[p] - 1] == REASSIGN_ENTRY && charter[p] == thawed[p])

#define LEASED(p) (lease[p] > 0)
#if defined(REASSIGN) || defined(OPENS)
#define LEASES
/* Only a port that an entry may replace needs one here: the others may release at any time, which is more. */
#define NEEDS_LEASE(p) (ENTRIES > 0 && (p) == 0 || ENTRIES > 1 && ((p) == 2 || (p) == SECOND))
#else
#define NEEDS_LEASE(p) 0
#endif

#define HOLDS_BY_FEEDS(p) \
    (v_holder == (p) && !STOPPED(p) && !((v_frozen || status[p] == NEW_GENERATION) && thawed[p] == 0) && \
     (v_accept_feed == NOBODY || wrong == ACCEPT_WITHOUT_QUORUM || \
      COSIGNED_BY_QUORUM(v_accept_feed, v_accept_at + 1)) && \
     (v_state == HELD || took_back[p] || wrong == RELEASE_WHILE_OFFERED))

/* After judge(p). Only a release needs a lease. */
#define HOLDS(p) (MAY_APPEND(p) && !v_released && (TAKEN_OVER(p) || HOLDS_BY_FEEDS(p)))
#define MAY_RELEASE(p) (HOLDS(p) && (!NEEDS_LEASE(p) || LEASED(p)))
#define HOLDING_EPOCH(p) (TAKEN_OVER(p) -> 5 + thawed[p] : v_epoch)

#ifdef OPENS
/* Ports 0 and 1 each open a token for the same container, in their feed's first record. */
#define OTHER(p) ((p) == 0 -> 1 : 0)
#define BEFORE(p) EPOCH(feed[(p) * ROOM])
#define HAS_OPENED(p) (size[p] > 0)
#define ENDED(p, n) \
    ((n) > 1 && (KIND(feed[(p) * ROOM + 1]) == USE || COSIGNED_BY_QUORUM(p, 2)))
/* The prefix of the other feed by which p's open is judged. */
#define JUDGED_BY(p) (wrong == OPEN_JUDGED_LATE -> KNOWN(p, OTHER(p)) : BEFORE(p))
#define OPEN_COUNTS(p) (JUDGED_BY(p) == 0 || ENDED(OTHER(p), JUDGED_BY(p)))
/* p knows another open that neither had in its Before, and that has not been withdrawn. */
#define FROZEN(p) \
    (wrong != OPENS_NOT_FROZEN && KNOWN(p, OTHER(p)) > 0 && BEFORE(p) == 0 && BEFORE(OTHER(p)) == 0 && \
     !(KNOWN(p, OTHER(p)) > 1 && KIND(feed[OTHER(p) * ROOM + 1]) == WITHDRAW && COSIGNED_BY_QUORUM(OTHER(p), 2)))
#define SETTLED_FOR(p) (thawed[p] > 0 && charter[p] > 0 && entry_new[0] == (p))
#undef HOLDS
#define HOLDS(p) \
    ((p) < 2 && size[p] == 1 && !STOPPED(p) && (SETTLED_FOR(p) || (OPEN_COUNTS(p) && !FROZEN(p))))
#undef HOLDING_EPOCH
#define HOLDING_EPOCH(p) 1 /* these tokens stay with who opened them */
#endif

/* --- telling what happened, and what was reached -------------------------------------------------------------- */

c_decl {
    static int custody_wrong(void)
    {
        const char *wanted = getenv("WRONG");
        return wanted ? atoi(wanted) : 0;
    }
    /* Says once that a step was taken, so that a search in which nothing happens cannot pass for a proof. */
    static void custody_reached(int which, const char *what)
    {
        static unsigned long said;
        if (!(said & 1ul << which)) {
            said |= 1ul << which;
            printf("reached: %s\n", what);
        }
    }
}

/* --- ports ---------------------------------------------------------------------------------------------------- */

byte n_feed, holders;
inline forget()
{
    swap = 0; v_holder = 0; v_epoch = 0; v_state = 0; v_to = 0; v_released = 0; v_frozen = 0; v_cut = 0;
    v_offer_feed = 0; v_offer_at = 0; v_accept_feed = 0; v_accept_at = 0; v_feed = 0; v_at = 0; v_record = 0;
    v_kind = 0; v_round = 0; v_f = 0; v_i = 0; v_accepted = 0; v_sought = 0; limit_feed = 0; limit_size = 0; n_feed = 0;
    holders = 0
}

inline cosign_at_once(w, f)
{
    if
    :: MAY_COSIGN(w, f, size[f]) -> PUT(w, 3 * (f), 7, size[f])
    :: else
    fi
}
inline append(p, record)
{
    n_feed = OWN(p);
    feed[n_feed * ROOM + size[n_feed]] = record;
    size[n_feed]++;
    KNOWN(p, n_feed) = size[n_feed];
    if
    :: !SLOW_TO_PORTS(n_feed) ->
        KNOWN(0, n_feed) = size[n_feed];
        KNOWN(1, n_feed) = size[n_feed];
        KNOWN(2, n_feed) = size[n_feed]
    :: else
    fi;
    if
    :: !SLOW_TO_WITNESSES(n_feed) ->
        cosign_at_once(0, n_feed);
        cosign_at_once(1, n_feed);
        cosign_at_once(2, n_feed);
        sort()
    :: else
    fi
}
#define HAS_ROOM(p) (size[OWN(p)] < ROOM && KNOWN(p, OWN(p)) == size[OWN(p)])

/* Custody passes only among honest ports that are not stopped; who took over by a reassign only releases here. */
inline offer(p, to)
{
    no_limit();
    judge(p);
    if
    :: HOLDS(p) && !TAKEN_OVER(p) && v_state == HELD && HAS_ROOM(p) && offers < OFFERS && v_epoch < 5 ->
        append(p, OFFER + 8 * (to) + 32 * (v_epoch + 1));
        offers++;
        printf("port%d: offers the token to port%d, epoch %d\n", p, to, v_epoch + 1);
        c_code { custody_reached(0, "offer"); };
        if
        :: status[p] == NEW_GENERATION -> c_code { custody_reached(1, "offer-by-new-generation"); }
        :: else
        fi
    :: else
    fi;
    forget()
}

inline answer(p, reply)
{
    no_limit();
    judge(p);
    if
    :: MAY_APPEND(p) && HAS_ROOM(p) && !STOPPED(p) && !v_released && v_state == OFFERED && v_to == (p) &&
       v_holder != (p) && v_kind == 0 &&
       (reply == REFUSE && (wrong == REFUSED_WITHOUT_QUORUM || OFFER_COSIGNED) ||
        reply == ACCEPT && (wrong == OFFER_WITHOUT_QUORUM || OFFER_COSIGNED) && !v_cut &&
            !CUT_HITS(p, OWN(p), size[OWN(p)])) ->
        append(p, reply + 32 * (v_epoch + 1));
        if
        :: reply == ACCEPT ->
            printf("port%d: accepts, epoch %d\n", p, v_epoch + 1);
            c_code { custody_reached(2, "accept"); }
        :: else ->
            printf("port%d: refuses, epoch %d is burnt\n", p, v_epoch + 1);
            c_code { custody_reached(3, "refuse"); }
        fi
    :: else
    fi;
    forget()
}

inline release(p)
{
    no_limit();
    judge(p);
    if
    :: MAY_RELEASE(p) && HAS_ROOM(p) ->
        printf("port%d: RELEASES the container, epoch %d\n", p, HOLDING_EPOCH(p));
#ifdef OPENS
        /* Two openers who could not know of each other are stopped by the yard alone. */
        assert(!gone || (unaware && KNOWN(p, OTHER(p)) == 0 && visits == 1));
        unaware = KNOWN(p, OTHER(p)) == 0;
        if
        :: SETTLED_FOR(p) -> c_code { custody_reached(4, "release-after-settle"); }
        :: !SETTLED_FOR(p) && KNOWN(p, OTHER(p)) > 1 ->
            if
            :: KIND(feed[OTHER(p) * ROOM + 1]) == WITHDRAW -> c_code { custody_reached(5, "release-after-withdraw"); }
            :: else -> c_code { custody_reached(6, "release-on-second-visit"); }
            fi
        :: else -> c_code { custody_reached(7, "release"); }
        fi;
#else
        assert(!gone);
        if
        :: TAKEN_OVER(p) -> c_code { custody_reached(8, "release-after-reassign"); }
        :: !TAKEN_OVER(p) && status[p] == NEW_GENERATION -> c_code { custody_reached(9, "release-after-restore"); }
        :: !TAKEN_OVER(p) && status[p] == LIVE ->
            if
            :: v_frozen -> c_code { custody_reached(10, "release-after-cut"); }
            :: !v_frozen && v_holder != 0 -> c_code { custody_reached(11, "release-after-accept"); }
            :: !v_frozen && v_holder == 0 && v_epoch > 1 -> c_code { custody_reached(12, "release-after-refuse"); }
            :: else -> c_code { custody_reached(7, "release"); }
            fi
        fi;
#endif
        append(p, USE + 32 * HOLDING_EPOCH(p));
        gone = true
    :: else
    fi;
    forget()
}

/* Two issuers look at the yard; what they saw is recorded later, by recount(). */
inline look(p)
{
    looked[p] = (gone -> 2 : 1);
    if
    :: gone ->
        printf("port%d: two issuers look at the yard: the container is gone\n", p);
        c_code { custody_reached(13, "look-gone"); }
    :: else ->
        printf("port%d: two issuers look at the yard: the container stands there\n", p);
        c_code { custody_reached(14, "look-held"); }
    fi
}

#define STANDS_THERE(p) (looked[p] == 1 || wrong == NO_RECOUNT)
inline recount(p, entry)
{
    thawed[p] = 1 + (entry);
    waited[p] = 0;
    looked[p] = 0;
    printf("port%d: recount thaws the token\n", p);
    c_code { custody_reached(15, "recount"); }
}

/* A new holder under entry e may begin its wait: a quorum has `seen` the entry, it holds the old holder's feed to the
 * size they name, and there the token is the old holder's or offered to it. */
inline begin_wait(p, e, n)
{
    limit_feed = entry_old[e];
    limit_size = n;
    judge(p);
    if
    :: SEALED_AT(e, n) && KNOWN(p, entry_old[e]) >= n &&
       (entry_kind[e] == SETTLE_ENTRY || (v_holder == entry_old[e] && (v_state == HELD || wrong == OFFER_IGNORED)) ||
        (v_state == OFFERED && v_to == entry_old[e] && v_kind == 0) || (e == 1 && entry_new[0] == entry_old[1])) ->
        waited[p] = (wrong == NO_WAIT -> 1 + WAIT : 1);
        printf("port%d: a quorum has seen the entry, port%d's feed ends at %d; the wait begins\n", p, entry_old[e], n);
        c_code { custody_reached(16, "wait"); }
    :: else
    fi;
    forget()
}
#define NEW_HOLDER(p) \
    (charter[p] > 0 && MOVES_TOKEN(0) && entry_new[charter[p] - 1] == (p) && thawed[p] < charter[p])
#define WAIT_OVER(p) (waited[p] == 1 + WAIT)
#define MAY_LOOK(p) (WAIT_OVER(p) || wrong == LOOK_EARLY && waited[p] > 0)

/* A port that the only entry does not concern does the same whether it holds it or not. */
#define ENTRY_MATTERS(p) (ENTRIES > 1 || entry_kind[0] == CUT_ENTRY || entry_old[0] == (p) || entry_new[0] == (p))

/* Of a bribed port's two branches an honest port or witness takes one, and then all: more can only allow more. */
#define WHOLE_BRANCH(f) (BRIBED != 9 && ((f) == BRIBED || (f) == 3))
#define RECEIVES(p, f) \
    (KNOWN(p, f) < size[f] && \
     (BRIBED == 9 || ((f) != BRIBED || KNOWN(p, 3) == 0) && ((f) != 3 || KNOWN(p, BRIBED) == 0)))
inline receive(p, f)
{
    KNOWN(p, f) = (WHOLE_BRANCH(f) -> size[f] : KNOWN(p, f) + 1);
    if
    :: WHOLE_BRANCH(f) -> printf("port%d: receives branch %d of port%d\n", p, f, BRIBED)
    :: else -> printf("port%d: receives record %d of port%d\n", p, KNOWN(p, f), ((f) == 3 -> owner3 : (f)))
    fi
}

/* Where no copy tells that records are missing. Only where nobody else has them is the shorter feed not a fork. */
#define UNKNOWN_TO_OTHERS(p) \
    (KNOWN((p + 1) % 3, p) <= KNOWN(p, p) && KNOWN((p + 2) % 3, p) <= KNOWN(p, p) && \
     COSIGNED(0, p) <= KNOWN(p, p) && COSIGNED(1, p) <= KNOWN(p, p) && COSIGNED(2, p) <= KNOWN(p, p))
#define USE_ALONE_IS_MISSING(p) \
    (KNOWN(p, p) + 1 == size[p] && KIND(feed[(p) * ROOM + KNOWN(p, p)]) == USE)
#define LOST_UNNOTICED(p) \
    (entries == 0 && UNKNOWN_TO_OTHERS(p) && \
     (wrong == NO_COPY_RULE || wrong == COPY_AFTER_USE && USE_ALONE_IS_MISSING(p)))

inline new_generation(p, n)
{
    if
    :: SEALED_AT(0, n) && KNOWN(p, p) >= n && n <= size[p] ->
        status[p] = NEW_GENERATION;
        owner3 = p;
        sealed3 = n;
        printf("port%d: starts generation 2; generation 1 ends at %d, the token is frozen\n", p, n);
        c_code { custody_reached(20, "new-generation"); }
    :: else
    fi
}

proctype port(byte me)
{
end:
    do
#ifndef OPENS
    :: d_step { me != 0 -> offer(me, 0) }
    :: d_step { me != 1 -> offer(me, 1) }
    :: d_step { me != 2 -> offer(me, 2) }
    :: d_step { answer(me, ACCEPT) }
    :: d_step { answer(me, REFUSE) }
#else
    :: d_step {
        me < 2 && size[me] == 0 && (!gone || visits > 1) ->
        append(me, OPEN + 32 * KNOWN(me, OTHER(me)));
        n_feed = 0;
        printf("port%d: opens a token, knowing %d records of port%d\n", me, KNOWN(me, OTHER(me)), OTHER(me))
    }
    :: d_step {
        me < 2 && size[me] == 1 && FROZEN(me) ->
        append(me, WITHDRAW);
        n_feed = 0;
        printf("port%d: withdraws its token\n", me);
        c_code { custody_reached(17, "withdraw"); }
    }
#endif
    :: d_step { release(me) }
    :: d_step {
        wrong == TIMEOUT_TAKES_BACK && !took_back[me] ->
        no_limit();
        judge(me);
        if
        :: v_state == OFFERED && v_holder == me ->
            took_back[me] = true;
            printf("port%d: no answer came in time, takes the token back\n", me)
        :: else
        fi;
        forget()
    }

    /* Records and charter arrive, in any order and as often as they like: what counts is the longest prefix held. */
    :: d_step { RECEIVES(me, 0) -> receive(me, 0) }
    :: d_step { RECEIVES(me, 1) -> receive(me, 1) }
    :: d_step { RECEIVES(me, 2) -> receive(me, 2) }
    :: d_step { RECEIVES(me, 3) -> receive(me, 3) }
    :: d_step {
        charter[me] < entries && ENTRY_MATTERS(me) ->
        charter[me]++;
        waited[me] = 0;
        looked[me] = 0;
        printf("port%d: receives charter entry %d\n", me, charter[me])
    }

#ifdef LEASES
    /* A charter only grows, so the answer given at once is the one that allows most; it may arrive much later. */
    :: d_step {
        NEEDS_LEASE(me) && question[me] == 0 && lease[me] < LEASE ->
        question[me] = LEASE;
        named[me] = (CHARTER_AT_MOST(0) -> 0 : (CHARTER_AT_MOST(1) -> 1 : 2));
        printf("port%d: asks for a lease; a quorum of its witnesses names charter size %d\n", me, named[me])
    }
    :: d_step {
        question[me] > 0 && named[me] <= charter[me] ->
        lease[me] = (wrong == LEASE_FROM_ANSWER -> LEASE : question[me]);
        question[me] = 0;
        named[me] = 0;
        printf("port%d: has the answers, may release for %d ticks\n", me, lease[me])
    }
    :: d_step { NEW_HOLDER(me) && waited[me] == 0 -> begin_wait(me, charter[me] - 1, 0) }
    :: d_step { NEW_HOLDER(me) && waited[me] == 0 -> begin_wait(me, charter[me] - 1, 1) }
    :: d_step { NEW_HOLDER(me) && waited[me] == 0 -> begin_wait(me, charter[me] - 1, 2) }
    :: d_step { NEW_HOLDER(me) && waited[me] == 0 -> begin_wait(me, charter[me] - 1, 3) }
    :: d_step { NEW_HOLDER(me) && waited[me] == 0 -> begin_wait(me, charter[me] - 1, 4) }
    :: d_step { NEW_HOLDER(me) && looked[me] == 0 && MAY_LOOK(me) -> look(me) }
    :: d_step { NEW_HOLDER(me) && WAIT_OVER(me) && STANDS_THERE(me) -> recount(me, charter[me] - 1) }
    :: d_step {
        crashes < CRASHES && waited[me] > 0 ->
        crashes++;
        lease[me] = 0;
        question[me] = 0;
        named[me] = 0;
        waited[me] = (wrong == RESTART_ENDS_WAIT -> 1 + WAIT : 0);
        looked[me] = 0;
        printf("port%d: restarts; lease and wait begin again\n", me);
        c_code { custody_reached(18, "restart"); }
    }
#endif

#ifdef CUT
    :: d_step { looked[me] == 0 && charter[me] > 0 -> look(me) }
    :: d_step { looked[me] == 1 && thawed[me] == 0 -> recount(me, 0) }
#endif

#ifdef RESTORE
    /* A backup from any time: what it lacks of other feeds can be fetched again, so the emptiest stands for all. */
    :: d_step {
        me == RESTORE && restores == 0 && status[me] == LIVE && size[me] > 0 ->
        restores++;
        KNOWN(me, me) = 0;
        status[me] = RESTORED;
        printf("port%d: loses its disk and is restored from an old backup\n", me)
    }
    :: d_step {
        status[me] == RESTORED && charter[me] == 0 && KNOWN(me, me) == size[me] ->
        status[me] = LIVE;
        printf("port%d: has fetched its feed back to where its copy stands, and goes on\n", me);
        c_code { custody_reached(19, "fetched-back"); }
    }
    :: d_step {
        status[me] == RESTORED && KNOWN(me, me) < size[me] && LOST_UNNOTICED(me) ->
        do
        :: size[me] > KNOWN(me, me) -> size[me]--; feed[me * ROOM + size[me]] = 0
        :: else -> break
        od;
        status[me] = LIVE;
        printf("port%d: goes on at size %d, no witness names a larger one\n", me, size[me])
    }
    :: d_step { status[me] == RESTORED && charter[me] > 0 -> new_generation(me, 0) }
    :: d_step { status[me] == RESTORED && charter[me] > 0 -> new_generation(me, 1) }
    :: d_step { status[me] == RESTORED && charter[me] > 0 -> new_generation(me, 2) }
    :: d_step { status[me] == RESTORED && charter[me] > 0 -> new_generation(me, 3) }
    :: d_step { status[me] == RESTORED && charter[me] > 0 -> new_generation(me, 4) }
    :: d_step { status[me] == NEW_GENERATION && looked[me] == 0 && thawed[me] == 0 -> look(me) }
    :: d_step { status[me] == NEW_GENERATION && thawed[me] == 0 && STANDS_THERE(me) -> recount(me, 0) }
#endif
    od
}

/* --- the bribed port: any records on either branch ------------------------------------------------------------ */

/* It writes before anybody looks: until a record is received or cosigned, nobody can tell when it was written. */
#define UNTOUCHED(f) \
    (KNOWN(0, f) + KNOWN(1, f) + KNOWN(2, f) + COSIGNED(0, f) + COSIGNED(1, f) + COSIGNED(2, f) == 0)
#define BRIBES(f) \
    (size[f] < BRANCH_ROOM && ((f) == 3 || size[3] == 0) && offers == 0 && UNTOUCHED(BRIBED) && UNTOUCHED(3))
inline bribe(f, kind, to, epoch)
{
    feed[(f) * ROOM + size[f]] = kind + 8 * (to) + 32 * (epoch);
    size[f]++;
    if
    :: kind == OFFER -> printf("port%d, bribed, on branch %d: offers to port%d, epoch %d\n", BRIBED, f, to, epoch)
    :: kind == ACCEPT -> printf("port%d, bribed, on branch %d: accepts, epoch %d\n", BRIBED, f, epoch)
    :: else -> printf("port%d, bribed, on branch %d: refuses, epoch %d\n", BRIBED, f, epoch)
    fi
}
#define BRANCH_ROOM 2
#if BRIBED == 0
proctype bribed_port()
{
end:
    do
    :: d_step { BRIBES(0) -> bribe(0, OFFER, 1, 2) }
    :: d_step { BRIBES(0) -> bribe(0, OFFER, 2, 2) }
    :: d_step { BRIBES(0) -> bribe(0, OFFER, 1, 4) }
    :: d_step { BRIBES(0) -> bribe(0, OFFER, 2, 4) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 1, 2) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 2, 2) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 1, 4) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 2, 4) }
    od
}
#elif BRIBED == 1
proctype bribed_port()
{
end:
    do
    :: d_step { BRIBES(1) -> bribe(1, ACCEPT, 0, 2) }
    :: d_step { BRIBES(1) -> bribe(1, REFUSE, 0, 2) }
    :: d_step { BRIBES(1) -> bribe(1, OFFER, 0, 3) }
    :: d_step { BRIBES(1) -> bribe(1, OFFER, 2, 3) }
    :: d_step { BRIBES(3) -> bribe(3, ACCEPT, 0, 2) }
    :: d_step { BRIBES(3) -> bribe(3, REFUSE, 0, 2) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 0, 3) }
    :: d_step { BRIBES(3) -> bribe(3, OFFER, 2, 3) }
    od
}
#endif

/* --- witnesses, charter, clock -------------------------------------------------------------------------------- */

inline cosign(w, f)
{
    PUT(w, 3 * (f), 7, (WHOLE_BRANCH(f) -> size[f] : COSIGNED(w, f) + 1));
    if
    :: WHOLE_BRANCH(f) -> printf("a witness cosigns branch %d of port%d\n", f, BRIBED)
    :: else -> printf("a witness cosigns the feed of port%d at size %d\n", ((f) == 3 -> owner3 : (f)), COSIGNED(w, f))
    fi;
    sort()
}
#define COSIGNS(w, f) (COSIGNED(w, f) < size[f] && MAY_COSIGN(w, f, (WHOLE_BRANCH(f) -> size[f] : COSIGNED(w, f) + 1)))

/* The witness takes the next entry and writes `seen`; it may hold more of the feed than it has cosigned. */
inline take_entry(w, n)
{
    swap = HAS_CHARTER(w);
    if
    :: swap == 0 -> PUT(w, 14, 7, n)
    :: else -> PUT(w, 17, 7, n)
    fi;
    witness[w] = witness[w] | (1 << (20 + swap));
    PUT(w, 12, 3, swap + 1);
    printf("a witness holds charter entry %d; its `seen` names size %d of port%d\n", swap + 1, n, entry_old[swap]);
    sort()
}
#define NEXT_OLD(w) entry_old[HAS_CHARTER(w)]
#define TAKES_ENTRY(w, n) \
    (HAS_CHARTER(w) < entries && \
     (entry_kind[HAS_CHARTER(w)] == CUT_ENTRY \
          -> (n) == 0 \
          : COSIGNED(w, NEXT_OLD(w)) <= (n) && (n) <= size[NEXT_OLD(w)]))

proctype witness_node(byte me)
{
end:
    do
    :: d_step { COSIGNS(me, 0) -> cosign(me, 0) }
    :: d_step { COSIGNS(me, 1) -> cosign(me, 1) }
    :: d_step { COSIGNS(me, 2) -> cosign(me, 2) }
    :: d_step { COSIGNS(me, 3) -> cosign(me, 3) }
    :: d_step { TAKES_ENTRY(me, 0) -> take_entry(me, 0) }
    :: d_step { TAKES_ENTRY(me, 1) -> take_entry(me, 1) }
    :: d_step { TAKES_ENTRY(me, 2) -> take_entry(me, 2) }
    :: d_step { TAKES_ENTRY(me, 3) -> take_entry(me, 3) }
    :: d_step { TAKES_ENTRY(me, 4) -> take_entry(me, 4) }
    :: d_step {
        wrong == WITNESS_NO_COPY && restores == 0 && HAS_CHARTER(me) > 0 ->
        restores++;
        PUT(me, 12, 3, 0);
        sort();
        printf("a witness is restored from a backup that lacks the charter entry, and goes on\n")
    }
    od
}

inline write_entry(kind, old, new, carries)
{
    entry_kind[entries] = kind;
    entry_old[entries] = old;
    entry_new[entries] = new;
    entry_carries[entries] = carries;
    entries++
}

#define CUTS(f, at, carries) (entries == 0 && size[f] >= (carries) && COSIGNED_BY_QUORUM(f, carries))
inline cut(f, at, carries)
{
    write_entry(CUT_ENTRY, f, at, carries);
    printf("charter: entry 1 cuts the issuer of port%d at index %d, carrying size %d\n", f, at, carries)
}

#if defined(REASSIGN) || defined(OPENS) || defined(RESTORE) || defined(CUT)
#define HAS_CHARTER_ROOTS
proctype charter_roots()
{
end:
    do
#ifdef REASSIGN
    :: d_step {
        entries == 0 ->
        write_entry(REASSIGN_ENTRY, 0, 2, 0); printf("charter: entry 1 reassigns the token from port0 to port2\n")
    }
    /* The second names the recipient of an offer, or the holder that the first one named. */
    :: d_step {
        entries == 1 && ENTRIES > 1 ->
        write_entry(REASSIGN_ENTRY, SECOND, SECOND - 1, 0);
        printf("charter: entry 2 reassigns the token from port%d to port%d\n", SECOND, SECOND - 1)
    }
#endif
#ifdef OPENS
    :: d_step {
        ENTRIES > 0 && entries == 0 && HAS_OPENED(0) && HAS_OPENED(1) ->
        write_entry(SETTLE_ENTRY, 0, 1, 0); printf("charter: entry 1 settles for the token of port1, against port0\n")
    }
    :: d_step {
        gone && visits < 2 && !HAS_OPENED(1) ->
        visits++; gone = false; printf("the container comes back\n")
    }
#endif
#ifdef RESTORE
    :: d_step {
        entries == 0 && status[RESTORE] == RESTORED ->
        write_entry(CLOSE_ENTRY, RESTORE, RESTORE, 0);
        printf("charter: entry 1 grants port%d generation 2\n", RESTORE)
    }
#endif
#ifdef CUT
    /* A cut of a port's issuer at any index, below or above the step, carrying any quorum-cosigned checkpoint. */
    :: d_step { CUTS(0, 0, 0) -> cut(0, 0, 0) }
    :: d_step { CUTS(0, 0, 1) -> cut(0, 0, 1) }
    :: d_step { CUTS(0, 1, 1) -> cut(0, 1, 1) }
    :: d_step { CUTS(0, 1, 2) -> cut(0, 1, 2) }
    :: d_step { CUTS(1, 0, 0) -> cut(1, 0, 0) }
    :: d_step { CUTS(1, 0, 1) -> cut(1, 0, 1) }
    :: d_step { CUTS(1, 1, 1) -> cut(1, 1, 1) }
    :: d_step { CUTS(1, 1, 2) -> cut(1, 1, 2) }
#endif
    od
}
#endif

#define COUNT_DOWN(x) x = (x > 0 -> x - 1 : 0)
#define COUNT_UP(x) x = (x > 0 && x < 1 + WAIT -> x + 1 : x)
#define FORGET_NAMED(p) named[p] = (question[p] > 0 -> named[p] : 0)
proctype clock()
{
end:
    do
    :: d_step {
        if
        :: wrong != LEASE_FROM_ANSWER -> COUNT_DOWN(question[0]); COUNT_DOWN(question[1]); COUNT_DOWN(question[2])
        :: else
        fi;
        FORGET_NAMED(0); FORGET_NAMED(1); FORGET_NAMED(2);
        COUNT_DOWN(lease[0]); COUNT_DOWN(lease[1]); COUNT_DOWN(lease[2]);
        COUNT_UP(waited[0]); COUNT_UP(waited[1]); COUNT_UP(waited[2]);
        printf("time: a tick\n")
    }
    od
}

/* Whoever can release holds at a higher epoch than anybody else who ever could. */
inline watch(p)
{
    judge(p);
    if
    :: MAY_RELEASE(p) ->
        holders++;
        assert(HOLDING_EPOCH(p) > top_epoch || top_port == NOBODY ||
               top_port == (p) && HOLDING_EPOCH(p) == top_epoch);
        top_epoch = HOLDING_EPOCH(p);
        top_port = p
    :: else
    fi
}

/* Of a mistake, the trail is to end in a second release; the rules as they are must not even have two holders. */
#ifndef OPENS
proctype monitor()
{
end:
    do
    :: d_step {
        wrong == NONE || wrong == REFUSED_WITHOUT_QUORUM ->
        no_limit();
#if BRIBED != 0
        watch(0);
#endif
#if BRIBED != 1
        watch(1);
#endif
        watch(2);
        assert(holders <= 1);
        assert(holders == 0 || !gone);
        forget()
    }
    od
}
#endif

init
{
#ifdef WRONG
    wrong = WRONG;
#else
    c_code { now.wrong = custody_wrong(); };
#endif
    atomic {
#if BRIBED != 0
        run port(0);
#endif
#if BRIBED != 1
        run port(1);
#endif
#ifndef OPENS
        run port(2);
        run monitor();
#endif
#if BRIBED != 9
        run bribed_port();
#endif
        run witness_node(0);
        run witness_node(1);
        run witness_node(2);
#ifdef HAS_CHARTER_ROOTS
        run charter_roots();
#endif
#ifdef LEASES
        run clock();
#endif
        skip
    }
}
