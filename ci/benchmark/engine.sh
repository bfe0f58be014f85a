# A container engine of the benchmark's own, so that its CPU time can be told from all other. To be
# sourced after `meter.sh`.
#
# It is the machine's `dockerd`, with its own data, in mount, process and network namespaces of its
# own: when the benchmark ends, in whatever way, its containers and mounts go with the namespaces.

# engine_start DATA RUN: keeps images in DATA, and sockets and logs in RUN.
engine_start() {
    local data=$1 run=$2
    mkdir -p "$data" "$run"
    export DOCKER_HOST=unix://$run/docker.sock
    (enter engine unshare --mount --net --pid --fork --kill-child --mount-proc \
        bash -c "$(declare -f engine_main); engine_main \"\$@\"" engine "$data" "$run" "/$METER_GROUP/containers") \
        >"$run/engine.log" 2>&1 </dev/null &
    engine_job=$!
    local wait
    for wait in {1..300}; do
        docker version >/dev/null 2>&1 && return
        kill -0 "$engine_job" 2>/dev/null || break
        sleep 0.1
    done
    tail --lines=20 "$run/engine.log" >&2
    die "the benchmark's container engine does not start"
}

# The first process of the namespaces.
engine_main() {
    local data=$1 run=$2 group=$3
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$run/containerd.toml"
    containerd --config "$run/containerd.toml" --log-level warn --root "$data/containerd" \
        --state "$run/containerd" --address "$run/containerd.sock" &
    while [[ ! -S $run/containerd.sock ]]; do sleep 0.05; done
    # No bridge, because no build has a network. A daemon without one removes the `docker0` that it
    # finds, and that one is the machine's own engine's: hence the network namespace.
    dockerd --log-level warn --host "unix://$run/docker.sock" --containerd "$run/containerd.sock" \
        --data-root "$data/docker" --exec-root "$run/docker" --pidfile "$run/docker.pid" \
        --bridge none --iptables=false --exec-opt native.cgroupdriver=cgroupfs \
        --cgroup-parent "$group" &
    # shellcheck disable=SC2064  # the process that there is now
    trap "kill $!" TERM
    wait $! || wait $!
}

engine_stop() {
    [[ -n ${engine_job:-} ]] || return 0
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null || true
    # The first process of the namespaces ends its engine, and the rest ends with it.
    pkill --parent "$engine_job" --signal TERM || true
    wait "$engine_job" || true
    engine_job=
}
