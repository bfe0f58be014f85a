# Prepares a kernel for the building of modules. Runs inside the container as its first process.
#   $1 the kernel's source   $2 the configuration as its user wrote it   $3 where to build
#   $4 what options become that the configuration does not name: `default` or `no`
#   $5 how far to build: `headers` or `modules`   $6 the kernel release that has to come out of it
#   $7 settings of the surroundings   $8 the directory that an attempt has for itself
#   all others: variables of every call of make
# Standard output carries a tar of what building modules takes, or after a failed step a few lines of
# status, and nothing else; all that the build prints goes to standard error.
source=$1 config=$2 build=$3 unanswered=$4 level=$5 wanted=$6 settings=$7 work=$8
shift 8

# Says what step failed, with its code and what more there is to say, and ends.
fail() {
    printf 'kmatrix-status 1\n%s\n' "$1"
    for events in /sys/fs/cgroup/pids/pids.events /sys/fs/cgroup/pids.events; do
        [ -r "$events" ] && while read -r name count; do
            printf 'processes-refused-%s %s\n' "$name" "$count"
        done <"$events"
    done
    { printf '%65536s' probe >"$work/.kmatrix-full"; } 2>/dev/null || printf 'disk full\n'
    exit 1
}

surround $settings
probe "$build" ''
mkdir -p "$build" || fail "copy $?"

# make ARGUMENT...
call_make() {
    step=$1
    shift
    surrounded make -C "$source" O="$build" "$@" >&2 || fail "$step $?"
}

case $unanswered in
    default)
        cp "$config" "$build/.config" || fail "copy $?"
        call_make configure "$@" olddefconfig
        ;;
    no) call_make configure "$@" KCONFIG_ALLCONFIG="$config" allnoconfig ;;
esac

# What was asked for and did not become so. What the kernel asks its tools is not for a user to say.
unkept=$(awk -F= '
    function of_tools(name) {
        return name ~ /^CONFIG_(AS|BINDGEN|CC|CLANG|GCC|LD|LLD|PAHOLE|RUSTC|TOOLS)_/ && name !~ /^CONFIG_GCC_PLUGIN/
    }
    FNR == NR { if ($1 ~ /^CONFIG_[A-Za-z0-9_]+$/) is[$1] = $0; next }
    $1 ~ /^CONFIG_[A-Za-z0-9_]+$/ && NF > 1 && !of_tools($1) {
        if ($0 == $1 "=n" ? $1 in is : is[$1] != $0) print $1
    }
    /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
        split($0, words, " ")
        if (words[2] in is && !of_tools(words[2])) print words[2]
    }
' "$build/.config" "$config" | head -n 20 | tr '\n' ' ')
[ -z "$unkept" ] || fail "config-not-kept 0 $unkept"

call_make configure "$@" include/config/kernel.release
found=$(cat "$build/include/config/kernel.release")
[ "$found" = "$wanted" ] || fail "release 0 $found"

case $level in
    headers) call_make make "$@" -j"$(nproc)" modules_prepare ;;
    modules) call_make make "$@" -j"$(nproc)" vmlinux modules ;;
esac

cd "$build" || exit 125
# The names of what external modules need of a build directory; all else of it stays behind, the
# keys that modules are signed with before all.
wanted_files() {
    for file in .config Makefile Module.symvers tools/objtool/objtool; do
        [ -f "$file" ] && printf '%s\0' "$file"
    done
    for directory in include scripts arch/*/include/generated; do
        [ -d "$directory" ] && find "$directory" -type f ! -name '.*' ! -name '*.o' ! -name '*.a' -print0
    done
    find arch -type f \( -name module.lds -o -name crtsavres.o -o -name ftrace-mod.o \) -print0
    # BTF of modules is made from the kernel's.
    grep -q '^CONFIG_DEBUG_INFO_BTF_MODULES=y$' .config && [ -f vmlinux ] && printf 'vmlinux\0'
    :
}
wanted_files | LC_ALL=C sort -zu | tar --null --no-recursion -T - --format=gnu -cf -
