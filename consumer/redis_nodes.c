/* SPDX-License-Identifier: Apache-2.0
 * redis_nodes.c -- see redis_nodes.h. */
#include "redis_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "redis.h"

enum { RANGES_MAX = 4096, WHY_MAX = 512 };

static const struct span ASKING[] = {{"ASKING", 6}};

void redis_nodes_lost(struct redis_nodes *ns, size_t node) {
    redis_link_close(&ns->nodes[node].link);
    ns->is_up = false;
    ns->is_stale = true;
}

void redis_nodes_close(struct redis_nodes *ns) {
    for (size_t i = 0; i < ns->map.n_nodes; i++) {
        redis_nodes_lost(ns, i);
    }
}

size_t redis_nodes_at(const struct redis_nodes *ns, uint16_t slot) {
    if (!ns->is_cluster) {
        return 0;
    }
    if (ns->map.node_of[slot] != SLOT_NONE) {
        return ns->map.node_of[slot];
    }
    for (size_t i = 0; i < ns->map.n_nodes; i++) {
        if (ns->nodes[i].link.c) {
            return i; /* it will say that the cluster is down */
        }
    }
    return 0;
}

/* ---- one node ----------------------------------------------------------------------- */

/* Was it seen before, and has it what it had then? */
static bool is_known(const struct redis_node *node) {
    const struct redis_identity *id = &node->link.id;
    return node->known.run_id[0] && strcmp(node->known.run_id, id->run_id) == 0 &&
           strcmp(node->known.replication_id, id->replication_id) == 0;
}

static void recognise(struct redis_nodes *ns, struct redis_node *node) {
    if (!is_known(node)) {
        node->witness_len = 0;
        ns->is_fresh = true;
    }
    node->known = node->link.id;
}

static enum status open_node(struct redis_nodes *ns, size_t i, char *why, size_t len) {
    struct redis_node *node = &ns->nodes[i];
    if (node->link.c) {
        return ST_OK;
    }
    enum status st = redis_link_open(&node->link, &ns->map.nodes[i], &ns->login, why, len);
    if (!st && !ns->any_policy && redis_policy(&node->link.id, why, len)) {
        st = ST_INVALID;
        redis_link_close(&node->link);
    }
    if (!st) {
        memcpy(ns->write_sha, node->link.write_sha, sizeof ns->write_sha);
        memcpy(ns->append_sha, node->link.append_sha, sizeof ns->append_sha);
    }
    return st;
}

/* ---- the map ------------------------------------------------------------------------ */

/* [first, last, [host, port, id, ...], replicas...]; no host, or "?": that of who answers. */
static bool read_range(const struct answer *a, const struct slot_address *from,
                       struct slot_range *out) {
    const struct answer *master = answer_at(a, 2);
    const struct span host = answer_text(answer_at(master, 0));
    *out = (struct slot_range){.first = (int)answer_number(answer_at(a, 0)),
                               .last = (int)answer_number(answer_at(a, 1)),
                               .address.port = (int)answer_number(answer_at(master, 1))};
    const bool known = host.len > 0 && strcmp(host.s, "?") != 0;
    const int n =
        snprintf(out->address.host, sizeof out->address.host, "%s", known ? host.s : from->host);
    return answer_size(a) >= 3 && n > 0 && (size_t)n < sizeof out->address.host;
}

static enum status read_map(struct redis_nodes *ns, const struct answer *a,
                            const struct slot_address *from) {
    const size_t n = answer_size(a);
    struct slot_range *ranges = n && n <= RANGES_MAX ? malloc(n * sizeof *ranges) : NULL;
    enum status st = ranges ? ST_OK : ST_INVALID;
    for (size_t k = 0; k < n && !st; k++) {
        st = read_range(answer_at(a, k), from, &ranges[k]) ? ST_OK : ST_INVALID;
    }
    st = st ? st : slot_map_set(&ns->map, ranges, n);
    free(ranges);
    return st;
}

/* A server of its own. One of several was meant to be a node: nobody is to guess which counts. */
static enum status not_alone(struct redis_nodes *ns, size_t i, char *why, size_t len) {
    const struct slot_address *address = &ns->map.nodes[i];
    if (ns->n_seeds < 2) {
        return ST_AGAIN;
    }
    ns->is_cluster = true;
    snprintf(why, len,
             "redis.address names several servers, but %.200s:%d is no node of a cluster: name one",
             address->host, address->port);
    return ST_INVALID;
}

/* CLUSTER SLOTS and not SHARDS, which Redis 6.2 does not have. */
static enum status ask_map(struct redis_nodes *ns, size_t i, char *why, size_t len) {
    const struct span args[] = {resp_text("CLUSTER"), resp_text("SLOTS")};
    struct redis_link *link = &ns->nodes[i].link;
    struct answer *a = redis_link_ask(link, args, 2);
    enum status st = ST_AGAIN;
    if (answer_is_error(a, "NOPERM")) {
        char rights[WHY_MAX];
        redis_rights(&ns->login, true, rights, sizeof rights);
        snprintf(why, len, "CLUSTER SLOTS: %s; type in redis-cli: %s", answer_text(a).s, rights);
        st = ST_INVALID;
    } else if (answer_kind(a) != ANSWER_LIST) {
        snprintf(why, len, "CLUSTER SLOTS: %s", a ? answer_text(a).s : "the connection broke");
        ns->is_cluster = !answer_is_error(a, "ERR This instance has cluster support disabled");
        st = ns->is_cluster ? ST_AGAIN : not_alone(ns, i, why, len);
    } else if (read_map(ns, a, &ns->map.nodes[i])) {
        snprintf(why, len, "CLUSTER SLOTS: no slot has a master yet, or more than %d nodes",
                 SLOT_NODES_MAX);
    } else {
        st = ST_OK;
    }
    answer_free(a);
    return st;
}

/* Whoever is connected is asked first, then all that were ever known. */
static enum status refresh_map(struct redis_nodes *ns, char *why, size_t len) {
    const size_t n = ns->map.n_nodes;
    for (size_t i = 0; i < n; i++) {
        if (ns->nodes[i].link.c && ask_map(ns, i, why, len) == ST_OK) {
            return ST_OK;
        }
    }
    enum status st = ST_AGAIN;
    for (size_t i = 0; i < n && ns->is_cluster && st == ST_AGAIN; i++) {
        st = open_node(ns, i, why, len);
        st = st ? st : ask_map(ns, i, why, len);
    }
    return st;
}

/* Addresses that nobody has any more would fill the table in the end. */
static void forget_strangers(struct redis_nodes *ns) {
    if (ns->map.n_nodes < SLOT_NODES_MAX) {
        return;
    }
    struct slot_address seeds[REDIS_SEEDS_MAX];
    memcpy(seeds, ns->map.nodes, ns->n_seeds * sizeof *seeds);
    redis_nodes_close(ns);
    memset(ns->nodes, 0, sizeof ns->nodes);
    slot_map_clear(&ns->map);
    for (size_t i = 0; i < ns->n_seeds; i++) {
        (void)slot_map_node(&ns->map, &seeds[i]);
    }
}

static enum status connect_cluster(struct redis_nodes *ns, char *why, size_t len) {
    forget_strangers(ns);
    enum status st = refresh_map(ns, why, len);
    for (size_t i = 0; i < ns->map.n_nodes && !st; i++) {
        struct redis_node *node = &ns->nodes[i];
        if (!ns->map.is_master[i]) {
            redis_link_close(&node->link);
            continue;
        }
        const bool was_open = node->link.c != NULL;
        st = open_node(ns, i, why, len);
        if (!st && (!was_open || node->link.id.run_id[0])) {
            recognise(ns, node); /* one that was only asked for the map is new here as well */
        }
    }
    ns->is_stale = st != ST_OK;
    return st;
}

enum status redis_nodes_connect(struct redis_nodes *ns, char *why, size_t len) {
    if (ns->is_up && !(ns->is_cluster && ns->is_stale)) {
        return ST_OK;
    }
    enum status st = ns->is_cluster ? ST_OK : open_node(ns, 0, why, len);
    if (!st && !ns->is_cluster) {
        ns->is_cluster = ns->nodes[0].link.id.is_cluster;
        if (!ns->is_cluster) {
            recognise(ns, &ns->nodes[0]);
        }
    }
    if (!st && ns->is_cluster) {
        st = connect_cluster(ns, why, len);
    }
    ns->is_up = st == ST_OK;
    return st;
}

/* ---- redirections ------------------------------------------------------------------- */

/* A stranger's link is opened here; if it stays a master, the next connect tells that it is new. */
static bool reach(struct redis_nodes *ns, size_t i) {
    char why[WHY_MAX];
    const bool was_open = ns->nodes[i].link.c != NULL;
    if (open_node(ns, i, why, sizeof why)) {
        return false;
    }
    if (!was_open) {
        recognise(ns, &ns->nodes[i]);
    }
    return true;
}

enum slot_redirect_kind redis_nodes_follow(struct redis_nodes *ns, const struct answer *a,
                                           size_t node, size_t *next) {
    if (answer_kind(a) != ANSWER_ERROR) {
        return SLOT_STAYS;
    }
    struct slot_redirect to = slot_redirect_of(answer_text(a).s);
    if (to.kind == SLOT_STAYS) {
        ns->is_stale |= answer_is_error(a, "CLUSTERDOWN");
        return SLOT_STAYS;
    }
    ns->is_cluster = true; /* where INFO is refused, this is how we know */
    ns->is_stale = true;
    if (!to.address.host[0]) {
        memcpy(to.address.host, ns->map.nodes[node].host, sizeof to.address.host);
    }
    const size_t i = slot_map_node(&ns->map, &to.address);
    if (i == SLOT_NODES_MAX || !reach(ns, i)) {
        return SLOT_STAYS;
    }
    if (to.kind == SLOT_MOVED) {
        ns->map.node_of[to.slot] = (uint16_t)i;
    }
    *next = i;
    return to.kind;
}

struct answer *redis_nodes_ask(struct redis_nodes *ns, struct span key, const struct span *args,
                               size_t n) {
    size_t i = redis_nodes_at(ns, ns->is_cluster ? slot_of(key.s, key.len) : 0);
    struct answer *a = redis_link_ask(&ns->nodes[i].link, args, n);
    enum slot_redirect_kind kind = SLOT_STAYS;
    size_t next = 0;
    for (int k = 0;
         k < REDIS_REDIRECTS && (kind = redis_nodes_follow(ns, a, i, &next)) != SLOT_STAYS; k++) {
        answer_free(a);
        i = next;
        if (kind == SLOT_ASK) {
            answer_free(redis_link_ask(&ns->nodes[i].link, ASKING, 1));
        }
        a = redis_link_ask(&ns->nodes[i].link, args, n);
    }
    if (!a) {
        redis_nodes_lost(ns, i);
    }
    return a;
}

/* ---- witnesses ---------------------------------------------------------------------- */

void redis_nodes_remember(struct redis_nodes *ns, size_t node, struct span key) {
    struct redis_node *to = &ns->nodes[node];
    if (key.len <= sizeof to->witness) {
        memcpy(to->witness, key.s, key.len);
        to->witness_len = key.len;
    }
}

void redis_nodes_watch(struct redis_nodes *ns) {
    for (size_t i = 0; i < ns->map.n_nodes && ns->is_up; i++) {
        struct redis_node *node = &ns->nodes[i];
        const struct span key = {node->witness, node->witness_len};
        if (!node->witness_len) {
            continue;
        }
        const struct span args[] = {resp_text("GETRANGE"), key, {"0", 1}, {"0", 1}};
        struct answer *a = redis_nodes_ask(ns, key, args, 4);
        if (answer_kind(a) == ANSWER_TEXT && answer_text(a).len == 0) {
            LOG_WARN("a node of the cluster has lost what was written last",
                     LOG_STR("host", ns->map.nodes[i].host),
                     LOG_INT("port", ns->map.nodes[i].port));
            node->witness_len = 0;
            ns->is_fresh = true;
        }
        answer_free(a);
    }
}
