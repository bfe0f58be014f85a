# Runs inside the build container as its first process.
#   $1 source, $2 build path, $3 the kernel's build directory, $4 umask, then make variables.
# Standard output carries a tar of the modules, or after a failed step a few lines of status, and
# nothing else; all that the build prints goes to standard error.
source=$1 path=$2 kernel=$3
umask "$4"
shift 4

# Says what step failed with which code, and ends. It starts no process: there may be room for none.
fail() {
    printf 'kmatrix-status 1\n%s %s\n' "$1" "$2"
    for events in /sys/fs/cgroup/pids/pids.events /sys/fs/cgroup/pids.events; do
        [ -r "$events" ] && while read -r name count; do
            printf 'processes-refused-%s %s\n' "$name" "$count"
        done <"$events"
    done
    { printf '%65536s' probe >/build/.kmatrix-probe; } 2>/dev/null || printf 'disk full\n'
    exit 1
}

mkdir -p "$path" "$HOME" && cp -R "$source/." "$path/" || fail copy $?
make -C "$kernel" M="$path" -j"$(nproc)" "$@" modules >&2 </dev/null || fail make $?
cd "$path" || exit 125
find . -name '*.ko' -type f -print0 | tar --null --no-recursion -T - --format=gnu -cf -
