# Medians and their intervals, for the parts and for the report.

# sort orders a[1] ... a[n].
function sort(a, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
}

# median returns that of sorted values.
function median(a, n) { return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }

# interval finds k and confidence: the k-th smallest and the k-th largest of n values enclose the median with probability
# 1 - 2 P(Binomial(n, 1/2) < k), at least 99 % where n allows it. With 95 % (k = 4 of 15) two reports of 140 lines that measure
# the same by independent values would all overlap in two cases of three; with 99 % (k = 3) they do in 98 of 100. The price: a
# target is met, and missed, less easily.
function interval(n,   i, choose, below) {
    choose = 1; below = 0; k = 1; confidence = 1 - 2 * 0.5 ^ n
    for (i = 0; i < n / 2 - 1; i++) {
        below += choose * 0.5 ^ n
        if (i > 0 && 1 - 2 * below < 0.99) break
        k = i + 1; confidence = 1 - 2 * below
        choose = choose * (n - i) / (i + 1)
    }
}

# bounds sorts n values, and sets low and high: the interval of the sign test, widened to the medians of the first, the middle
# and the last third of the values in the order in which they were measured. In a full run these are its laps, of all that has an interval. Values of one
# lap are more alike than those of different laps, which the sign test does not know: by it alone two runs would differ by more
# than their intervals say.
function bounds(a, n,   lap, i, count, part, mid) {
    low = high = ""
    for (lap = 0; lap < 3 && n >= 9; lap++) {
        count = 0
        for (i = int(lap * n / 3) + 1; i <= int((lap + 1) * n / 3); i++) part[++count] = a[i]
        sort(part, count)
        mid = median(part, count)
        if (low == "" || mid < low) low = mid
        if (high == "" || mid > high) high = mid
    }
    sort(a, n)
    interval(n)
    if (low == "" || a[k] < low) low = a[k]
    if (high == "" || a[n + 1 - k] > high) high = a[n + 1 - k]
}
