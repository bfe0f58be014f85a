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
    mkdir -p "$meter"/{engine,work}
}

# Removes the groups in every hierarchy: the engine makes its containers' in all of them.
meter_close() {
    local group
    while read -r group; do
        rmdir "$group"
    done < <(find /sys/fs/cgroup -depth -type d -path "*/$METER_GROUP*" 2>/dev/null)
}

# enter GROUP COMMAND...: becomes the command, in one of the groups.
enter() {
    echo "$BASHPID" >"$meter/$1/cgroup.procs"
    shift
    exec "$@"
}

# measure FILE COMMAND...: runs the command and writes `{"wall": S, "cpu": S, "machine": S}`.
measure() {
    local file=$1 status=0 wall cpu machine
    shift
    wall=$EPOCHREALTIME cpu=$(group_seconds) machine=$(machine_seconds)
    (enter work "$@") || status=$?
    awk -v wall="$EPOCHREALTIME - $wall" -v cpu="$(group_seconds) - $cpu" \
        -v machine="$(machine_seconds) - $machine" '
        function less(text, pair) { split(text, pair, " - "); return pair[1] - pair[2] }
        BEGIN {
            printf "{\"wall\": %.6f, \"cpu\": %.6f, \"machine\": %.2f}\n",
                less(wall), less(cpu), less(machine)
        }' >"$file"
    return "$status"
}

group_seconds() {
    if [[ -e $meter/cpuacct.usage ]]; then
        awk '{ printf "%.6f", $1 / 1e9 }' "$meter/cpuacct.usage"
    else
        awk '$1 == "usage_usec" { printf "%.6f", $2 / 1e6 }' "$meter/cpu.stat"
    fi
}

# User, nice, system, and both kinds of interrupts (proc(5)).
machine_seconds() {
    awk -v tick="$(getconf CLK_TCK)" \
        '$1 == "cpu" { printf "%.2f", ($2 + $3 + $4 + $7 + $8) / tick }' /proc/stat
}
