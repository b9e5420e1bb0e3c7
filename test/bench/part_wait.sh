# shellcheck shell=bash
#
# Handoff, recover and audit: contenders' locks that somebody else has. How long from a release to the next holder with 16
# clients waiting; how long a dead holder keeps the others out; and what is lost while holders are stopped beyond their TTL.

# lock_names prints the contenders whose lock can be waited for.
lock_names() {
    contend_list | awk '$2 == "section" && $3 == "auditable" && $1 != "quantmesh-lease-unguarded" { print $1 }'
}

# part_handoff measures hand-offs, and the floor that this machine puts under them.
part_handoff() {
    local name round last figures names
    contend_begin
    last=$(last_of "$handoff_rounds")
    for ((round = $(first_of "$handoff_rounds"); round <= last; round++)); do
        mapfile -t names < <(lock_names)
        if ((round % 2 == 0)); then mapfile -t names < <(lock_names | tac); fi
        figures=$("$contend" floor "$handoff_count") || exit 1
        figures_write "16 waiters" 16 "$round" floor "$figures"
        printf 'handoff, round %d: %-26s %s\n' "$round" "floor: three wake-ups" "$figures"
        for name in "${names[@]}"; do
            figures=$(contend_run "$name" handoff 16 "$handoff_count") || exit 1
            figures_write "16 waiters" 16 "$round" "$name" "$figures"
            printf 'handoff, round %d: %-26s %s\n' "$round" "$name" "$figures"
        done
    done
}

# part_recover measures both deaths of a holder, of one contender after another.
part_recover() {
    local name death figures
    contend_begin
    for death in killed stopped; do
        for name in $(lock_names); do
            if [[ $name == redis-polling-slowly ]]; then continue; fi
            figures=$(contend_run "$name" recover "$death" "$recover_rounds") || exit 1
            figures_write "$death" 1 1 "$name" "$figures"
            printf 'recover, %s: %-26s %s\n' "$death" "$name" "$figures"
        done
    done
}

# part_audit counts what is lost. quantmesh itself must lose nothing.
part_audit() {
    local name job auditable figures
    contend_begin
    while read -r name job auditable; do
        if [[ $auditable != auditable || $name == redis-polling-slowly ]]; then continue; fi
        figures=$(contend_run "$name" audit "$audit_keys" 2 "$audit_rounds") || exit 1
        figures_write "$job" 2 1 "$name" "$figures"
        printf 'audit, %-8s %-26s %s\n' "$job" "$name" "$figures"
        if [[ $name =~ ^(quantmesh-transaction|quantmesh-session|quantmesh-lease|place)$ && $figures != *" wrong=0 "* ]]; then
            qm_fail "$name has broken its promise: $figures"
        fi
    done < <(contend_list)
}
