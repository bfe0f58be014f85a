# shellcheck shell=bash disable=SC2154,SC2034  # variables of ci/families
# The apk family of `ci/families`. Sourced by it.
#
# No suite of Debian has apk-tools or abuild, so the package and the index are made here, by the
# documented format 2 with tar, gzip and openssl, and are checked by taking them apart again. That is
# a check against the format's description, not against the family's own tools: `families.json` says
# so with `"checkedBy": "openssl"`.
#
# A package is three gzip streams one after the other: a signature over the second, the second with
# .PKGINFO, which has the SHA-256 of the third, and the third with the files. An index is two: a
# signature over the second, and the second with APKINDEX.

make_apk() {
    local repository=$out/apk/x86_64 root=$work/apk-root package=linux-families-dev
    local version=$upstream_version-r0 headers=usr/src/linux-headers-$kernel
    say Packaging "$kernel for apk"
    make_apk_key

    # The very headers of the rpm, where Alpine has them.
    mkdir -p "$root/usr/src" "$root/lib/modules/$kernel" "$work/apk-rpm"
    bsdtar --extract --file "$(first_devel_rpm)" --directory "$work/apk-rpm"
    mv "$work/apk-rpm/usr/src/kernels/$kernel" "$root/$headers"
    cp "$objects/.config" "$root/$headers/.config"
    ln -s "/$headers" "$root/lib/modules/$kernel/build"

    mkdir -p "$repository" "$work/apk"
    ci/family/apk-stream tree "$SOURCE_DATE_EPOCH" "$root" >"$work/apk/files"
    local size
    size=$(find "$root" -type f -printf '%s\n' | awk '{ size += $1 } END { print size }')
    {
        echo "# Made by ci/families, as abuild does"
        printf '%s = %s\n' pkgname "$package" pkgver "$version" \
            pkgdesc "Headers and scripts for third party modules of the families kernel" \
            url https://families.invalid/linux builddate "$SOURCE_DATE_EPOCH" \
            packager "kmatrix families <families@invalid>" size "$size" arch x86_64 \
            origin linux-families maintainer "kmatrix families <families@invalid>" license GPL-2.0-only \
            depend bash depend elfutils-dev depend perl \
            datahash "$(sha256 "$work/apk/files")"
    } >"$work/apk/pkginfo"
    ci/family/apk-stream part "$SOURCE_DATE_EPOCH" .PKGINFO="$work/apk/pkginfo" >"$work/apk/control"
    sign_apk RSA sha1 "$work/apk/control" >"$work/apk/signature"
    local file=$repository/$package-$version.apk
    cat "$work/apk/signature" "$work/apk/control" "$work/apk/files" >"$file"

    echo families >"$work/apk/description"
    {
        printf 'C:Q1%s\n' "$(openssl dgst -sha1 -binary "$work/apk/control" | base64)"
        printf '%s:%s\n' P "$package" V "$version" A x86_64 S "$(stat --format %s "$file")" I "$size" \
            T "Headers and scripts for third party modules of the families kernel" \
            U https://families.invalid/linux L GPL-2.0-only o linux-families \
            m "kmatrix families <families@invalid>" t "$SOURCE_DATE_EPOCH" D "bash elfutils-dev perl"
        echo
    } >"$work/apk/index"
    ci/family/apk-stream last "$SOURCE_DATE_EPOCH" DESCRIPTION="$work/apk/description" \
        APKINDEX="$work/apk/index" >"$work/apk/unsigned-index"
    # As abuild-sign does it by default, and as it does with `-t RSA256`.
    mkdir -p "$out/apk-rsa256/x86_64"
    ln "$file" "$out/apk-rsa256/x86_64"
    sign_apk RSA sha1 "$work/apk/unsigned-index" |
        cat - "$work/apk/unsigned-index" >"$repository/APKINDEX.tar.gz"
    sign_apk RSA256 sha256 "$work/apk/unsigned-index" |
        cat - "$work/apk/unsigned-index" >"$out/apk-rsa256/x86_64/APKINDEX.tar.gz"
}

first_devel_rpm() {
    find "$out/rpm" -name 'kernel-devel-*.rpm' | sort --version-sort | head --lines=1
}

make_apk_key() {
    openssl genrsa -out "$out/secret/apk.rsa" 4096 2>/dev/null
    openssl rsa -in "$out/secret/apk.rsa" -pubout -out "$work/apk.rsa.pub" 2>/dev/null
    apk_key=families-$(sha256 "$work/apk.rsa.pub" | cut --characters=1-8).rsa.pub
    mv "$work/apk.rsa.pub" "$out/keys/$apk_key"
}

# sign_apk TYPE DIGEST FILE: the signature's stream.
sign_apk() {
    openssl dgst "-$2" -sign "$out/secret/apk.rsa" -out "$work/apk/raw-signature" "$3"
    ci/family/apk-stream part "$SOURCE_DATE_EPOCH" ".SIGN.$1.$apk_key=$work/apk/raw-signature"
}

check_apk() {
    local package repository indexed
    package=$(echo "$out"/apk/x86_64/*.apk)
    check_apk_signature "$package" RSA sha1 || die "the signature of $package does not hold"
    [ "$(tar --extract --gzip --to-stdout --file "$work/streams/1" .PKGINFO |
        sed --quiet 's/^datahash = //p')" = "$(sha256 "$work/streams/2")" ] ||
        die "$package does not say the digest of its files"
    [ "$(ci/family/apk-stream check "$work/streams/2")" -gt 1000 ] || die "$package has hardly any files"
    # Other readers of tar: all streams are one archive to them.
    tar --list --gzip --warning=no-unknown-keyword --file "$package" |
        grep --line-regexp "usr/src/linux-headers-$kernel/Module.symvers" >/dev/null ||
        die "tar finds no headers in $package"
    bsdtar --list --file "$package" >/dev/null || die "bsdtar cannot read $package"
    indexed=Q1$(openssl dgst -sha1 -binary "$work/streams/1" | base64)

    check_apk_signature "$out/apk/x86_64/APKINDEX.tar.gz" RSA sha1 ||
        die "the signature of apk/x86_64/APKINDEX.tar.gz does not hold"
    check_apk_signature "$out/apk-rsa256/x86_64/APKINDEX.tar.gz" RSA256 sha256 ||
        die "the signature of apk-rsa256/x86_64/APKINDEX.tar.gz does not hold"
    for repository in apk apk-rsa256; do
        bsdtar --extract --to-stdout --file "$out/$repository/x86_64/APKINDEX.tar.gz" APKINDEX |
            grep --line-regexp --fixed-strings "C:$indexed" >/dev/null ||
            die "the index of $repository does not name its package"
    done
    check_changed_apk
    say Checked "apk: 1 package and 2 indexes, by openssl, tar and bsdtar, for want of apk-tools"
}

# The index under the other key type's name, and over other bytes.
check_changed_apk() {
    refuses check_apk_signature "$out/apk/x86_64/APKINDEX.tar.gz" RSA256 sha256
    ci/family/apk-stream last "$SOURCE_DATE_EPOCH" APKINDEX="$work/apk/pkginfo" >"$work/other-index"
    check_apk_signature "$out/apk/x86_64/APKINDEX.tar.gz" RSA sha1
    cat "$work/streams/0" "$work/other-index" >"$work/changed-index"
    refuses check_apk_signature "$work/changed-index" RSA sha1
}

# Leaves the streams in $work/streams.
check_apk_signature() {
    rm -rf "$work/streams"
    mkdir "$work/streams"
    ci/family/apk-stream split "$1" "$work/streams"
    tar --extract --gzip --to-stdout --ignore-zeros --file "$work/streams/0" ".SIGN.$2.$apk_key" \
        >"$work/streams/signature" 2>/dev/null &&
        openssl dgst "-$3" -verify "$out/keys/$apk_key" -signature "$work/streams/signature" \
            "$work/streams/1" >/dev/null 2>&1
}

describe_apk() {
    local file
    file=$(echo "$out"/apk/x86_64/*.apk)
    jq --null-input --arg key "$apk_key" --arg digest "$(openssl rsa -pubin -in "$out/keys/$apk_key" \
        -outform DER 2>/dev/null | sha256sum | cut --delimiter=' ' --fields=1)" \
        --arg file "${file##*/}" --arg version "$upstream_version-r0" \
        --arg headers "usr/src/linux-headers-$kernel" '{
            publicKey: "keys/\($key)", keyName: $key, fingerprint: $digest, headers: $headers,
            checkedBy: "openssl",
            packages: [{name: "linux-families-dev", version: $version, arch: "x86_64", file: $file}],
            repositories: [
                {path: "apk/x86_64", signature: ".SIGN.RSA.\($key)"},
                {path: "apk-rsa256/x86_64", signature: ".SIGN.RSA256.\($key)"}
            ]
        }'
}
