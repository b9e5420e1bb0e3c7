# The tables of the report that compare contenders; used with report.awk.

# losses writes what each contender loses while its holders are stopped, with what else decides between locks.
function losses(   i, name, at, wrong) {
    print "\n## What is lost when a holder stops\n"
    print "Holders are stopped (SIGSTOP) for three TTLs in mid-work, as a process that is swapped out or a virtual machine that is moved."
    print "A section reads a shared set, and writes it back: a name that its client believes to be in the set and that is not is a lost"
    print "update. An order is a duplicate when the exchange has got another one for the same slot before. The table of orders has no unique"
    print "index where a lock is the guard: with one, those duplicates would be refused. Where one statement looks and records, the holder is stopped before"
    print "it looks whether it may still send; what is sent late after that look, no lock can call back. \"Told\" are the stopped holders that were told,"
    print "or saw, that their work does not count: a slot whose place_order was told has no order at the exchange until somebody reconciles it."
    print "\"Waited\" is the longest that another client had to wait for the key, or for its refusal.\n"
    print "| contender | stopped | lost updates or duplicates | told | waited, ms | TTL, ms |"
    print "|---|--:|--:|--:|--:|--:|"
    for (i = 1; i <= names; i++) {
        name = order[i]; at = "audit|" job[name] "|2|" name "|"
        if (!((at "stops") in runs)) continue
        wrong = value[at "wrong", 1]
        printf "| %s (%s) | %s | %s | %s | %s | %s |\n", title[name], job[name], value[at "stops", 1], (wrong > 0 ? "**" wrong "**" : "0"), \
            value[at "told", 1], value[at "wait_ms_max", 1], value[at "ttl_ms", 1]
    }
}

# rates writes a table of one job and number of clients.
function rates(j, c, reference,   i, name, at, more, wrong) {
    printf "\n### %s, %s client%s\n\n", j == "order" ? "A guarded order" : "A guarded critical section", c, (c > 1 ? "s" : "")
    print "| contender | wrong ³ | a second | × " title[reference] " | interval | p50 µs | p95 | p99 | p99.9 |"
    print "|---|--:|--:|--:|---|--:|--:|--:|--:|"
    for (i = 1; i <= names; i++) {
        name = order[i]; at = "contend|" j "|" c "|" name "|"
        if (!((at "per_s") in runs)) continue
        more = compare(at "per_s", "contend|" j "|" c "|" reference "|per_s") ? sprintf("%.2f | %s", ratio, range_text()) : "– | –"
        wrong = "audit|" j "|2|" audited(name) "|wrong"
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title[name] (units[name] > 1 ? " ¹" : name ~ /^(quantmesh-transaction|advisory-transaction|skip-locked)$/ ? " ²" : ""), (!(wrong in runs) ? "–" : value[wrong, 1] > 0 ? "**" value[wrong, 1] "**" : 0), number(middle(at "per_s")), more, \
            number(middle(at "p50_us")), number(middle(at "p95_us")), number(middle(at "p99_us")), number(middle(at "p999_us"))
    }
}

# waits writes hand-off and recovery.
function waits(   i, name, any) {
    print "\n## Waiting for somebody else's lock\n"
    print "Hand-off: 16 clients wait for one key, asleep in a queue or asking again and again, as the contender does; from before the release is asked for until the next holder knows. Killed: the"
    print "holder's process dies, from the kill until another has the key. Stopped: the holder stops for good, from the end of its TTL;"
    print "\"never\" is not within 2 s of it. The floor is what three processes take to wake each other, doing nothing: the holder's backend,"
    print "the waiter's backend, the waiter's client. What belongs to no process, a lease or a key in Redis, waits for its TTL when a process dies.\n"
    print "| contender | hand-off p50 µs | p99 µs | killed, median ms | stopped, median ms after TTL | deaths of each kind | TTL, ms |"
    print "|---|--:|--:|--:|--:|--:|--:|"
    any = "handoff|16 waiters|16|floor|"
    if ((any "p50_us") in runs) printf "| floor: three wake-ups | %s | %s | – | – | – | – |\n", number(middle(any "p50_us")), number(middle(any "p99_us"))
    for (i = 1; i <= names; i++) {
        name = order[i]
        any = "recover|killed|1|" name "|p50_ms"
        if (!(("handoff|16 waiters|16|" name "|p50_us") in runs) && !(any in runs)) continue
        printf "| %s | %s | %s | %s | %s | %s | %s |\n", title[name], number(middle("handoff|16 waiters|16|" name "|p50_us")), \
            number(middle("handoff|16 waiters|16|" name "|p99_us")), number(middle(any)), number(middle("recover|stopped|1|" name "|p50_ms")), \
            middle("recover|killed|1|" name "|deaths"), number(middle("recover|killed|1|" name "|ttl_ms"))
    }
}

BEGIN {
    trade_title["stored_p50_us"] = "until it is stored, p50"; trade_title["stored_p99_us"] = "until it is stored, p99"
    trade_title["took_p50_us"] = "until it is acknowledged, p50"; trade_title["took_p99_us"] = "until it is acknowledged, p99"
}

# sizes writes markets, memory, instructions, a trading instance's times and costs.
function sizes(   i, p, head, at) {
    print "\n## Size\n"
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] == "markets" && p[5] == "per_s") {
            if (!head++) { print "Orders spread over so many markets, 8 clients.\n"; print "| markets | contender | a second | p50 µs | p99 µs |"; print "|---|---|--:|--:|--:|" }
            printf "| %s | %s | %s | %s | %s |\n", p[2], title[p[4]], number(middle(keys[i])), number(middle(p[1] "|" p[2] "|" p[3] "|" p[4] "|p50_us")), number(middle(p[1] "|" p[2] "|" p[3] "|" p[4] "|p99_us"))
        }
    }
    head = 0
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "memory") continue
        if (!head++) { print "\n| memory | kB |"; print "|---|--:|" }
        printf "| %s | %s |\n", p[2], number(middle(keys[i]))
    }
    head = 0
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "instructions" || p[4] != "ours") continue
        if (!head++) { print "\n| instructions of the server in user space, for one | quantmesh | theirs | ratio |"; print "|---|--:|--:|--:|" }
        at = p[1] "|" p[2] "|" p[3] "|theirs|" p[5]
        printf "| %s | %s | %s | %.2f |\n", p[2], number(middle(keys[i])), number(middle(at)), middle(keys[i]) / middle(at)
    }
    head = 0
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "trade" || p[4] != "coordinated") continue
        if (!head++) { print "\n| a trading instance, decision to acknowledgement, µs | coordinated | standalone |"; print "|---|--:|--:|" }
        printf "| %s | %s | %s |\n", trade_title[p[5]], number(middle(keys[i])), number(middle(p[1] "|" p[2] "|" p[3] "|standalone|" p[5]))
    }
    head = 0
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "costs" || p[5] != "cpu_us") continue
        if (!head++) { print "\n| one call, asynchronous commit, 1 client, medians of " runs[keys[i]] " | server's processor time, µs |"; print "|---|--:|" }
        printf "| %s | %s |\n", p[2], number(middle(keys[i]))
    }
}

# heap_only writes what share of the updates of orders is heap-only, by what was done to them.
function heap_only(   i, p, head, at) {
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "hot" || p[5] != "updates" || middle(keys[i]) == 0) continue
        if (!head++) { print "\n| updates of orders (mix 0: canceled after up to five partial fills; mix 1: filled at once) | updates | heap-only |"; print "|---|--:|--:|" }
        at = p[1] "|" p[2] "|" p[3] "|" p[4] "|heap_only"
        printf "| %s: %s | %s | %.1f %% |\n", p[4], p[2], number(middle(keys[i])), 100 * middle(at) / middle(keys[i])
    }
}

# scale writes what the model says, and how far it is off where it can be checked.
function scale(   i, p, head, at, off) {
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] != "scale" || p[5] != "off_percent") continue
        if (!head++) {
            print "\n## What one primary carries\n"
            print "A model (test/bench/scale.c: the Universal Scalability Law) that is fitted to what 1, 8 and 32 clients measured in this run. First"
            print "what it says of other numbers of clients, where it can be checked:\n"
            print "| | clients | measured | by the model | off by |"; print "|---|--:|--:|--:|--:|"
        }
        at = p[1] "|" p[2] "|" p[3] "|"
        printf "| %s | %s | %s | %s | %+.0f %% |\n", p[2], p[3], number(middle(at "measured|per_s")), number(middle(at "model|per_s")), middle(keys[i])
        if (middle(keys[i]) > 20 || middle(keys[i]) < -20) off++
    }
    if (!head) return
    if (off) print "\n**The model is more than 20 % off in its own check: what follows is no basis for a plan.**"
    print "\nThen what was fitted, its inputs, what is assumed, its limits in lives of orders (placed, opened, filled in parts, cancelled or ended), and what follows."
    print "\n| | servers | value | |"; print "|---|--:|--:|---|"
    for (i = 1; i <= nkeys; i++) {
        split(keys[i], p, "|")
        if (p[1] == "scale" && p[4] ~ /^(fitted|input|assumed|limit|carried)$/)
            printf "| %s: %s | %s | %s | %s |\n", p[4], p[2], (p[3] > 0 ? p[3] : 1), number(middle(keys[i])), (p[5] == "value" ? "" : p[5])
    }
}

END {
    judge()
    print "# Benchmarks: the report\n"
    print "Written by `make bench` from its own figures; nothing here is typed by hand. What it means is in [README.md](README.md); every run is in [" csv "](" csv ")."
    if (fact["mode"] == "short") print "\n**Short mode: less than two minutes for everything. These figures show that the benchmarks work; they are no basis for a decision.**"
    split(fact["load average at the start"], load, " "); split(fact["processor"], part, ", ")
    if (load[1] > 0.5 * (part[2] + 0)) print "\n**The machine was busy with something else when this began: see its load average. Rates and times are no basis for a decision; what is lost in the audit does not depend on it.**"
    in_short()
    print "\n## Measured on\n"
    print "| | |"; print "|---|---|"
    for (i = 1; i <= nfacts; i++) printf "| %s | %s |\n", facts[i], fact[facts[i]]
    losses()
    targets()
    others()
    print "\n## Rates and latencies\n"
    print "A commit that has written something waits for the disk (fsync on). Every client is a process with a key of its own."
    print "Nothing is done in a section, and no guard() is called in a lease's: these are the rates of the locks alone."
    print ""
    print "¹ A step does several at once; its latencies are of the whole step, its rate of one section or order."
    print "² One statement takes the lock and its commit gives it back: the section is what the server does in it. Around a client's work"
    print "it takes two round trips more, as the line below the first shows; that form is the one in the audit."
    print "³ Lost updates or duplicates in the audit above; –: not in it."
    print "With fewer than a hundred steps in a round, as of batches, p99 is its slowest step; with fewer than a thousand, p99.9."
    n = split(plots, list, " ")
    if (n > 0) print ""
    for (i = 1; i <= n; i++) printf "![%s](%s.svg)\n", list[i], list[i]
    n = split(clients_of["section"], list, " ")
    for (i = 1; i <= n; i++) rates("section", list[i], "redis")
    n = split(clients_of["order"], list, " ")
    for (i = 1; i <= n; i++) rates("order", list[i], "redis-insert")
    waits()
    sizes()
    heap_only()
    scale()
}
