# shellcheck shell=bash disable=SC2154,SC2034  # variables of ci/families
# The kernel's source of `ci/families`, as kernel.org lays it out. Sourced by it.

# A clear-signed list of digests; a signature over the uncompressed tar. The tarball is the archive's own
# if its folder is named as kernel.org's; where Debian keeps two series, it is not, and is packed again.
make_source() {
    local name=linux-$upstream_version top
    mkdir -p "$out/source"
    top=$(tar --list --file "$work/linux.tar" 2>/dev/null | head --lines=1) || true
    if [ "${top%%/*}" = "$name" ]; then
        cp "$work"/fetched/*.orig.tar.xz "$out/source/$name.tar.xz"
    else
        say Packing "$name.tar.xz"
        tar --create --sort=name --owner=root:0 --group=root:0 --directory "$work/source" \
            --file "$work/linux.tar" "$name"
        xz -0 --threads=0 --stdout "$work/linux.tar" >"$out/source/$name.tar.xz"
    fi
    cp "$objects/.config" "$out/source/$name.config"
    make_pgp_key source rsa4096
    sign_detached source --armor --output "$out/source/$name.tar.sign" "$work/linux.tar"
    (cd "$out/source" && sha256sum "$name.tar.xz") >"$work/sums"
    gpg --quiet --batch --local-user "$(fingerprint source)" --clear-sign \
        --output "$out/source/sha256sums.asc" "$work/sums"
}

check_source() {
    local name=linux-$upstream_version ring=$work/source.gpg
    gpg --quiet --batch --dearmor --output "$ring" "$out/keys/source.asc"
    gpgv --quiet --keyring "$ring" --output "$work/signed-sums" "$out/source/sha256sums.asc" 2>"$work/gpgv.log" ||
        die_with "$work/gpgv.log" "the signature of sha256sums.asc does not hold"
    (cd "$out/source" && sha256sum --check --quiet "$work/signed-sums")
    xz --decompress --threads=0 --stdout "$out/source/$name.tar.xz" |
        gpgv --quiet --keyring "$ring" "$out/source/$name.tar.sign" - 2>"$work/gpgv.log" ||
        die_with "$work/gpgv.log" "the signature of $name.tar does not hold"
    refuses gpgv --quiet --keyring "$ring" "$out/source/$name.tar.sign" "$out/source/$name.tar.xz"
    say Checked "source: $name.tar.xz, by sha256sum and gpgv"
}

describe_source() {
    local name=linux-$upstream_version
    jq --null-input --arg name "$name" --arg version "$upstream_version" --arg key "$(fingerprint source)" \
        --arg digest "$(sha256 "$out/source/$name.tar.xz")" --arg tar "$(sha256 "$work/linux.tar")" '{
            certificate: "keys/source.asc", fingerprint: $key, version: $version,
            tarball: "source/\($name).tar.xz", sha256: $digest, uncompressedSha256: $tar,
            signature: "source/\($name).tar.sign", sums: "source/sha256sums.asc",
            config: "source/\($name).config"
        }'
}
