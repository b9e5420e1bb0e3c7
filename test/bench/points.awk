# Writes what gnuplot draws, from the CSV of test/bench/run: a block for each contender of a job; used with median.awk.
# -v figures names the figures. One is drawn by the number of clients; of several, the largest number of clients is
# drawn by figure. The first line says what stands at the axis.

BEGIN { wanted = split(figures, figure, " "); FS = "," }

$1 == "contenders" { split($0, part, "\""); name = $(NF - 2); names[++n] = name; title[name] = part[2] }

$1 == "contend" && $2 == "\"" job "\"" {
    if (!($3 in place)) { place[$3] = ++clients; axis[clients] = $3 }
    count = ++runs[$5, $3, $6]; value[$5, $3, $6, count] = $7
}

function middle(name, c, f,   i, a) {
    for (i = 1; i <= runs[name, c, f]; i++) a[i] = value[name, c, f, i] + 0
    sort(a, runs[name, c, f])
    return median(a, runs[name, c, f])
}

END {
    if (!clients) exit
    printf "# tics "
    for (i = 1; i <= clients; i++) printf "%s\"%s\" %d", (i > 1 ? ", " : ""), axis[i], i
    print ""
    for (i = 1; i <= n; i++) {
        if (!((names[i], axis[clients], figure[1]) in runs)) continue
        printf "\"%s\"\n", title[names[i]]
        if (wanted == 1)
            for (c = 1; c <= clients; c++) printf "%d %s %.1f\n", c, axis[c], middle(names[i], axis[c], figure[1])
        else
            for (c = 1; c <= wanted; c++) printf "%d %s %.1f\n", c, figure[c], middle(names[i], axis[clients], figure[c])
        print "\n"
    }
}
