# Runs inside the build container as its first process.
#   $1 the steps: lines that call the functions below
#   $2 the script that reads a dkms.conf, if a step asks for it
# Standard output carries a tar of the modules, of the commands that made them and of what needed
# modules export, or after a failed
# step a few lines of status, and nothing else; all that the build prints goes to standard error.
#   $3 the directory that an attempt has for itself
dkms_script=$2 work=$3
needed= more=

# Says what step failed, with its code and what more there is to say, and ends. It starts no process:
# there may be room for none.
fail() {
    printf 'kmatrix-status 1\n%s\n' "$1"
    [ -z "$needed" ] || printf 'needed %s\n' "$needed"
    for events in /sys/fs/cgroup/pids/pids.events /sys/fs/cgroup/pids.events; do
        [ -r "$events" ] && while read -r name count; do
            printf 'processes-refused-%s %s\n' "$name" "$count"
        done <"$events"
    done
    { printf '%65536s' probe >"$work/.kmatrix-full"; } 2>/dev/null || printf 'disk full\n'
    exit 1
}

# enter SOURCE PATH: copies a source to where it is built, and goes there.
enter() {
    copy "$1" "$2" || fail "copy $?"
    cd "$2" || exit 125
}

# kbuild COMMAND...: calls the kernel build system.
kbuild() {
    surrounded "$@" >&2 || fail "make $?"
}

# command_of_the_recipe COMMAND...
command_of_the_recipe() {
    surrounded "$@" >&2 || fail "command $?"
}

# dkms SOURCE TREE ...: builds what a dkms.conf says, and goes to where its modules are.
dkms() {
    surrounded bash -c "$dkms_script" kmatrix-dkms "$@" 3>"$work/.kmatrix-dkms" >&2
    code=$?
    read -r said <"$work/.kmatrix-dkms"
    rm -f "$work/.kmatrix-dkms"
    [ "$code" -eq 0 ] || fail "${said:-dkms $code}"
    cd "$said" || exit 125
}

# Finds the symbols that a module exports, for those who need it, and keeps them to be handed out.
exports() {
    symbols=$(find "$1" -name Module.symvers -type f | LC_ALL=C sort | tr '\n' ' ')
    [ -n "$symbols" ] || fail 'symvers 0'
    [ -f "$work/.kmatrix-exports" ] || more="$more -C $work .kmatrix-exports"
    find "$1" -name Module.symvers -type f -exec cat {} + >>"$work/.kmatrix-exports" || fail "copy $?"
}

# watch PROGRAM...: has the calls of programs written down that make does not keep in a `.cmd` file.
watch() {
    mkdir -p "$work/.kmatrix-watched" || fail "copy $?"
    for program; do
        called=$(command -v "$program") || continue
        cat >"$work/.kmatrix-watched/$program" <<END && chmod 755 "$work/.kmatrix-watched/$program" || fail "copy $?"
#!/bin/sh
printf '%s\n' "called $program \$*" >>"$work/.kmatrix-calls"
exec "$called" "\$@"
END
    done
    PATH=$work/.kmatrix-watched:$PATH
}

# write_commands PATH...: writes down the commands that make keeps beside what it made below these, and
# the calls that were watched. Without its last line the text is not whole, and whoever reads it says so.
write_commands() {
    {
        find "$@" -name '.*.cmd' -type f -exec grep -hE '^(saved)?cmd_' {} +
        [ ! -f "$work/.kmatrix-calls" ] || cat "$work/.kmatrix-calls"
        echo end
    } 2>/dev/null | { rm -rf "$work/.kmatrix-commands" && head -c 4194304 >"$work/.kmatrix-commands"; } 2>/dev/null
    [ ! -f "$work/.kmatrix-commands" ] || more="$more -C $work .kmatrix-commands"
}

# Hands out every module below this directory.
hand_out() {
    find . -name '*.ko' -type f -print0 |
        tar --null --no-recursion --format=gnu -cf - -T - $more
}

# Hands out these modules; those that are missing are missed by whoever reads the tar.
hand_out_only() {
    for module in "$@"; do
        [ -f "$module" ] && printf '%s\0' "$module"
    done | tar --null --no-recursion --dereference --format=gnu -cf - -T - $more
}

eval "$1"
