#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# learning.sh -- shows that the unit tests see it when the models learn the wrong thing.
#
#     tests/fault/learning.sh                  every fault of the table below, one after the other
#     tests/fault/learning.sh --only NAME      this one (may be given more than once)
#     tests/fault/learning.sh --list           the faults, and what each of them is
#
# Copies models/ and tests/unit into a temporary directory; a fault is one edited line of one
# file there. The test programs named with it are linked with the edited file and run: one of
# them has to fail. Prints `fault | file | test that failed`. Exit status 1 if a fault survives,
# if an edit does not apply (the code has changed: look at both), if what it makes does not
# compile, or if a test program fails without any fault. CC: the compiler, default gcc.
set -eu

# NAME FILE TESTS WHAT SED, separated by bars; TESTS are tests/unit/test_*.c. Each
# command of an edit must change exactly one line.
faults() {
    cat <<'TABLE'
decay-direction|popularity.c|popularity|the older an event, the more it counts|s@late ? w >> whole : w << whole@late ? w << whole : w >> whole@
top-floor|popularity.c|popularity|a full top list turns away whoever comes later|s@if (!ahead(p, c, i, t->floor, t->floor_item)) {@if (ahead(p, t->floor, t->floor_item, c, i) || t->n == POP_TOP) {@
top-last|popularity.c|popularity|a newcomer replaces the best of a top list, not the last|s@least = t->c\[x\] < least ?@least = t->c[x] > least ?@
undo-adds|popularity.c|popularity shared|taking back an event counts it again|s@x->c\[k\] -= w\[k\];@x->c[k] += w[k];@
pairs-recency|pairs.c|pairs|the oldest of the window counts most|s@fixed_of(gap\[r\])@fixed_of(gap[PAIRS_PLACES - 1 - r])@
pairs-one-way|pairs.c|pairs|what follows says nothing of what went before|s@addition_do(&to);@(void)to;@
pairs-far-stays|pairs.c|pairs|a list that grows loses where its neighbours of other domains are|s@const uint32_t far = to.cap - to.n_far;@const uint32_t far = l->cap - l->n_far;@
pairs-parts|pairs.c|pairs|pruning takes neighbours of other domains for its own|s@at < l->n_near ? near++ : --far@at <= near ? near++ : --far@
prune-ties|pairs.c|pairs|of neighbours that are equal to the last one too few stays|s@>= limit.tie@> limit.tie@
kept-goes|pairs.c|pairs|one that was kept goes, and the last that came counts as kept|s@x < l->kept_near) {@x < 0 * l->kept_near) {@
walks-all|pairs.c|pairs|a list that is too long is walked whole|s@if (out.n > p->@if (out.n > 99 * p->@
kept-untold|snapshot_item.c|snapshot|a snapshot does not tell who was kept|s@k + 1 == piece->n_kept@k + 1 == 0 * piece->n_kept@
select-last|select.c|select|the last of the largest is not among them|s@want = (int64_t)k - 1;@want = (int64_t)k - 2;@
session-decay|pairs.c|pairs|the longer ago, the closer together|s@exp2(-(double)dt_ms /@exp2((double)dt_ms /@
ridge|factors.c|factors|the fold-in has no ridge|s@+= USER_RIDGE;@+= 0.0F * USER_RIDGE;@
fold-in-recency|factors.c|factors|the fold-in weighs the whole history alike|s@HISTORY_DECAY = .85F;@HISTORY_DECAY = 1.0F;@
fold-in-prior|factors.c|factors|when all items are solved anew, fold-ins go on with what was before|s@^    prior_renew(f);@    (void)prior_renew; /* not */@
fold-in-scale|factors_user.c|factors|what was eliminated is not divided by its pivots|s@lanes_load(y + at) \* lanes_load(s->inverse + at)@lanes_load(y + at)@
gathered-turned|candidates_features.c|candidates|two kinds of pairs change places when they are gathered|s@put(x, X_K3, k, pairs\[1\]);@put(x, X_K3, k, pairs[2]);@
pre-image-stale|user_pool.c|user_pool|a pre-image in a spare block is what was there before|s@memcpy(block, u, user_bytes(u));@memcpy(block, u, sizeof(void *));@
because-first|learner_reasons.c|learner_explain|what speaks by taste for the first sixteen is said of the others|s@t.item + from, some@t.item, some@
item-prior|factors.c|factors|items are solved without the users who never took them|s@const float c = (float)(FACTORS_PRIOR \* (double)f->n_users + @const float c = (float)(0.0 * (double)f->n_users + @
covariance-window|factors.c|factors|contexts of users never fade|s@f->weight \* (1.0 - n / WINDOW)@f->weight * (1.0 - 0.0 * n / WINDOW)@
filter-bit|user_set.c|user|the filter of consumed items sets the bit beside|s@half\[bit / WORD_BITS\] |= 1U << (bit % WORD_BITS);@half[bit / WORD_BITS] |= 2U << (bit % WORD_BITS);@
nearest|segments.c|segments|users go to the segment farthest away|s@if (d < least) {@if (d > least || best < 0) {@
centroid-step|segments.c|segments|centroids move away from their votes|s@c->centre\[d\] += stray /@c->centre[d] -= stray /@
repeat-rate|categories.c|categories|whoever comes first counts as a repeat|s@take->repeated ? take->weight : 0@take->repeated ? 0 : take->weight@
kl-sign|spread.c|spread|the list's mix runs away from the user's|s@unit \* g->q\[k\] \* lg(@-unit * g->q[k] * lg(@
propensity|spread.c|spread|the propensity stated is not the one drawn with|s@explore / (float)size@explore / (float)n_pool@
own-list|spread.c|spread|exploration shows what is on the list already|s@m += listed ^ 1U;@m += 1U;@
gradient-sign|ranker.c|ranker|the ranker learns to put last what was taken|s@(c == 0 ? 1.0F : 0.0F) - p->e\[c\];@p->e[c] - (c == 0 ? 1.0F : 0.0F);@
truncated-gradient|ranker.c|ranker|candidates that are unlikely teach nothing|s@(c == 0 ? 1.0F : 0.0F) - p->e\[c\];@c == 0 ? 1.0F - p->e[c] : p->e[c] < 0.02F ? 0.0F : -p->e[c];@
sample-weight|ranker.c|ranker|a sampled candidate stands for itself only|s@p->e\[0\] = w0 / w \* p->e\[0\];@p->e[0] = w0 * p->e[0];@
adam-sign|ranker.c|ranker|Adam steps down the gradient that it should climb|s@was_v\[k\] + rate \* m\[k\]@was_v[k] - rate * m[k]@
adam-start|ranker.c|ranker|Adam's moments start at 0 without correction|s@sqrtf(bias(DECAY_S, t)) / bias(DECAY_M, t)@1.0F@
twin-personal|ranker.c|ranker|the twin sees a personal feature|s@{RANKER_TWIN_X, RANKER_TWIN_C}@{RANKER_TWIN_X + 1, RANKER_TWIN_C}@
gate-sign|ranker.c|ranker_life|the twin is served where the full net is better|s@\[known\] < 0.0 ?@[known] > 0.0 ?@
gate-memory|ranker.c|ranker_life|the gate weighs the past more than the present|s@\*gate \* GATE_DECAY@*gate / GATE_DECAY@
mean-weights|ranker.c|ranker_life|tasks average alike, whatever they have learned from|s@sum += (double)events\[i\] \*@sum += total / n *@
context-self|learner_line.c|learner_line|an item is learned from a context with itself in it|s@v->history\[r\].item != line->item@v->history[r].item != ITEM_NONE@
pairs-self|learner_line.c|learner_line|an item goes together with itself|s@if (history\[r\].item == line->item) {@if (history[r].item == ITEM_NONE) {@
target-negative|learner_line.c|learner_line|what was taken is drawn as not taken|s@if (!l->is_target\[at\]) {@if (at < n) {@
passed-over|learner_line.c|learner_examples|an example stands for itself only|s@fixed_to(unit) \* (double)line->stands_for;@fixed_to(unit);@
test-after-learn|learner.c|learner_lists|the metric is of what was learned already|s@stands_for == 0 ? ST_OK : learner_test(l, t, e, slot);@learner_take_lines(l, t, e, slot, effect->too_late, stands_for);@; s@^        st = learner_take_lines(l, t, e, slot, effect->too_late, stands_for);@        st = stands_for == 0 ? ST_OK : learner_test(l, t, e, slot);@
consumed|candidates.c|candidates learner_lists|what the user has is recommended to him|s@return (flags & CELL_CONSUMED) != 0 || withheld(c, v, item);@return withheld(c, v, item);@
search-forgets|candidates_walk.c|candidates|a neighbour met again loses what it had|s@const lanes k = (lanes)had + (lanes)add;@const lanes k = (lanes)add;@
because-oldest|candidates_walk.c|candidates|of what speaks for an item the oldest is told, not the strongest|s@const cell_bits larger = add > had;@const cell_bits larger = add >= 0;@
search-old-cells|popularity.c|popularity candidates|what an earlier search came to seems to have a cell in this one|s@p->search += POP_MARKS;@p->search = POP_MARKS;@
largest-k1|candidates.c|candidates|the strongest neighbour is looked for among keys of which some are hashes by then|s@largest = key > largest ? key : largest;@largest = key > 2 * largest ? key : largest;@
tops-twice|popularity.c|popularity|what is popular by two clocks is listed twice|s@d->n_tops += (p->hot\[t->item\[x\]\].listed \& before) == 0;@d->n_tops += before < 99;@
prune-turns|learner_log_apply.c|learner_log|which lists a record prunes depends on who reads it|s@return (mix64(offset) ^ hash) % PRUNE_TURNS == 0;@static uint64_t read; (void)hash; return (mix64(offset) ^ ++read) % PRUNE_TURNS == 0;@
because-least|learner_reasons.c|learner_explain|the item that speaks least is told as the reason|s@because = part > most ? j : because;@because = part > 0.0F \&\& (most <= 0.0F || part < most) ? j : because;@
interest-decay|user_interests.c|user_interests user|the longer ago, the dearer a category|s@exp2(((double)from_ms - (double)to_ms) /@exp2(((double)to_ms - (double)from_ms) /@
list-gradient|ranker.c|ranker|the weights of the list learn the wrong way|s@g->b\[h\] \* rows->c\[k\]@-g->b[h] * rows->c[k]@
gate-lead|ranker.c|ranker_life|the lead is the twin's over the full net|s@lead = log_p\[RANKER_FULL\] - log_p\[RANKER_TWIN\]@lead = log_p[RANKER_TWIN] - log_p[RANKER_FULL]@
gate-mixed|ranker.c|ranker_life|new and known users have each other's gate|s@double \*gate = &r->gate\[domain\]\[known\]@double *gate = \&r->gate[domain][!known]@
pace-ignored|ranker.c|ranker_life|all tasks together step as one task alone|s@RATE \* r->pace \*@RATE *@
target-weight|learner_line.c|learner_line|the sample stands for what was taken, too|s@(float)(n - l->n_targets) /@(float)n /@
train-twice|learner_line.c|learner_line|an item that is in an order twice is learned twice|s@(k > 0 && p->item == l->line_item\[k - 1\]) ||@(k > 0 \&\& false) ||@
train-consumed|learner_line.c|learner_line|what cannot be recommended any more is learned as a choice|s@(!repeats && user_took(u@(false \&\& user_took(u@
gate-known|learner_line.c|learner_line|whoever is new to a domain counts as known there|s@user_n_of(line->view.user, line->domain) > 0, e)@true, e)@
context-again|learner_line.c|learner_line|what is taken again is no context of its own|s@p->trains && !again &&@p->trains \&\&@
rate-slows|ranker.c|ranker_life|a net that has seen much moves as far as a new one|s@return by > .5F ? by : .5F;@return 1.0F;@
old-net|ranker_pack.c|ranker_pack|a net of fewer features has its list's weights at the new ones|s@nets\[kind\].w\[RANKER_X\], OF_THE_REST@nets[kind].w[n_x], OF_THE_REST@
first-worth|learner_line.c|learner_line|what is new to the user is worth no more|s@worth \*= FIRST_WORTH;@worth *= 1.0F;@
rare-worth|learner_line.c|learner_line|what is rare is worth less|s@worth \*= RARE_WORTH;@worth /= RARE_WORTH;@
worth-everywhere|learner_line.c|learner_line|what is rare is worth more where nothing is taken again|s@if (!line->view.repeats) {@if (false) {@
part|categories.c|candidates|an item's share is that of the other items of its category|s@(float)((double)g / (double)of)@(float)(1.0 - (double)g / (double)of)@
again|affinity.c|candidates|whoever took of a category once seems to come back|s@(c->own_times - c->own_items) /@c->own_times /@
line-order|learner.c|learner_line|the order of lines inside a basket teaches|s@    qsort(e->lines, e->n_lines, sizeof \*e->lines, by_mixed_hash);@    (void)by_mixed_hash;@
trial-ties|learner_trial.c|trial|ties go to the larger hash|s@c == d && v->hashes\[j\] < v->hashes\[i\]@c == d \&\& v->hashes[j] > v->hashes[i]@
trial-consumed|learner_trial.c|trial|baselines recommend what the user has|s@    return content_available(s->content, item) &&$@    return content_available(s->content, item) \|\|@
trial-served|learner_trial.c|trial|what is served is the other net|s@kind == (int)served@kind != (int)served@
trial-clock|learner_trial.c|trial|trending is of seven days|s@popular_of(s, domain, ONE_DAY)@popular_of(s, domain, SEVEN_DAYS)@
trial-together|learner_trial.c|trial|what goes with nothing has a rank|s@TRIAL_TOGETHER, targets, 0.0F@TRIAL_TOGETHER, targets, -1.0F@
trial-hundred|learner_trial.c|trial|a rank beyond the hundredth is no miss|s@rank < TRIAL_RANKS ? rank : TRIAL_MISS@rank@
blend-sign|learner_trial.c|trial|the blend learns the wrong way|s@b->weights\[k\] += BLEND_RATE@b->weights[k] -= BLEND_RATE@
blend-negative|learner_trial.c|trial|weights of the blend may be negative|s@b->weights\[k\] = fmaxf(b->weights\[k\], 0.0F);@(void)b;@
blend-early|learner_trial.c|trial|the blend learns before it is tested|s@    blend_inputs(w->block, w->blend);@    blend_inputs(w->block, w->blend); blend_learn(b, w->blend, w->block->n, 0);@
trial-notes-none|learner_trial.c|trial|baselines forget what an event took|s@b->taken\[b->n_taken++\] = e->lines\[k\].item;@b->taken[0] = e->lines[k].item;@
trial-cold|learner_trial.c|trial|who is new to a domain is not cold there|s@user_n_of(v->user, v->domain) == 0@user_n(v->user) == 0@
trial-factors-has|learner_trial.c|trial|the factor baseline recommends what the user has|s@ranked_before(&r, &top\[n - 1\])) && shown(s, v, i)@ranked_before(\&r, \&top[n - 1]))@
live-sample|learner_trial.c|trial|the hit is where the item is not on the list|s@on_top(top, n, b, item),@!on_top(top, n, b, item),@
kind-ignored|learner_list.c|learner_lists trial|the full net ranks whatever the gate says|s@return ranker_served(&t->record.ranker@return RANKER_FULL; return ranker_served(\&t->record.ranker@
ranked-bound|ranked.c|ranked|the best are looked for above what fewer reach|s@\[k % LANES\] > -(int32_t)max;@[k % LANES] > 1 - (int32_t)max;@
ranked-ties|ranked.c|ranked|equal scores are in another order|s@hashes\[items\[c\]\]}@~hashes[items[c]]}@
cards-everybody|segment_scan.c|learner_segments segment_scan|users without a label count as of segment 0|s@label < 0 ? EVERYBODY@label < 0 ? 0@
cards-parts|segment_scan.c|learner_segments segment_scan|a part of the day is named though it is everybody's|s@part\[EVERYBODY\]\[d\]\[k\] += @part[EVERYBODY][d][k] += 0.0 * @
cards-stride|segment_scan.c|learner_segments segment_scan|each task is counted from its first user on|s@s->next -= places;@s->next = 0;@
cards-nameless|segment_scan.c|learner_segments segment_scan|a category without a name is shown|s@if (content_category_name(content, c, &len)) {@if (content_category_name(content, c, \&len) || len == 0) {@
TABLE
}

usage() {
    sed -n '4,14s/^# \{0,1\}//p' "$0"
}

# field NAME N: the N-th field of a fault; 5-: the edit, in which there may be bars
field() {
    faults | grep "^$1|" | cut -d'|' -f"$2"
}

compile() {
    # shellcheck disable=SC2086
    ${CC:-gcc} -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -ffp-contract=off -w -Wno-psabi \
        "$@"
}

# link TEST OUT OBJECT...: the objects come before the library and replace their members
link() {
    test=$1 out=$2
    shift 2
    # shellcheck disable=SC2046
    ${CC:-gcc} "test_$test.o" "$@" libmodels.a -o "$out" $(pkg-config --libs cmocka openblas) -lm
}

# run PROGRAM: `ok`, or the first test that failed and how many more did
run() {
    status=0
    OPENBLAS_NUM_THREADS=1 timeout 60 "$1" >"$1.log" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
        echo ok
        return
    fi
    failed=$(sed -n 's/^\[ *FAILED *\] \([a-z_0-9]*\)$/\1/p' "$1.log" | awk '!seen[$0]++')
    more=$(($(printf '%s\n' "$failed" | wc -l) - 1))
    if ! grep -q '^\[ *PASSED *\]' "$1.log"; then # it died: in the test that it ran last
        echo "$(sed -n 's/^\[ *RUN *\] //p' "$1.log" | tail -n 1) (ends with status $status)"
    elif [ "$more" -gt 0 ]; then
        echo "$(printf '%s\n' "$failed" | head -n 1) (and $more more)"
    else
        echo "$failed"
    fi
}

# ---- steps, each in the temporary directory; xargs calls them by name ---------------------

# object FILE.c: compiled from the copy
object() {
    compile -Imodels -Iunit -c "$1" -o "$(basename "$1" .c).o"
}

# sound TEST: builds it; it has to pass as the code stands, or it shows nothing: then TEST.unsound
# says what is wrong
sound() {
    if ! { object "unit/test_$1.c" && link "$1" "sound_$1"; } 2>"$1.errors"; then
        echo "test_$1 does not build: $(grep -m 1 -E 'error|undefined' "$1.errors")" >"$1.unsound"
        return
    fi
    said=$(run "./sound_$1")
    [ "$said" = ok ] || echo "test_$1 fails without a fault: $said" >"$1.unsound"
}

# report NAME WORD TEXT: a line of the table; the word is counted
report() {
    printf '%-18s | %-18s | %s\n' "$1" "$(field "$1" 2)" "$3"
    echo "$2" >"$1.outcome"
}

# seed NAME: makes the fault and runs its tests until one fails
seed() {
    file=$(field "$1" 2)
    mkdir "$1"
    sed "$(field "$1" 5-)" "models/$file" >"$1/$file"
    lines=$(diff "models/$file" "$1/$file" | grep -c '^>' || true)
    wanted=$(field "$1" 5- | grep -o 's@' | wc -l)
    if [ "$lines" -ne "$wanted" ]; then
        report "$1" broken "NOT APPLIED: the edit changes $lines lines, not $wanted"
        return
    fi
    if ! compile -Imodels -c "$1/$file" -o "$1/fault.o" 2>"$1/errors"; then
        report "$1" broken "DOES NOT COMPILE: $(grep -m 1 error "$1/errors")"
        return
    fi
    for test in $(field "$1" 3); do
        if [ -e "$test.unsound" ]; then
            report "$1" broken "NOT SHOWN: $(cat "$test.unsound")"
            return
        fi
        link "$test" "$1/$test" "$1/fault.o"
        said=$(run "$1/$test")
        if [ "$said" != ok ]; then
            report "$1" caught "test_$test: $said"
            return
        fi
    done
    report "$1" survived "SURVIVED: $(field "$1" 4)"
}

# each STEP: runs a step for every word of its input, as many at a time as there are processors
each() {
    xargs -n 1 -P "$(nproc)" sh "$script" --step "$1"
}

# ---- all of it --------------------------------------------------------------------------

script=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/$(basename -- "$0")
if [ "${1-}" = --step ]; then
    "$2" "$3"
    exit
fi

only=
while [ $# -gt 0 ]; do
    case $1 in
        --only) only="$only ${2:?--only needs a name; --list shows them}" && shift ;;
        --list) faults | awk -F'|' '{ printf "%-18s %-18s %s\n", $1, $2, $4 }' && exit 0 ;;
        -h | --help) usage && exit 0 ;;
        *) echo "learning.sh: unknown argument $1; try --help" >&2 && exit 2 ;;
    esac
    shift
done
for name in $only; do
    [ -n "$(field "$name" 1)" ] || {
        echo "learning.sh: no fault $name; --list shows them" >&2 && exit 2
    }
done
[ -n "$only" ] || only=$(faults | cut -d'|' -f1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$(dirname "$script")/../..
cp -r "$root/models" "$root/tests/unit" "$work"
cd "$work"

printf '%s\n' models/*.c | each object || { echo "learning.sh: models/ does not build" >&2 && exit 1; }
ar rcs libmodels.a ./*.o
for name in $only; do
    field "$name" 3 | tr ' ' '\n'
done | sort -u | each sound

printf '%-18s | %-18s | %s\n' fault file 'test that failed'
printf '%s\n' $only | each seed
caught=$(cat ./*.outcome | grep -c caught || true)
total=$(cat ./*.outcome | wc -l)
echo "$caught of $total faults made a test fail"
[ "$caught" -eq "$total" ] && [ "$total" -gt 0 ]
