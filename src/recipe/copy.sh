# copy FROM TO: copies a tree, its files made in their order by name, or in the reverse of it.
copy() {
    mkdir -p "$2" || return
    {
        cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z $order |
            tar --null --no-recursion -T - --format=gnu $past -cf - || : >/tmp/.kmatrix-not-copied
    } | (cd "$2" && tar --no-same-permissions --delay-directory-restore ${past:---touch} -xf -) || return
    [ ! -e /tmp/.kmatrix-not-copied ]
}

