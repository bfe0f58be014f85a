# Measures a command: wall time, and the CPU time of all that works for it. To be sourced.
#
# The CPU time is that of a control group which the command, the container engine and its containers
# are in. The kernel counts it in nanoseconds and for processes that nobody waits for as well, and
# other work on the machine is not in it. What the whole machine did meanwhile stands beside it.

readonly METER_GROUP=kmatrix-bench

if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    meter=/sys/fs/cgroup/$METER_GROUP
else
    meter=/sys/fs/cgroup/cpuacct/$METER_GROUP
fi

meter_open() {
    meter_close
    mkdir -p "$meter"/{engine,work,bare}
}

# Kills what is still in the groups, which an interrupted benchmark leaves, and removes them in every
# hierarchy: the engine makes its containers' in all of them.
meter_close() {
    local wait
    for wait in {1..100}; do
        find "$meter" -name cgroup.procs -exec cat {} + 2>/dev/null |
            xargs --no-run-if-empty kill -KILL 2>/dev/null || true
        meter_groups | xargs --no-run-if-empty rmdir 2>/dev/null || true
        [[ -n $(meter_groups) ]] || return 0
        sleep 0.1
    done
    echo "warning: control groups named $METER_GROUP are left" >&2
}

# The deepest first.
meter_groups() {
    find /sys/fs/cgroup -depth -type d -path "*/$METER_GROUP*" 2>/dev/null
}

# enter GROUP COMMAND...: becomes the command, in one of the groups.
enter() {
    echo "$BASHPID" >"$meter/$1/cgroup.procs"
    shift
    exec "$@"
}

# measure FILE COMMAND...: runs the command and writes its `wall` time, its `cpu` time and the parts of
# that, and that of the whole `machine`, all in seconds, as JSON.
measure() {
    local file=$1 status=0 before
    shift
    before=$(clocks)
    (enter work "$@") || status=$?
    jq --null-input --compact-output --argjson before "$before" --argjson after "$(clocks)" \
        '$after | with_entries(.value -= $before[.key])' >"$file"
    return "$status"
}

clocks() {
    printf '{"wall": %s, "cpu": %s, "command": %s, "engine": %s, "containers": %s, "machine": %s}' \
        "$EPOCHREALTIME" "$(group_seconds "$meter")" "$(group_seconds "$meter/work")" \
        "$(group_seconds "$meter/engine")" "$(group_seconds "$meter/containers")" "$(machine_seconds)"
}

# The engine makes the containers' group with the first of them.
group_seconds() {
    if [[ -e $1/cpuacct.usage ]]; then
        awk '{ printf "%.6f", $1 / 1e9 }' "$1/cpuacct.usage"
    elif [[ -e $1/cpu.stat ]]; then
        awk '$1 == "usage_usec" { printf "%.6f", $2 / 1e6 }' "$1/cpu.stat"
    else
        echo 0
    fi
}

# User, nice, system, and both kinds of interrupts (proc(5)).
machine_seconds() {
    awk -v tick="$(getconf CLK_TCK)" \
        '$1 == "cpu" { printf "%.2f", ($2 + $3 + $4 + $7 + $8) / tick }' /proc/stat
}
