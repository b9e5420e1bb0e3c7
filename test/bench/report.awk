# Writes the report from the CSV of test/bench/run, as Markdown; used with median.awk. -v csv=NAME and plots=NAMES say what
# lies beside it.
#
# A figure is kept by "part|line|clients|contender|figure", with a value for each round.

# fields splits a line of CSV, with quotes, into f[1] ... and returns how many there are.
function fields(text,   n, cell) {
    n = 0
    while (1) {
        if (substr(text, 1, 1) == "\"") {
            match(text, /^"[^"]*"/)
            cell = substr(text, 2, RLENGTH - 2)
            text = substr(text, RLENGTH + 1)
        } else {
            match(text, /^[^,]*/)
            cell = substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH + 1)
        }
        f[++n] = cell
        if (text == "") return n
        text = substr(text, 2)
    }
}

BEGIN {
    about["locks"] = "try_xact_lock(text) against pg_try_advisory_xact_lock(bigint)"
    about["place"] = "place_order against INSERT of the same"
    about["batch"] = "place_orders of 100, an order"
    about["history"] = "place_order beside finished orders, against an empty table"
    about["reconcile"] = "a pass over 10,000 open orders beside finished ones, against none"
    about["redis"] = "place_order against Redis lock, INSERT, unlock"
}

FNR == 1 { next }

{
    if (fields($0) < 7) next
    key = f[1] "|" f[2] "|" f[3] "|" f[5] "|" f[6]
    if (!(key in runs)) keys[++nkeys] = key
    value[key, ++runs[key]] = f[7] ~ /^-?[0-9]+([.][0-9]+)?$/ ? f[7] + 0 : f[7] # a comparison is of numbers then
    if (f[1] == "contend" && !((f[2], f[3]) in seen)) { seen[f[2], f[3]] = 1; clients_of[f[2]] = clients_of[f[2]] " " f[3] }
    if (f[1] == "contenders") { order[++names] = f[5]; title[f[5]] = f[2]; units[f[5]] = f[3]; job[f[5]] = f[6] }
    if (f[1] == "machine") { facts[++nfacts] = f[2]; fact[f[2]] = f[7] }
}

# middle returns the median of a figure, or "" where it was not measured.
function middle(key,   i, a) {
    if (!(key in runs)) return ""
    for (i = 1; i <= runs[key]; i++) { if (value[key, i] == "never") return "never"; a[i] = value[key, i] + 0 }
    sort(a, runs[key])
    return median(a, runs[key])
}

# compare sets ratio, low and high of two figures, round by round, and sure; false where either is missing.
function compare(ours, theirs,   i, a) {
    if (!(ours in runs) || !(theirs in runs) || runs[ours] != runs[theirs]) return 0
    for (i = 1; i <= runs[ours]; i++) a[i] = value[ours, i] / value[theirs, i]
    bounds(a, runs[ours])
    ratio = median(a, runs[ours]); sure = 100 * confidence
    return 1
}

# number writes a figure as short as it is exact.
function number(x) {
    if (x == "" || x == "never") return x == "" ? "–" : x
    return x >= 100 ? grouped(sprintf("%.0f", x)) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}

# grouped puts commas into a whole number.
function grouped(text,   out) {
    while (length(text) > 3) { out = "," substr(text, length(text) - 2) out; text = substr(text, 1, length(text) - 3) }
    return text out
}

# verdict and verdict_most, of a figure that must not be below or above a target, need an interval that means something.
function verdict_most(limit) { return sure < 90 ? "too few rounds to tell" : high <= limit ? "met" : low <= limit ? "within the interval" : "**missed**" }
function verdict(target) { return sure < 90 ? "too few rounds to tell" : low >= target ? "met" : high >= target ? "within the interval" : "**missed**" }

function range_text(   text) { text = low < 1 ? "%.3f to %.3f" : "%.2f to %.2f"; return sprintf(text " at %.0f %%", low, high, sure) }

# row keeps a line of the table of targets, and counts what became of it; "" is of no target, and stands beside one.
function row(text, became) {
    rows[++nrows] = text " " became " |"
    verdicts[nrows] = became
    if (became != "") { tally[became]++; judged++ }
}

# target_ratio keeps a line of the targets whose figure is a ratio.
function target_ratio(text, ours, theirs, target) {
    if (!compare(ours, theirs)) return
    row(sprintf("| %s | %s | %s | %.2f | %s | ≥ %.2f |", text, number(middle(ours)), number(middle(theirs)), ratio, range_text(), target), verdict(target))
}

# beside keeps a ratio of times without a target, to show what a missed target is made of.
function beside(text, ours, theirs, unit) {
    if (compare(ours, theirs)) row(sprintf("| %s | %s %s | %s %s | %.2f | %s | |", text, number(middle(ours)), unit, number(middle(theirs)), unit, ratio, range_text()), "")
}

# target_most keeps a line of the targets whose figure, the median of rounds, must not be above a limit: the interval tells.
function target_most(text, key, unit, limit,   i, a) {
    if (!(key in runs)) return
    for (i = 1; i <= runs[key]; i++) a[i] = value[key, i] + 0
    bounds(a, runs[key])
    sure = 100 * confidence
    row(sprintf("| %s | %s %s | | | %s | ≤ %s %s |", text, number(middle(key)), unit, range_text(), limit, unit), verdict_most(limit))
}

# target_worst keeps one whose worst case of so many must not be above a limit.
function target_worst(text, at, unit, limit,   worst) {
    if (!((at "max_ms") in runs)) return
    worst = value[at "max_ms", 1]
    row(sprintf("| %s, slowest of %s | %s %s | | | | ≤ %s %s |", text, value[at "deaths", 1], number(worst), unit, limit, unit), \
        worst != "never" && worst <= limit ? "met" : "**missed**")
}

# target_more keeps a line of the targets whose figure must not be more than so many percent above another one.
function target_more(text, ours, theirs, unit, percent) {
    if (!compare(ours, theirs)) return
    row(sprintf("| %s | %s %s | %s %s | %.3f | %.3f to %.3f at %.0f %% | ≤ %.2f |", text, number(middle(ours)), unit, number(middle(theirs)), unit, \
        ratio, low, high, sure, 1 + percent / 100), verdict_most(1 + percent / 100))
}

function counted(c) { return c " client" (c > 1 ? "s" : "") }

function contend(j, c, name, figure) { return "contend|" j "|" c "|" name "|" figure }

# judge keeps every line of the design that was measured.
function judge(   i, p, at, n, c, list) {
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[5] != "target") continue
        at = p[1] "|" p[2] "|" p[3] "|"
        target_ratio(about[p[1]] ": " p[2], at "ours|per_s", at "theirs|per_s", value[keys[i], 1])
    }
    n = split(clients_of["section"], list, " ")
    for (i = 1; i <= n; i++) {
        c = list[i]
        target_ratio("section as one statement, transaction lock, against Redis, " counted(c), contend("section", c, "quantmesh-transaction", "per_s"), contend("section", c, "redis", "per_s"), 1.5)
        target_ratio("section, session lock and unlock, against Redis, " counted(c), contend("section", c, "quantmesh-session", "per_s"), contend("section", c, "redis", "per_s"), 0.8)
        target_ratio("place_order against Redis lock, INSERT, unlock, " counted(c), contend("order", c, "place", "per_s"), contend("order", c, "redis-insert", "per_s"), 1.3)
    }
    target_most("hand-off with 16 waiters, transaction lock, p50", "handoff|16 waiters|16|quantmesh-transaction|p50_us", "µs", 100)
    target_most("hand-off with 16 waiters, transaction lock, p99", "handoff|16 waiters|16|quantmesh-transaction|p99_us", "µs", 2000)
    n = split("p50 p99", list, " ")
    for (i = 1; i <= n; i++) {
        beside("hand-off with 16 waiters, " list[i] ": ours and pg_advisory_xact_lock", "handoff|16 waiters|16|quantmesh-transaction|" list[i] "_us", "handoff|16 waiters|16|advisory-transaction|" list[i] "_us", "µs")
        beside("hand-off with 16 waiters, " list[i] ": ours and three wake-ups", "handoff|16 waiters|16|quantmesh-transaction|" list[i] "_us", "handoff|16 waiters|16|floor|" list[i] "_us", "µs")
    }
    target_worst("holder's process killed → session lock free", "recover|killed|1|quantmesh-session|", "ms", 10)
    target_worst("holder stopped: after its TTL, session lock free", "recover|stopped|1|quantmesh-session|", "ms", 20)
    n = split("p50 p99", list, " ")
    for (i = 1; i <= n; i++)
        target_more("decision to acknowledgement at 20 ms, coordinated against standalone, " list[i], "trade|decision to acknowledgement|1|coordinated|took_" list[i] "_us", \
            "trade|decision to acknowledgement|1|standalone|took_" list[i] "_us", "µs", 3)
    target_most("a pass over 10,000 open orders beside the history", "reconcile|a pass, database full|1|ours|ms", "ms", 200)
    target_most("a lock call of an instance that is alone", "standalone|a lock call|1|ours|ns", "ns", 5)
}

# targets writes what judge has kept.
function targets(   i) {
    print "\n## Targets of the design\n"
    print "Rates are in a second. The ratio is ours / theirs, the median over the pairs of runs, which need not be the ratio of the two medians"
    print "that are printed; of times, less than 1 is faster. A target is met when the whole interval of the ratio reaches it; of deaths, when the slowest did. Figures of one line"
    print "belong together: between lines the machine has changed. The INSERT writes the same rows into quantmesh's own tables, whose CHECK"
    print "constraints PostgreSQL reads anew from their text for each statement: it says nothing of an INSERT into a table of yours.\n"
    print "| what | ours | theirs | ratio | interval | target | |"
    print "|---|--:|--:|--:|---|---|---|"
    for (i = 1; i <= nrows; i++) print rows[i]
}

# others writes what has two contenders or a time and no target.
function others(   i, p, at, head) {
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        at = p[1] "|" p[2] "|" p[3] "|"
        if (p[4] != "ours" || !(p[5] == "per_s" && (at "theirs|per_s") in runs && !((at "ours|target") in runs) || p[1] == "history" && p[5] == "ms")) continue
        if (!head++) {
            print "\n## Beside the targets\n"
            print "| what | ours | theirs | ratio | interval |"
            print "|---|--:|--:|--:|---|"
        }
        if (p[5] == "ms") printf "| %s: %s | %s ms | | | |\n", about[p[1]], p[2], number(middle(keys[i]))
        else if (compare(at "ours|per_s", at "theirs|per_s")) printf "| %s: %s | %s | %s | %.2f | %s |\n", about[p[1]], p[2], number(middle(at "ours|per_s")), number(middle(at "theirs|per_s")), ratio, range_text()
    }
}
