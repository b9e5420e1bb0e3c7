# The report's first page: what people would take for each job, what it loses, how fast it is, and which targets are missed;
# used with report.awk.

# audited returns by whose audit a contender is judged: the audit puts a client's work into each section.
function audited(name) { return name == "quantmesh-block" ? "quantmesh-transaction" : name }

# short_figures returns the rate and the median latency of a contender with so many clients, as cells.
function short_figures(j, name, c) { return number(middle(contend(j, c, name, "per_s"))) " | " number(middle(contend(j, c, name, "p50_us"))) }

# short_job writes a table of some contenders for one job, in which lost says what goes wrong.
function short_job(j, heading, lost, which,   i, n, list, name, at, head) {
    n = split(which, list, " ")
    for (i = 1; i <= n; i++) {
        name = list[i]
        at = "audit|" j "|2|" audited(name) "|"
        if (!(contend(j, 8, name, "per_s") in runs) && !((at "stops") in runs)) continue
        if (!head++) {
            print "| " heading " | " lost ", of holders stopped | others waited, ms | TTL, ms | a second, 1 client | p50 µs | a second, 8 clients | p50 µs |"
            print "|---|--:|--:|--:|--:|--:|--:|--:|"
        }
        printf "| %s | %s | %s | %s | %s | %s |\n", title[name], \
            (at "stops") in runs ? (value[at "wrong", 1] > 0 ? "**" value[at "wrong", 1] "**" : "0") " of " value[at "stops", 1] : "–", \
            number(middle(at "wait_ms_max")), number(middle(at "ttl_ms")), short_figures(j, name, 1), short_figures(j, name, 8)
    }
    if (head) print ""
}

# in_short writes the first page. A reader who stops here knows what to expect.
function in_short(   i, unsure) {
    unsure = tally["too few rounds to tell"]
    print "\n## In short\n"
    print "The first figure tells whether a contender is right at all: holders are stopped in mid-work beyond their TTL, and what was lost or"
    print "sent twice is counted. Then how long others waited for a stopped holder, at worst: it stops for three TTLs, and without a TTL they"
    print "wait for as long. Then how fast all is when nobody stops. Nothing is done in the measured sections: a line is what its lock costs"
    print "around the work of a client. Orders whose guard is a lock are in a table without a unique index on the slot, which would refuse"
    print "what is sent twice here; INSERT alone, and place_order, have one."
    printf "Clients and servers share one machine: %s; %s of memory.\n\n", fact["processor"], fact["memory"]
    short_job("section", "a guarded critical section", "updates lost", "quantmesh-block quantmesh-session quantmesh-lease quantmesh-lease-unguarded advisory-session lease-table redis redis-always etcd")
    short_job("order", "a guarded order, stored on the disk", "sent twice", "place place-batch insert advisory-insert lease-table-insert redis-insert redis-always-insert etcd-insert")
    if (!nrows) return
    printf "Of the design's %d targets that were measured, %d are met, %d are undecided, since they lie within their interval, %s%d are missed%s\n", \
        judged, tally["met"], tally["within the interval"], unsure ? unsure " had too few rounds to tell, " : "", \
        tally["**missed**"], tally["**missed**"] + tally["within the interval"] ? ":\n" : "."
    for (i = 1; i <= nrows; i++)
        if (verdicts[i] == "**missed**") print "- missed: " target_text(rows[i])
    for (i = 1; i <= nrows; i++)
        if (verdicts[i] == "within the interval") print "- undecided: " target_text(rows[i])
}

# target_text makes a sentence of a target's row: what, the ratio or the figure, and the target.
function target_text(text,   p, i, n) {
    n = split(text, p, "|")
    for (i = 1; i <= n; i++) gsub(/^ +| +$/, "", p[i])
    return p[2] ": " (p[5] == "" ? p[3] : p[5]) ", target " p[7] "."
}
