# shellcheck shell=bash disable=SC2154,SC2034  # variables of ci/families
# The pacman family of `ci/families`. Sourced by it.
#
# Upstream's own packages by `makepkg`, each with a detached signature; a database by `repo-add`, which
# signs it too.

make_pacman() {
    local repository=$out/pacman/x86_64
    say Packaging "$kernel for pacman"
    # Without the uncompressed kernel and the headers of the C library. makepkg needs no database of
    # what is installed here, since it asks for Arch's names, and it refuses to be root.
    install -d -o "$builder" "$work/pacman-packages"
    MAKEPKGOPTS=--nodeps PACMAN_PKGBASE=linux-families PACMAN_EXTRAPACKAGES=headers \
        PACKAGER='kmatrix families <families@invalid>' PKGEXT=.pkg.tar.zst PKGDEST=$work/pacman-packages \
        kernel_make -j"$(nproc)" pacman-pkg >"$work/pacman.log" 2>&1 ||
        die_with "$work/pacman.log" "upstream's pacman-pkg fails"
    make_pgp_key pacman ed25519
    mkdir -p "$repository"
    cp "$work"/pacman-packages/*.pkg.tar.zst "$repository"
    local package
    for package in "$repository"/*.pkg.tar.zst; do
        sign_detached pacman --output "$package.sig" "$package"
    done
    repo-add --quiet --sign --key "$(fingerprint pacman)" "$repository/families.db.tar.gz" \
        "$repository"/*.pkg.tar.zst >"$work/repo-add.log" 2>&1 || die_with "$work/repo-add.log" "repo-add fails"
}

# With pacman itself, which is to trust nothing that is not signed: the database, then the packages.
check_pacman() {
    local package
    pacman_root "$out/pacman/x86_64"
    use_pacman --sync --refresh || die_with "$work/pacman-check.log" "pacman does not accept the database"
    use_pacman --sync --downloadonly linux-families-headers ||
        die_with "$work/pacman-check.log" "pacman does not accept the packages"
    use_pacman --sync linux-families-headers ||
        die_with "$work/pacman-check.log" "pacman does not install the packages"
    [ -e "$work/pacman-root/usr/lib/modules/$kernel/build/Module.symvers" ] ||
        die "pacman installed no headers of $kernel"

    # One database and one package that were changed after signing.
    cp -r "$out/pacman/x86_64" "$work/changed-pacman"
    package=$(echo "$work"/changed-pacman/linux-families-headers-*.zst)
    flip_last_byte "$package"
    pacman_root "$work/changed-pacman"
    use_pacman --sync --refresh
    refuses use_pacman --sync --downloadonly linux-families-headers
    flip_last_byte "$work/changed-pacman/families.db.tar.gz"
    pacman_root "$work/changed-pacman"
    refuses use_pacman --sync --refresh
    say Checked "pacman: $(find "$out/pacman" -name '*.zst' | wc -l) packages and the database, by pacman"
}

pacman_root() {
    local root=$work/pacman-root
    rm -rf "$root"
    mkdir -p "$root/var/lib/pacman" "$root/var/cache"
    cat >"$work/pacman.conf" <<CONF
[options]
Architecture = x86_64
SigLevel = Required
CacheDir = $root/var/cache
HookDir = $root/hooks
GPGDir = $work/pacman-gpg
LogFile = $root/log
[families]
Server = file://$1
CONF
    [ ! -d "$work/pacman-gpg" ] || return 0
    {
        pacman-key --gpgdir "$work/pacman-gpg" --init
        pacman-key --gpgdir "$work/pacman-gpg" --add "$out/keys/pacman.asc"
        pacman-key --gpgdir "$work/pacman-gpg" --lsign-key "$(fingerprint pacman)"
    } >"$work/pacman-key.log" 2>&1 || die_with "$work/pacman-key.log" "pacman-key fails"
}

use_pacman() {
    pacman --config "$work/pacman.conf" --root "$work/pacman-root" \
        --dbpath "$work/pacman-root/var/lib/pacman" --noconfirm "$@" >"$work/pacman-check.log" 2>&1
}

describe_pacman() {
    local package
    for package in "$out"/pacman/x86_64/*.pkg.tar.zst; do
        bsdtar --extract --to-stdout --file "$package" .PKGINFO |
            sed --quiet 's/^\(pkgname\|pkgver\|arch\) = \(.*\)/"\1": "\2"/p' | paste --serial --delimiters , |
            sed 's/.*/{&}/' | jq --arg file "${package##*/}" \
            '{name: .pkgname, version: .pkgver, arch, file: $file, signature: "\($file).sig"}'
    done | jq --slurp --arg key "$(fingerprint pacman)" --arg headers "usr/lib/modules/$kernel/build" '{
        certificate: "keys/pacman.asc", fingerprint: $key, headers: $headers, packages: sort_by(.file),
        repositories: [{path: "pacman/x86_64", database: "families.db"}]
    }'
}
