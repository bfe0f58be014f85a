# The surroundings of an attempt, which `build.sh` and `prepare.sh` set up before anything of the
# source is run. What cannot be had here is left as it is: `probe` says what was had.
personality= terminal= order= past= moved=

# surround SETTING...: takes the settings of an attempt's variation.
surround() {
    for setting; do
        case $setting in
            umask=*) umask "${setting#umask=}" ;;
            days-ahead=*) set_clock "${setting#days-ahead=}" ;;
            jobs=more) count_more ;;
            files=reversed) order=--reverse ;;
            kernel=old) setarch --uname-2.6 true 2>/dev/null && personality='setarch --uname-2.6' ;;
            terminal=yes) command -v script >/dev/null && terminal=yes ;;
            memory=other) ulimit -s unlimited 2>/dev/null ;;
        esac
    done
    mkdir -p "$HOME" || fail "copy $?"
}

# set_clock DAYS: puts the clock ahead for every program that is linked dynamically. What files say of
# themselves stays true: a clock that is ahead of all files is none that make would complain of.
set_clock() {
    for library in /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib64/faketime/libfaketimeMT.so.1 \
        /usr/lib/faketime/libfaketimeMT.so.1; do
        [ -e "$library" ] || continue
        export FAKETIME="+$1d" NO_FAKE_STAT=1 FAKE_UTIME=0
        export DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD="$library"
        past='--mtime=@1000000000'
        return
    done
}

# count_more: has `nproc` count three more than there are (GNU coreutils manual, "nproc invocation"), and
# with it `make -j`.
# With one CPU it has no effect: nothing races there, and the count is held (docs/labels.md).
count_more() {
    [ "$(nproc)" -gt 1 ] || return 0
    OMP_NUM_THREADS=$(($(nproc) + 3))
    export OMP_NUM_THREADS
}

# surrounded COMMAND...: runs a command where the source has a say.
surrounded() {
    [ -z "$personality" ] || set -- $personality "$@"
    if [ -z "$terminal" ]; then
        "$@" </dev/null
        return
    fi
    line=exec
    for word; do
        line="$line '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    done
    SHELL=/bin/sh script -q -e -c "$line" /dev/null </dev/null
}

# move_headers ROOT BUILD PATH...: makes a build directory of its own below $work, as it is below the
# root, and says where. The paths are those that are mounted below the root as well.
move_headers() {
    root=$1 build=$2
    at=$(cd "$build" && pwd -P) || return
    shift 2
    [ -d "$root$at" ] || at=$build
    moved=$work/headers$root$at
    mkdir -p "$moved" || return
    for file in "$root$at"/* "$root$at"/.[!.]*; do
        [ -e "$file" ] && ln -s "$file" "$moved/"
    done
    rm "$moved/Makefile" && cp "$root$at/Makefile" "$moved/Makefile" && chmod u+w "$moved/Makefile" || return
    for path; do
        sed -i "s!\(^\|[^A-Za-z0-9_/.-]\)$path!\1$root$path!g" "$moved/Makefile"
    done
    # The build directory is the one here, not the one that its packages have.
    sed -i "s!$root$at\$!$moved!" "$moved/Makefile"
    # Kernels before 6.13 map the names of their own headers away in code; for others it is done here.
    for path; do
        ! grep -qs 'fmacro-prefix-map=$(srctree)' "$root$path/Makefile" || return 0
    done
    maps="-fmacro-prefix-map=$root= -fmacro-prefix-map=$work/headers$root="
    export KCFLAGS="$KCFLAGS $maps" KAFLAGS="$KAFLAGS $maps"
}

# probe BUILD-PATH HEADERS: prints what of the surroundings a command of the build finds. Nothing of
# the source has been run before it.
probe() {
    mkdir -p "$1" /tmp/.kmatrix-probe/from || fail "copy $?"
    for file in a b c; do
        : >"/tmp/.kmatrix-probe/from/$file"
    done
    copy /tmp/.kmatrix-probe/from "$work/.kmatrix-order" || fail "copy $?"
    surrounded /bin/sh -c '
        say() { printf "%s\n" "$*"; }
        say kmatrix-probe 1
        say build-path "$(cd "$1" && pwd -P)"
        [ -z "$2" ] || say header-path "$(cd "$2" && pwd -P)"
        read -r domain </proc/sys/kernel/domainname
        say host-name "$(uname -n) $domain"
        say user "$(id -u) $(id -g) $USER"
        [ -d "$HOME" ] && [ -w "$HOME" ] && say home "$HOME"
        say locale "$(locale charmap day 2>/dev/null | tr "\n" " ")"
        say time-zone "$(date +%z)"
        say clock "$(date +%s)"
        say umask "$(umask)"
        say environment "$KMATRIX_NOISE/$BUILD_NUMBER"
        say cpus "$(OMP_NUM_THREADS= nproc) -j$(nproc)"
        say file-order "$(ls -U "$3" | tr "\n" " ")"
        say kernel "$(uname -r)"
        say path-order "$PATH"
        say terminal "$(readlink /proc/self/fd/0)"
        # Where libraries are mapped, without what chance adds: the first digit of the address.
        while read -r addresses rest; do
            case $rest in
                */ld-*.so*|*/libc.so*|*/libc-*.so*)
                    address=${addresses%%-*}
                    others=${address#?}
                    say memory "0x${address%"$others"}$(printf "%0${#others}d" 0)"
                    break ;;
            esac
        done </proc/self/maps
        say kmatrix-probe end
    ' kmatrix-probe "$1" "$2" "$work/.kmatrix-order" >&2
    rm -rf /tmp/.kmatrix-probe "$work/.kmatrix-order"
}
