# shellcheck shell=bash disable=SC2154,SC2034  # variables of ci/families
# The rpm family of `ci/families`. Sourced by it.
#
# Upstream's own packages of two uploads of one kernel release, each signed by `rpmsign`, indexed by
# `createrepo_c`; the index signed beside it, and not signed in a second repository (as Fedora's are).

# Builds the kernel on the way. The second upload has the next package release, and a kernel linked
# again with it; what a module is built against is the same but for that number.
make_rpm() {
    local repository=$out/rpm upload
    for upload in first second; do
        say Packaging "$kernel as rpm, $upload upload"
        kernel_make -j"$(nproc)" binrpm-pkg RPMOPTS="--define='_buildhost families' \
            --define='use_source_date_epoch_as_buildtime 1' \
            --define='clamp_mtime_to_source_date_epoch 1'" >"$work/rpm-$upload.log" 2>&1 ||
            die_with "$work/rpm-$upload.log" "upstream's binrpm-pkg fails"
    done
    make_pgp_key rpm rsa3072
    mkdir -p "$repository"
    cp "$objects"/rpmbuild/RPMS/x86_64/*.rpm "$repository"
    rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_path $GNUPGHOME" \
        --define "_gpg_name $(fingerprint rpm)" \
        --addsign "$repository"/*.rpm >"$work/rpmsign.log" 2>&1 || die_with "$work/rpmsign.log" "rpmsign fails"
    createrepo_c --quiet --revision "$SOURCE_DATE_EPOCH" --set-timestamp-to-revision "$repository"
    cp -al "$repository" "$out/rpm-unsigned-index"
    sign_detached rpm --armor --output "$repository/repodata/repomd.xml.asc" "$repository/repodata/repomd.xml"
}

# With the family's own tools: each package's digests and signature, and a real installation from
# both repositories by dnf. What was changed after signing has to be refused.
check_rpm() {
    local package database=$work/rpm-database keys=$out/keys/rpm.asc changed=$work/changed.rpm
    rpmkeys --dbpath "$database" --import "$keys"
    for package in "$out"/rpm/*.rpm; do
        rpmkeys --dbpath "$database" --checksig "$package" | grep ': digests signatures OK$' >/dev/null ||
            die "rpmkeys does not accept $package"
    done
    cp "$package" "$changed"
    flip_last_byte "$changed"
    refuses rpmkeys --dbpath "$database" --checksig "$changed"

    install_rpm rpm 1 kernel-devel || die_with "$work/dnf.log" "dnf does not install from rpm/"
    [ -e "$work/dnf/usr/src/kernels/$kernel/Module.symvers" ] || die "dnf installed no headers of $kernel"
    install_rpm rpm-unsigned-index 0 kernel-devel ||
        die_with "$work/dnf.log" "dnf does not install from rpm-unsigned-index/"
    refuses install_rpm rpm-unsigned-index 1 kernel-devel
    say Checked "rpm: $(find "$out/rpm" -name '*.rpm' | wc -l) packages, both repositories, by rpmkeys and dnf"
}

# install_rpm REPOSITORY WHETHER-ITS-INDEX-MUST-BE-SIGNED PACKAGE
install_rpm() {
    rm -rf "$work"/dnf{,-cache,-log,-state}
    mkdir -p "$work"/dnf{,-cache,-log,-state}
    dnf --quiet --assumeyes --releasever=1 --installroot="$work/dnf" \
        --setopt=reposdir=/dev/null --setopt=cachedir="$work/dnf-cache" --setopt=logdir="$work/dnf-log" \
        --setopt=persistdir="$work/dnf-state" --setopt=tsflags=noscripts \
        --repofrompath="families,file://$out/$1" --setopt=families.gpgcheck=1 \
        --setopt=families.repo_gpgcheck="$2" --setopt=families.gpgkey="file://$out/keys/rpm.asc" \
        install "$3" >"$work/dnf.log" 2>&1
}

# Prints what there is, for `families.json`.
describe_rpm() {
    local package
    for package in "$out"/rpm/*.rpm; do
        rpm --query --package --nosignature --queryformat '%{NAME} %{VERSION} %{RELEASE} %{ARCH}' "$package" |
            jq --raw-input --arg file "${package##*/}" 'split(" ") |
                {name: .[0], version: .[1], release: .[2], arch: .[3], file: $file}'
    done | jq --slurp --arg key "$(fingerprint rpm)" --arg headers "usr/src/kernels/$kernel" '{
        certificate: "keys/rpm.asc", fingerprint: $key, headers: $headers, packages: sort_by(.file),
        repositories: [
            {path: "rpm", signedIndex: true}, {path: "rpm-unsigned-index", signedIndex: false}
        ]
    }'
}
